# SPDX-License-Identifier: Apache-2.0
"""What a tree holds, by name and content, and a directory brought to it with as little writing as possible.

Make goes by the times of files. So what is the same is left alone, and what is written is new: objects that
were compiled from it before are older, whatever order revisions are built in.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator.errors import InputError
from orchestrator.files.atomic import write_atomic

FILE = "100644"
PROGRAM = "100755"
LINK = "120000"
"""Modes as git has them; a kernel's tree has no others."""

_MODES = {FILE: 0o644, PROGRAM: 0o755}

Listing = dict[str, tuple[str, str]]
"""By path: mode and git's id of the content."""


@dataclass(frozen=True)
class Entry:
    """A file or a link of a tree. `read` gives its content, or what the link says.

    `blob`: git's id of the content where it is known before it is read.
    """

    path: str
    mode: str
    read: Callable[[], bytes]
    blob: str | None = None


def blob_id(content: bytes) -> str:
    """What git calls a content (gitformat-pack(5)): SHA-1 over a header and the bytes."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def identity(listing: Mapping[str, tuple[str, str]]) -> str:
    """One checksum of all names, modes and contents."""
    digest = hashlib.sha256()
    for path in sorted(listing):
        mode, blob = listing[path]
        digest.update(f"{mode} {blob} {path}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def read_listing(file: Path) -> Listing | None:
    """What `write_listing` wrote; None when there is nothing to be trusted."""
    with suppress(OSError, ValueError):
        rows = json.loads(file.read_bytes())
        return {path: (mode, blob) for path, mode, blob in rows}
    return None


def write_listing(file: Path, listing: Mapping[str, tuple[str, str]]) -> None:
    """Keep what a directory holds."""
    rows = [[path, mode, blob] for path, (mode, blob) in sorted(listing.items())]
    write_atomic(file, json.dumps(rows).encode())


@dataclass
class Layout:
    """A directory that is brought to the content of a tree. `held` is what it holds, kept true all along."""

    directory: Path
    held: Listing

    def bring(self, entries: Iterable[Entry], name: str) -> None:
        """Write what is missing or different, remove what is too much.

        InputError, with `name` for the tree, where an entry would lie outside of it or lead there.
        """
        seen: set[str] = set()
        links: set[str] = set()
        for entry in entries:
            self._check(entry, links, name)
            blob = self._lay(entry, name)
            seen.add(entry.path)
            if entry.mode == LINK:
                links.add(entry.path)
            self.held[entry.path] = (entry.mode, blob)
        for path in [path for path in self.held if path not in seen]:
            self._take_away(path)

    def _check(self, entry: Entry, links: set[str], name: str) -> None:
        parts = PurePosixPath(entry.path).parts
        above = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        if not parts or parts[0] == "/" or ".." in parts or "\0" in entry.path or ".git" in parts:
            raise InputError(f"{name} holds '{entry.path}', which lies outside of it", hint=_FILES_ONLY)
        if above & links:
            raise InputError(f"{name} holds '{entry.path}' behind a symbolic link", hint=_FILES_ONLY)
        if entry.mode not in (*_MODES, LINK):
            raise InputError(f"{name} holds '{entry.path}', which is no file", hint=_FILES_ONLY)

    def _lay(self, entry: Entry, name: str) -> str:
        """Its content's id, once it lies there."""
        held = self.held.get(entry.path)
        if entry.blob is not None and held == (entry.mode, entry.blob):
            return entry.blob
        content = entry.read()
        blob = blob_id(content)
        if held == (entry.mode, blob):
            return blob
        target = self.directory / entry.path
        self._make_room(target, entry.path)
        try:
            self._write(target, entry, content, name)
        except BaseException:  # half a file is in no listing
            target.unlink(missing_ok=True)
            raise
        return blob

    @staticmethod
    def _write(target: Path, entry: Entry, content: bytes, name: str) -> None:
        if entry.mode == LINK:
            text = content.decode(errors="surrogateescape")
            if not leads_inside(entry.path, text):
                raise InputError(
                    f"{name}: the symbolic link '{entry.path}' leads out of the tree, to '{text}'",
                    hint="nothing outside of the tree is there while it is built: put the files in its place",
                )
            target.symlink_to(text)
        else:
            target.write_bytes(content)
            target.chmod(_MODES[entry.mode])

    def _make_room(self, target: Path, path: str) -> None:
        """A parent directory, and nothing under that name: a file is never written into in its place."""
        if path in self.held:
            self._take_away(path)
        for above in reversed(PurePosixPath(path).parents[:-1]):
            if str(above) in self.held:  # a file, or a link that would lead elsewhere
                self._take_away(str(above))
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(target.lstat().st_mode):
                shutil.rmtree(target)
                for below in [each for each in self.held if each.startswith(f"{path}/")]:
                    del self.held[below]
            else:
                target.unlink()

    def _take_away(self, path: str) -> None:
        del self.held[path]
        target = self.directory / path
        with suppress(FileNotFoundError, NotADirectoryError):
            target.unlink()
        for parent in target.parents:
            if parent == self.directory:
                return
            try:
                parent.rmdir()
            except OSError:  # something else is in it
                return


def leads_inside(path: str, target: str) -> bool:
    """Whether a link stays in its tree whatever other links there are: up first, then down alone."""
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    depth = len(PurePosixPath(path).parts) - 1
    return not target.startswith("/") and "\0" not in target and ups <= depth and ".." not in parts[ups:]


_FILES_ONLY = "a kernel's tree has files, directories, and links between them"


def mode_of(status: os.stat_result) -> str | None:
    """A file's mode as git has it; None for what is neither a file nor a link."""
    if stat.S_ISLNK(status.st_mode):
        return LINK
    if not stat.S_ISREG(status.st_mode):
        return None
    return PROGRAM if status.st_mode & 0o100 else FILE
