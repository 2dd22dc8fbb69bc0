# SPDX-License-Identifier: Apache-2.0
"""A file of the user's, opened so that no pipe, device or file without end holds anybody up."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import InputError

_CHUNK_BYTES = 1 << 20
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file, also at the end of symbolic links. InputError for anything else, with the reason."""
    try:
        # A named pipe would wait for somebody to write; a terminal would become ours.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        what = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path} cannot be read: {what}") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise InputError(f"{path} is {_KINDS.get(stat.S_IFMT(mode), 'something else')}, not a file")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def size_of(file: BinaryIO) -> int:
    """Its size in bytes."""
    return os.fstat(file.fileno()).st_size


def copied(path: Path, target: BinaryIO | None, size_bytes: int) -> str:
    """The SHA-256 of exactly `size_bytes` of a file, written to `target` on the way.

    InputError where the file has another size by now.
    """
    digest = hashlib.sha256()
    with opened(path) as file:
        left = size_bytes
        while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
            digest.update(chunk)
            if target is not None:
                target.write(chunk)
            left -= len(chunk)
        if left or file.read(1):
            raise InputError(f"{path} changes while it is read", hint="run again when it is whole")
    return digest.hexdigest()
