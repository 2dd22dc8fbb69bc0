# SPDX-License-Identifier: Apache-2.0
"""The page of a job on GitHub's runners: what is appended to the file that `GITHUB_STEP_SUMMARY` names.

GitHub shows that file as Markdown, up to 1 MiB a step; of a larger one it shows nothing ("Adding a job
summary" in its documentation of workflow commands).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from orchestrator.commands.shared import print_error
from orchestrator.errors import HostError
from orchestrator.text.plain import named
from orchestrator.units import MIB

VARIABLE = "GITHUB_STEP_SUMMARY"
_MOST_BYTES = MIB


def add_to_step_summary(page: Callable[[], str], short: Callable[[], str], taken: Iterable[Path]) -> None:
    """Append `page` where there is such a file, or `short` where the page would be too much.

    A job that has asked for a report in that very file (`taken`) has its way. What cannot be written is
    told, and changes no exit code: the page is an extra that nobody asked for.
    """
    name = os.environ.get(VARIABLE)
    if not name or Path(name).resolve() in {path.resolve() for path in taken}:
        return
    try:
        with Path(name).open("ab") as file:
            data = _bytes(page())
            if file.tell() + len(data) > _MOST_BYTES:
                data = _bytes(short())
            file.write(data)
    except OSError as error:
        print_error(HostError(f"{VARIABLE}: {name} cannot be written: {error.strerror or error}"))


def _bytes(text: str) -> bytes:
    return (named(text).rstrip("\n") + "\n\n").encode()
