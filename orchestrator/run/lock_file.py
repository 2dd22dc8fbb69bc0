# SPDX-License-Identifier: Apache-2.0
"""The lock file beside a scenario: read, written, and held against what the scenario asks for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from orchestrator import __version__
from orchestrator.errors import HostError, InputError
from orchestrator.files.atomic import write_atomic
from orchestrator.guest_files.record import GuestFile
from orchestrator.kernels.lock import Lock, LockedVariant, contradictions, lock_of
from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.scenario.dump import yaml_text
from orchestrator.scenario.loading.document import Document, Position, read_document
from orchestrator.scenario.loading.problems import Problem

_MOST_BYTES = 1 << 20
_HEAD = (
    "# What the guests of a scenario are made from, by version and checksum. Keep it beside the scenario:\n"
    "# `oomlab run SCENARIO --lock FILE` takes exactly this. Remove it to have it written anew.\n"
)
_ANEW = "remove the file to have the lock written anew, or undo what was changed since"


@dataclass(frozen=True)
class LockFile:
    """A lock, and where in its file everything stands."""

    path: Path
    lock: Lock
    document: Document

    def require_agreement(
        self, arch: str, wanted: Mapping[str, LockedVariant], files: Sequence[GuestFile] = ()
    ) -> None:
        """InputError with every place in which the lock is not of this scenario."""
        found = [
            _problem(self.path, self.document.value_place(each.key), each.what)
            for each in contradictions(self.lock, arch, wanted, files)
        ]
        if found:
            raise InputError("\n".join(["the lock is not of this scenario", *found]), hint=_ANEW)


def read_lock(path: Path) -> LockFile | None:
    """The lock in a file; None when there is no file yet.

    Raises InputError for what is no lock, and where none could be written.
    """
    text = _read(path)
    if text is None:
        if not path.parent.is_dir():
            raise InputError(f"the lock {path} cannot be written: {path.parent} is no directory")
        return None
    document = read_document(text, str(path))
    problems = [str(problem) for problem in document.problems]
    if not problems:
        try:
            return LockFile(path, Lock.model_validate(document.data), document)
        except ValidationError as error:
            problems = [
                _problem(path, document.value_place(detail["loc"]), f"{_name(detail['loc'])}{detail['msg']}")
                for detail in error.errors(include_url=False)[:20]
            ]
    raise InputError("\n".join([f"{path} is no lock file", *problems]), hint=_ANEW)


def write_lock(path: Path, manifests: Iterable[ArtefactManifest]) -> None:
    """Write the lock for artefacts that were just made. HostError when it cannot be written."""
    data = lock_of(manifests, __version__).model_dump(mode="json", exclude_none=True)
    try:
        write_atomic(path, f"{_HEAD}{yaml_text(data)}".encode())
    except OSError as error:
        raise HostError(f"the lock {path} cannot be written: {error.strerror or error}") from None


def _read(path: Path) -> str | None:
    try:
        # O_NONBLOCK: a named pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"the lock {path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"the lock {path} is no regular file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise InputError(f"{path} is larger than {_MOST_BYTES >> 10} KiB: this is no lock file")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text: this is no lock file") from None


def _name(key: tuple[str | int, ...]) -> str:
    return f"{'.'.join(map(str, key))}: " if key else ""


def _problem(path: Path, place: Position | None, what: str) -> str:
    where = place or Position(1, 1)
    return str(Problem(str(path), where.line, where.column, what))
