# SPDX-License-Identifier: Apache-2.0
"""A cpio archive of files that are in memory, to be put behind an initramfs: the kernel unpacks both. Pure.

Files that lie on disk are packed by `guest_files.archive`.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.guest_files.newc import TRAILER, aligned, header

_REGULAR = 0o100000


def behind(initramfs: bytes, files: Mapping[str, bytes]) -> bytes:
    """An initramfs with more files at the root of the guest, by name; they replace those of the same name."""
    return aligned(initramfs) + archive(files)


def archive(files: Mapping[str, bytes], mode: int = 0o644) -> bytes:
    """Regular files of root's, of no date: the same bytes for the same files."""
    members = [
        header(name, number, _REGULAR | mode, len(content)) + aligned(content)
        for number, (name, content) in enumerate(sorted(files.items()), start=1)
    ]
    return b"".join([*members, header(TRAILER, 0, 0, 0)])
