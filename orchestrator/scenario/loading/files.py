# SPDX-License-Identifier: Apache-2.0
"""Finding and reading the files of a scenario: the scenario itself, and its patches."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from orchestrator.errors import HostError, InputError
from orchestrator.paths import resource_dir
from orchestrator.scenario.loading.problems import Problem, ScenarioInvalid
from orchestrator.text.nearest import nearest
from orchestrator.text.plain import named

_MAX_BYTES = 1024 * 1024
_SUFFIXES = (".yaml", ".yml")


def shipped_scenarios() -> dict[str, Path]:
    """The scenarios that come with the program, by name."""
    folder = _shipped_folder("scenarios")
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))} if folder else {}


def find_scenario(path: Path) -> Path:
    """The scenario file meant by `path`: itself, or the shipped one when `path` is a bare name.

    Raises ScenarioInvalid when there is none.
    """
    if path.is_dir():
        _give_up(path, "is a directory, not a scenario file", _any_scenario_in(path))
    if path.exists():
        return path
    shipped = shipped_scenarios()
    if path.parent == Path() and path.name in shipped:
        return shipped[path.name]
    bare = nearest(path.stem, shipped)
    beside = nearest_file(path, [path.parent])
    problem = Problem(
        str(path), None, None, "no such file, nor a shipped scenario of this name", beside or bare
    )
    raise ScenarioInvalid([problem])


def may_be_scenario(path: Path, *, also: Iterable[str]) -> bool:
    """Whether a word that may mean a scenario or another file means a scenario: by its ending.

    InputError for what is neither a file nor the name of a shipped scenario; it names the nearest of
    those, and of the other words that are known (`also`).
    """
    if path.is_file():
        return path.suffix in _SUFFIXES
    known = [*also, *shipped_scenarios()]
    if not path.exists() and str(path) not in known:
        near = nearest(str(path), known)
        raise InputError(
            f"'{named(str(path))}' is no file, no base and no shipped scenario",
            hint=f"did you mean '{near}'?" if near else f"bases: {', '.join(also)}",
        )
    return True


def read_scenario_text(path: Path) -> str:
    """The text of a scenario file. Raises ScenarioInvalid when it is not readable text."""
    try:
        with path.open("rb") as file:
            # One byte more than allowed: an endless file is not read to its end.
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        _give_up(path, f"cannot be read: {error.strerror or error}")
    if len(data) > _MAX_BYTES:
        _give_up(path, f"larger than {_MAX_BYTES // 1024} KiB; this is no scenario")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = data.count(b"\n", 0, error.start) + 1, error.start - data.rfind(b"\n", 0, error.start)
        problem = Problem(str(path), line, column, f"byte 0x{data[error.start]:02x} is not UTF-8 text")
        raise ScenarioInvalid([problem]) from None
    if "\0" in text:
        _give_up(path, "is a binary file, not a scenario")
    return text


def find_patch(name: Path, folders: Iterable[Path]) -> Path | None:
    """The file meant by `name` in the first of `folders` that has it; None when none has."""
    for place in folders:
        candidate = place / name
        if candidate.is_file():
            return candidate.absolute()
    return None


def patch_folders(folder: Path) -> list[Path]:
    """Where patches are looked for, in order."""
    images = _shipped_folder("images")
    return [folder, *([images / "patches"] if images else [])]


def nearest_file(path: Path, folders: Iterable[Path]) -> str | None:
    """The name of an existing file most like `path`, or None."""
    suffixes = {path.suffix, ".yaml", ".yml"} if path.suffix in ("", ".yaml", ".yml") else {path.suffix}
    for folder in folders:
        try:
            names = {entry.stem: entry.name for entry in folder.iterdir() if entry.suffix in suffixes}
        except OSError:
            continue
        found = nearest(path.stem, names)
        if found is not None:
            return names[found] if path.parent == Path() else str(path.parent / names[found])
    return None


def _any_scenario_in(folder: Path) -> str | None:
    return next((str(path) for path in sorted(folder.glob("*.yaml"))), None)


def _shipped_folder(name: str) -> Path | None:
    try:
        return resource_dir(name)
    except HostError:
        return None


def _give_up(path: Path, what: str, hint: str | None = None) -> NoReturn:
    raise ScenarioInvalid([Problem(str(path), None, None, what, hint)])
