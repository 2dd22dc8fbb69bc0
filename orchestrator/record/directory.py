# SPDX-License-Identifier: Apache-2.0
"""The run directory: one place with everything a run was and saw.

    manifest.json   what was run, on what, with which artefacts
    journal.jsonl   what happened, one JSON record a line, appended and flushed as it happens
    ledger.jsonl    which processes were started, for `oomlab clean`
    patches/        the patches that were tried, each named by its SHA-256
    verdict.json    what it says; can be recomputed from the two above
    blocks/NNNN/    one boot to the target: console.log, console.jsonl, control.jsonl, samples.jsonl, qemu.log
    trials/NNNN/    one fork of a block: the same files (a link to the block when it never forked)

Every file but the growing ones is replaced atomically: it is readable at any instant.
All of them are opened by `orchestrator.files.folder`: a run directory may have come from anybody.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError

from orchestrator.errors import HostError, InputError
from orchestrator.files.atomic import json_text, write_atomic
from orchestrator.files.folder import Folder
from orchestrator.files.json_numbers import HugeNumberError, require_64_bits

_M = TypeVar("_M", bound=BaseModel)
_RUNS = Path("runs")
# `link_trial` makes it; it is read, never followed.
_TO_BLOCK = re.compile(r"\.\./blocks/([0-9]{4,}(?:-[0-9]+)?)")


@dataclass(frozen=True)
class RunDirectory:
    """Names of the files of one run; `folder`, `block` and `trial` open them."""

    path: Path

    @property
    def folder(self) -> Folder:
        """The door to all of it."""
        return Folder(self.path)

    def block(self, name: str) -> Folder:
        """The files of one boot."""
        return self.folder.folder("blocks", name)

    def trial(self, name: str) -> Folder:
        """The files of one trial: those of its block when it never forked."""
        trials = self.folder.folder("trials")
        to_block = _TO_BLOCK.fullmatch(trials.link(name) or "")
        return self.block(to_block[1]) if to_block else trials.folder(name)

    @property
    def manifest(self) -> Path:
        """What was run."""
        return self.path / "manifest.json"

    @property
    def journal(self) -> Path:
        """What happened."""
        return self.path / "journal.jsonl"

    @property
    def ledger(self) -> Path:
        """Which processes were started."""
        return self.path / "ledger.jsonl"

    @property
    def verdict(self) -> Path:
        """What it says."""
        return self.path / "verdict.json"

    @property
    def blocks(self) -> Path:
        """One directory for each boot."""
        return self.path / "blocks"

    @property
    def trials(self) -> Path:
        """One directory for each trial."""
        return self.path / "trials"

    def save(self, path: Path, model: BaseModel) -> None:
        """Write a model as JSON, atomically. HostError when the disk is full."""
        try:
            write_atomic(path, json_text(model).encode())
        except OSError as error:
            raise HostError(
                f"{path} cannot be written: {error.strerror}", hint="free space, or choose another --out"
            ) from None

    def load(self, path: Path, kind: type[_M]) -> _M:
        """Read a model back; InputError when the file is missing or of another format."""
        try:
            data = Folder(path.parent).read(path.name)
            require_64_bits(data)
            return kind.model_validate_json(data)
        except FileNotFoundError:
            raise InputError(f"{path} does not exist", hint="is this a run directory?") from None
        except HugeNumberError as error:
            raise InputError(f"{path} cannot be read: {error}") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "whole file"
            raise InputError(
                f"{path} cannot be read: {where}: {first['msg']}",
                hint="it may come from another version of oomlab",
            ) from None

    def make(self, kind: Literal["blocks", "trials"], number: int) -> Folder:
        """A fresh directory for one guest's files: NNNN, or NNNN-2 and so on for a further attempt."""
        parent = self.folder.make(kind, exist_ok=True)
        for name in _attempts(number):
            with suppress(FileExistsError):
                return parent.make(name)
        raise AssertionError  # there is always a further name

    def link_trial(self, number: int, block: Folder) -> Folder:
        """The directory of a trial that never forked: all it has is what its block left."""
        parent = self.folder.make("trials", exist_ok=True)
        for name in _attempts(number):
            with suppress(FileExistsError):
                parent.make_link(name, f"../blocks/{block.name}")
                return parent.folder(name)
        raise AssertionError


def _attempts(number: int) -> Iterator[str]:
    yield f"{number:04d}"
    yield from (f"{number:04d}-{attempt}" for attempt in count(2))


def create_run_directory(out: Path | None, scenario_name: str) -> RunDirectory:
    """Make the directory of a new run.

    With `out` it must be empty or absent (InputError otherwise); without, it is
    `runs/SCENARIO-TIME` and `runs/latest` points to it.
    """
    try:
        return _given(out) if out is not None else _fresh(scenario_name)
    except OSError as error:
        raise HostError(
            f"the run directory cannot be made: {error}", hint="choose another with --out"
        ) from None


def require_unused(out: Path | None) -> None:
    """Refuse (InputError) a directory with something in it before any long work begins."""
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is not empty", hint="give --out a new or empty directory")


def place_of_run(out: Path | None, name: str) -> Path:
    """Where the directory of a run is to be that was made elsewhere: `out`, or `runs/NAME`."""
    return out if out is not None else _RUNS / name


def adopt_run_directory(made: Path, out: Path | None, name: str) -> RunDirectory:
    """Put a directory that was made elsewhere, on the same file system, into the place of this run.

    As `create_run_directory`, without `out` `runs/latest` points to it. HostError where that cannot be.
    """
    place = place_of_run(out, name)
    require_unused(place)
    try:
        made.rename(place)  # over an empty directory as well
        if out is None:
            _point_latest(place)
    except OSError as error:
        raise HostError(
            f"the run directory cannot be put into its place: {error}", hint="choose another with --out"
        ) from None
    return RunDirectory(place)


def open_run_directory(path: Path) -> RunDirectory:
    """An existing run's directory; InputError when it is none."""
    run = RunDirectory(path)
    if not run.folder.has(run.manifest.name):
        raise InputError(
            f"{path} is no run directory (it has no manifest.json)",
            hint="give the directory that `oomlab run` printed, or runs/latest",
        )
    return run


def _given(out: Path) -> RunDirectory:
    require_unused(out)
    out.mkdir(parents=True, exist_ok=True)
    return RunDirectory(out)


def _fresh(scenario_name: str) -> RunDirectory:
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    _RUNS.mkdir(exist_ok=True)
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        path = _RUNS / f"{scenario_name}-{stamp}{suffix}"
        with suppress(FileExistsError):
            path.mkdir()
            _point_latest(path)
            return RunDirectory(path)
    raise HostError(f"too many runs of {scenario_name} within one second")


def _point_latest(path: Path) -> None:
    latest = _RUNS / "latest"
    if latest.exists() and not latest.is_symlink():
        return  # the user's own directory of that name stays
    fresh = _RUNS / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(path.name)
    fresh.replace(latest)
