# SPDX-License-Identifier: Apache-2.0
"""The files of a base as a mapping: of a whole tree only those are read that somebody looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from posixpath import basename, dirname
from typing import Any

from orchestrator.patch_review.source_file import SourceFile

Files = Mapping[str, SourceFile]


class TreeFiles(Mapping[str, SourceFile]):
    """Files by path; `read` gives a text when it is first asked for."""

    def __init__(self, paths: list[str], read: Callable[[str], bytes]) -> None:
        self._paths = dict.fromkeys(paths)
        self._read = read
        self._held: dict[str, SourceFile] = {}
        self.memo: dict[str, Any] = {}
        """For what is computed from all of them."""

    def __getitem__(self, path: str) -> SourceFile:
        if path not in self._paths:
            raise KeyError(path)
        if path not in self._held:
            text = self._read(path).decode(errors="surrogateescape")
            self._held[path] = SourceFile(path, text)
        return self._held[path]

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


class ChangedFiles(Mapping[str, SourceFile]):
    """Files after a patch: those of before, but for what it changed (None: removed)."""

    def __init__(self, before: Files, changed: Mapping[str, SourceFile | None]) -> None:
        self.before: Files = before.before if isinstance(before, ChangedFiles) else before
        earlier = before.changed if isinstance(before, ChangedFiles) else {}
        self.changed: dict[str, SourceFile | None] = {**earlier, **changed}

    def __getitem__(self, path: str) -> SourceFile:
        if path in self.changed:
            file = self.changed[path]
            if file is None:
                raise KeyError(path)
            return file
        return self.before[path]

    def __contains__(self, path: object) -> bool:
        return self.changed[path] is not None if path in self.changed else path in self.before

    def __iter__(self) -> Iterator[str]:
        yield from (path for path in self.before if path not in self.changed)
        yield from (path for path, file in self.changed.items() if file is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def beside(files: Files, path: str) -> list[str]:
    """The C sources and headers in the directory of a path, without it."""
    folder = dirname(path)
    return [
        other for other in files
        if dirname(other) == folder and other != path and other.endswith((".c", ".h", ".S", ".rs"))
    ]  # fmt: skip


def of_that_name(files: Files, path: str) -> list[str]:
    """The files with the name of one that is missing, wherever they are; nearest first."""
    name, parts = basename(path), set(path.split("/"))
    found = [other for other in files if basename(other) == name]
    return sorted(found, key=lambda other: (-len(parts & set(other.split("/"))), len(other), other))
