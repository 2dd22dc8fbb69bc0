# SPDX-License-Identifier: Apache-2.0
"""A cpio archive of files that are in memory, to be put behind an initramfs: the kernel unpacks both. Pure.

Format: Documentation/driver-api/early-userspace/buffer-format.rst, magic 070701 ("newc").
"""

from __future__ import annotations

from collections.abc import Mapping

_ALIGN = 4
_TRAILER = "TRAILER!!!"
_REGULAR = 0o100000


def behind(initramfs: bytes, files: Mapping[str, bytes]) -> bytes:
    """An initramfs with more files at the root of the guest, by name; they replace those of the same name."""
    return _aligned(initramfs) + archive(files)


def archive(files: Mapping[str, bytes], mode: int = 0o644) -> bytes:
    """Regular files of root's, of no date: the same bytes for the same files."""
    members = [
        _member(name, content, number, _REGULAR | mode)
        for number, (name, content) in enumerate(sorted(files.items()), start=1)
    ]
    return b"".join([*members, _member(_TRAILER, b"", 0, 0)])


def _member(name: str, content: bytes, number: int, mode: int) -> bytes:
    path = name.encode() + b"\0"
    #        ino     mode  uid gid links mtime size          device, rdevice  name       check
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _aligned(header + path) + _aligned(content)


def _aligned(content: bytes) -> bytes:
    return content + bytes(-len(content) % _ALIGN)
