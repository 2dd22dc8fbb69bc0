# SPDX-License-Identifier: Apache-2.0
"""Files of the user's for the guest, and a command in place of the trigger: from the file, or by option.

`--file ./mytest:/opt/mytest` adds to `files`, `--command` takes the trigger's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from orchestrator.guest_files.guest_path import default_path
from orchestrator.scenario.loading.overrides import Override
from orchestrator.scenario.loading.problems import Problem
from orchestrator.scenario.loading.wording import Complaint, shown
from orchestrator.text.nearest import nearest

_MOST_NEIGHBOURS = 5000
EXPECTATIONS_LEFT_OUT = (
    "the scenario's expectations are of its own trigger and left out, for --command takes its place;"
    " --set expectations.VARIANT.outcome=... says others"
)


@dataclass(frozen=True)
class OwnProgram:
    """What options add to a scenario: files ("HERE" or "HERE:THERE"), and a command as the load."""

    files: Sequence[str] = ()
    command: str | None = None


def bring(data: dict[str, Any], own: OwnProgram) -> tuple[list[Override], list[Problem]]:
    """Put files and command into `data`; what was changed, and what cannot be."""
    applied: list[Override] = []
    problems: list[Problem] = []
    if own.files and data.get("files") is None:
        data["files"] = {}
    for text in own.files:
        here, there = _parted(text)
        option = f"--file {text}"
        if not _is_text(here):
            what = "its name is not UTF-8: rename the file, or give a link to it that has another name"
            problems.append(Problem(option, None, None, what))
        elif isinstance(data["files"], dict):
            for key in [key for key, place in data["files"].items() if there is not None and place == there]:
                del data["files"][key]
            data["files"][here] = there
            applied.append(Override(("files", here), option))
    if own.command is not None:
        data["trigger"] = {"kind": "command", "command": own.command}
        applied.append(Override(("trigger",), "--command"))
    return applied, problems


def leave_out_expectations(data: dict[str, Any], own: OwnProgram) -> list[str]:
    """Drop what was expected of the load that a command takes the place of; remarks about it."""
    if own.command is None or not data.get("expectations"):
        return []
    data["expectations"] = {}
    return [EXPECTATIONS_LEFT_OUT]


def resolve_files(
    data: dict[str, Any], folder: Path, from_command_line: Callable[[tuple[str, ...]], bool]
) -> tuple[dict[str, str], list[Complaint]]:
    """Make the paths of `files` absolute, and give a place to those that have none.

    Returns what each path was called before, and a finding for each that is not there.
    """
    files = data.get("files")
    names: dict[str, str] = {}
    found: list[Complaint] = []
    if not isinstance(files, dict) or not all(isinstance(key, str) and key for key in files):
        return names, found  # validation says what is wrong
    resolved: dict[str, Any] = {}
    for given, there in files.items():
        folders = [Path.cwd(), folder] if from_command_line(("files", given)) else [folder]
        here = next((str(each) for each in _candidates(given, folders) if _is_there(each)), None)
        if here is None:
            found.append(
                Complaint(("files", given), f"no such file: {shown(given)}", _beside(given, folders), True)
            )
            here = given
        elif here in resolved:
            found.append(Complaint(("files", given), f"this is the file {shown(names[here])}", None, True))
        names[here] = given
        resolved[here] = default_path(PurePath(given).name) if there is None else there
    data["files"] = resolved
    return names, found


def _parted(text: str) -> tuple[str, str | None]:
    """A path here, and one there behind the last colon; a name may have a colon of its own."""
    here, colon, there = text.rpartition(":")
    if not colon or not here or not there.startswith("/") or _is_there(Path(text)):
        return text, None
    return here, there


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _candidates(given: str, folders: Iterable[Path]) -> Iterable[Path]:
    return ((folder / given).absolute() for folder in folders)


def _is_there(path: Path) -> bool:
    """Whatever it is: what cannot be in a guest is told of with its kind."""
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or has a NUL in it
        return False


def _beside(given: str, folders: Sequence[Path]) -> str | None:
    """The file beside the place that was meant whose name is most like it."""
    names: set[str] = set()
    for folder in folders:
        try:
            neighbours = islice((folder / given).parent.iterdir(), _MOST_NEIGHBOURS)
            names |= {each.name for each in neighbours if each.is_file()}
        except (OSError, ValueError):
            continue
    return nearest(PurePath(given).name, sorted(names))
