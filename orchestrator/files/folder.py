# SPDX-License-Identifier: Apache-2.0
"""The one door to the files of a run directory, which may have come from anybody.

Whoever sends one decides what lies under its names: a link to a file of the reader's, a pipe that never
says anything, a device. So a folder is opened from the directory that the user named downwards, name by
name, and nothing but folders and regular files is found in it. Links above that directory are the user's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import InputError
from orchestrator.units import MIB

MOST_BYTES = 64 * MIB
"""Of a file that is read as a whole, unless its reader says otherwise."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: between the look at a file and its opening it could become a pipe, which would wait.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MODE = 0o666  # less the user's umask
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISREG, "a file"),
)
_HINT = "a run directory holds files and folders of its own alone; whoever made this one changed it"


@dataclass(frozen=True)
class Folder:
    """A run directory, or a folder `below` it. Everything below `root` is opened without following links.

    Every method raises InputError for what is neither a regular file nor a folder, and OSError (with the
    whole path as its `filename`) for what the system refuses.
    """

    root: Path
    below: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Where it is, for messages: what is opened by this path may be elsewhere."""
        return Path(self.root, *self.below)

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path.name

    def folder(self, *names: str) -> Folder:
        """A folder below this one, whether it exists or not."""
        return Folder(self.root, (*self.below, *map(_single, names)))

    def names(self) -> list[str]:
        """What is in it, sorted; nothing when it does not exist."""
        try:
            with self._opened() as descriptor:
                return sorted(os.listdir(descriptor))  # noqa: PTH208 - the descriptor is the place
        except FileNotFoundError:
            return []

    def has(self, name: str) -> bool:
        """True for a regular file of that name; InputError for anything else that is there."""
        try:
            with self._opened() as descriptor:
                self._require_file(name, os.stat(_single(name), dir_fd=descriptor, follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def link(self, name: str) -> str | None:
        """What the symbolic link called `name` says; None when there is none. It is not followed."""
        with suppress(OSError), self._opened() as descriptor:
            return os.readlink(_single(name), dir_fd=descriptor)
        return None

    def open(self, name: str, *, most_bytes: int = MOST_BYTES) -> BinaryIO:
        """A file for reading; InputError when it is larger than `most_bytes`."""
        file = os.fdopen(self.descriptor(name, os.O_RDONLY), "rb")
        size_bytes = os.fstat(file.fileno()).st_size
        if size_bytes > most_bytes:
            file.close()
            raise InputError(
                f"{self.path / name} has {size_bytes // MIB} MiB; at most {most_bytes // MIB} MiB are read"
            )
        return file

    def read(self, name: str, *, most_bytes: int = MOST_BYTES) -> bytes:
        """A whole file; InputError when it is larger than `most_bytes`."""
        with self.open(name, most_bytes=most_bytes) as file:
            return file.read(os.fstat(file.fileno()).st_size)

    def head(self, name: str, most_bytes: int) -> bytes:
        """The beginning of a file of any size."""
        return self._part(name, lambda size_bytes: (0, min(size_bytes, most_bytes)))

    def tail(self, name: str, most_bytes: int) -> bytes:
        """The end of a file of any size."""
        return self._part(name, lambda size_bytes: (max(0, size_bytes - most_bytes), most_bytes))

    def create(self, name: str) -> BinaryIO:
        """A new file, for writing and reading back; FileExistsError when there is anything already."""
        return os.fdopen(self.descriptor(name, os.O_RDWR | os.O_CREAT | os.O_EXCL), "w+b")

    def descriptor(self, name: str, flags: int) -> int:
        """open(2) of a regular file; InputError for any other, and for writing to one with a second name."""
        writes = flags & os.O_ACCMODE != os.O_RDONLY
        with self._opened() as directory, self._named(name):
            with suppress(FileNotFoundError):
                found = os.stat(_single(name), dir_fd=directory, follow_symlinks=False)
                self._require_file(name, found, single=writes and not flags & os.O_EXCL)
            descriptor = os.open(name, flags | _FILE, _MODE, dir_fd=directory)
            try:
                self._require_file(name, os.fstat(descriptor), single=writes)
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor

    def replace(self, name: str, data: bytes) -> None:
        """Replace a file so that a reader sees the old or the new content, never half."""
        fresh = f".{_single(name)}.{os.getpid()}"
        with self._opened() as directory, self._named(name):
            with suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=directory)  # left by a process of the same number, or laid as a trap
            try:
                with self.create(fresh) as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(fresh, name, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(fresh, dir_fd=directory)
                raise

    def remove(self, name: str) -> None:
        """Take a file away."""
        with self._opened() as directory, self._named(name):
            os.unlink(_single(name), dir_fd=directory)

    def make(self, name: str, *, exist_ok: bool = False) -> Folder:
        """A new folder in this one. FileExistsError when there is anything already."""
        with self._opened() as directory, self._named(name):
            try:
                os.mkdir(_single(name), dir_fd=directory)
            except FileExistsError:
                if not exist_ok:
                    raise
        made = self.folder(name)
        with made._opened():  # and not a link to one
            return made

    def make_link(self, name: str, target: str) -> None:
        """A symbolic link, which nothing here will follow. FileExistsError when there is anything already."""
        with self._opened() as directory, self._named(name):
            os.symlink(target, _single(name), dir_fd=directory)

    def _part(self, name: str, choose: Callable[[int], tuple[int, int]]) -> bytes:
        with os.fdopen(self.descriptor(name, os.O_RDONLY), "rb") as file:
            start, most_bytes = choose(os.fstat(file.fileno()).st_size)
            file.seek(start)
            return file.read(most_bytes)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Its descriptor, found without following a link below the root."""
        descriptor = os.open(self.root, _DIRECTORY)
        try:
            for depth, name in enumerate(self.below):
                parent = Folder(self.root, self.below[:depth])
                with parent._named(name):
                    status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                    if not stat.S_ISDIR(status.st_mode):
                        raise InputError(f"{parent.path / name} is {_kind(status)}, no folder", hint=_HINT)
                    inner = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """A failure within the block names the whole path."""
        try:
            yield
        except OSError as error:
            error.filename = str(self.path / name)
            raise

    def _require_file(self, name: str, status: os.stat_result, *, single: bool = False) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{self.path / name} is {_kind(status)}, no file", hint=_HINT)
        if single and status.st_nlink > 1:
            raise InputError(
                f"{self.path / name} is a file that has another name elsewhere: it is not written to",
                hint="copy the run directory, without hard links, and go on with the copy",
            )


def _kind(status: os.stat_result) -> str:
    return next((words for test, words in _KINDS if test(status.st_mode)), "of an unknown kind")


def _single(name: str) -> str:
    """One step down; InputError for what would lead anywhere else."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise InputError(f"'{name}' is no name of a file in a run directory", hint=_HINT)
    return name
