# SPDX-License-Identifier: Apache-2.0
"""The format in which the kernel takes files for its first root. Pure.

Documentation/driver-api/early-userspace/buffer-format.rst, magic 070701 ("newc").
"""

from __future__ import annotations

TRAILER = "TRAILER!!!"
"""The name of what ends an archive."""
_ALIGNMENT = 4


def header(name: str, number: int, mode: int, size_bytes: int) -> bytes:
    """What stands before a member's content: root's, of no date, a thing of its own (`number`)."""
    path = name.encode() + b"\0"
    #        ino     mode  uid gid links mtime size      device, rdevice  name       check
    fields = (number, mode, 0, 0, 1, 0, size_bytes, 0, 0, 0, 0, len(path), 0)
    return aligned(b"070701" + b"".join(b"%08X" % field for field in fields) + path)


def padding(size_bytes: int) -> bytes:
    """What follows a content of this size; the next member begins behind it."""
    return bytes(-size_bytes % _ALIGNMENT)


def aligned(content: bytes) -> bytes:
    """A content with its padding."""
    return content + padding(len(content))
