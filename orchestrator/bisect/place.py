# SPDX-License-Identifier: Apache-2.0
"""Where the steps of a bisection leave what they saw: beside the tree, never in it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from orchestrator.errors import HostError, InputError

_STEP = re.compile(r"([0-9]{4,})-.*")
LOG = "steps.log"


def place_for(tree: Path, out: Path | None) -> Path:
    """The directory of all steps: `out`, or TREE.bisect beside the tree.

    InputError for one inside the tree: git would see it there, and the build might read it.
    """
    place = tree.with_name(f"{tree.name}.bisect") if out is None else out.resolve()
    if place.is_relative_to(tree):
        raise InputError(
            f"{place} lies in the tree {tree}, where git would see the runs",
            hint="give --out a directory outside of it",
        )
    return place


def new_step(place: Path, commit: str) -> Path:
    """A fresh directory below `place` for the step that tries `commit`: NNNN-COMMIT. HostError."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        numbers = [int(found[1]) for entry in place.iterdir() if (found := _STEP.fullmatch(entry.name))]
        step = place / f"{max(numbers, default=0) + 1:04d}-{commit}"
        step.mkdir()
    except OSError as error:
        raise HostError(f"{place} cannot be written: {error.strerror}", hint="choose another --out") from None
    return step


def append_line(place: Path, line: str) -> None:
    """Add a line to the log of all steps. HostError."""
    try:
        with os.fdopen(os.open(place / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666), "w") as log:
            log.write(f"{line}\n")
    except OSError as error:
        raise HostError(f"{place / LOG} cannot be written: {error.strerror}") from None
