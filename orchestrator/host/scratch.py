# SPDX-License-Identifier: Apache-2.0
"""Temporary directories that know whether their owner still lives."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")
_NAME_BYTES = 8


@contextmanager
def scratch_directory(parent: Path) -> Iterator[Path]:
    """An empty directory below `parent` that is gone afterwards.

    It stays locked while its owner lives: that is how `sweep` tells what killed runs left behind.
    """
    path = parent / f"tmp{secrets.token_hex(_NAME_BYTES)}"
    descriptor = -1
    try:  # from before it is made: an interrupt in between would leave it behind
        with _locked(parent, fcntl.LOCK_SH):  # nobody sweeps between the making and its lock
            path.mkdir(mode=0o700)
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if descriptor >= 0:
            os.close(descriptor)


def sweep(parent: Path) -> list[Path]:
    """Remove the scratch directories below `parent` whose owner was killed; which they were."""
    if not parent.is_dir():
        return []
    with _locked(parent, fcntl.LOCK_EX):
        return [path for path in sorted(parent.iterdir()) if _remove_orphan(path)]


def _remove_orphan(path: Path) -> bool:
    try:
        with _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(path, ignore_errors=True)
    except OSError:  # its owner lives, or it is no directory
        return False
    return not path.exists()


@contextmanager
def _locked(directory: Path, operation: int) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


def memory_parent(need_bytes: int) -> Path | None:
    """A private directory in memory for scratch directories, or None where there is no room.

    Ten thousand small files take a second in memory and up to half a minute on a busy disk. What is
    unpacked there is also executed, which some containers forbid in shared memory.
    """
    path = _SHARED_MEMORY / f"oomlab-{os.geteuid()}"
    try:
        room = os.statvfs(_SHARED_MEMORY)
        if room.f_flag & os.ST_NOEXEC or room.f_bavail * room.f_frsize < 2 * need_bytes:
            return None
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError:
        return None
    is_ours = path.is_dir() and not path.is_symlink() and status.st_uid == os.geteuid()
    return path if is_ours and not status.st_mode & 0o077 else None
