# SPDX-License-Identifier: Apache-2.0
"""A drafted scenario and its patches as files: whole or not at all, and never over somebody's edits."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.files.atomic import write_atomic
from orchestrator.files.reading import read_bounded
from orchestrator.reproduce.draft import Draft
from orchestrator.run.asked import load_runnable
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.units import MIB

_LARGEST_SCENARIO_BYTES = MIB
_MARK = re.compile(r"^# unedited: ([0-9a-f]{16})\n", re.MULTILINE)


def write_draft(draft: Draft, name: str, source: str, directory: Path, *, overwrite: bool) -> Path:
    """Write `name`.yaml and its patches into `directory`; the path of the scenario.

    The scenario is valid before anything is written. InputError where it is not, where a file was edited
    since it was written, unless `overwrite`, and where nothing can be written.
    """
    text = _marked(draft.text(source))
    scenario = directory / f"{name}.yaml"
    _refuse_edited(scenario, overwrite=overwrite)
    _validated(draft, text, name)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for file, content in draft.files.items():
            write_atomic(directory / file, content.encode(errors="surrogateescape"))
        write_atomic(scenario, text.encode())
    except OSError as error:
        raise InputError(
            f"cannot write to {directory}: {error.strerror}", hint="choose another with --write"
        ) from None
    return scenario


def _validated(draft: Draft, text: str, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="oomlab-") as place:
        for file, content in draft.files.items():
            Path(place, file).write_bytes(content.encode(errors="surrogateescape"))
        path = Path(place, f"{name}.yaml")
        path.write_text(text)
        try:
            load_runnable(path)
        except ScenarioInvalid as error:
            raise InputError(
                "what the text shows makes no valid scenario",
                evidence=[problem.what for problem in error.problems],
                hint="--scale, --free-list or --event may help",
            ) from None


def _marked(text: str) -> str:
    """With a sum of the rest, which tells an edited file from one that may be written anew."""
    first, _, rest = text.partition("\n")
    return f"{first}\n# unedited: {_sum(rest)}\n{rest}"


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refuse_edited(path: Path, *, overwrite: bool) -> None:
    if overwrite or not path.exists():
        return
    text = read_bounded(path, _LARGEST_SCENARIO_BYTES).decode(errors="replace")
    mark = _MARK.search(text)
    if mark is None or _sum(text[mark.end() :]) != mark[1]:
        raise InputError(
            f"{path} is there already, and edited",
            hint=f"`oomlab run {path}` runs it; --write DIR writes elsewhere, --overwrite over it",
        )
