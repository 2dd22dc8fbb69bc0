# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a scenario, and how it is reported: place, problem, nearest valid word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import InputError
from orchestrator.text.plain import one_line


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a scenario.

    `file` is the scenario file, or the option to blame (such as "--set trials.bloks=3").
    `line` and `column` count from 1; both are None where there is no place in a file.
    """

    file: str
    line: int | None
    column: int | None
    what: str
    nearest: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}:{self.column}"
        hint = f" (did you mean '{self.nearest}'?)" if self.nearest else ""
        return one_line(f"{place}: {self.what}{hint}")


class ScenarioInvalid(InputError):
    """A scenario cannot be used; `problems` has all that is wrong with it, in the file's order.

    The message has one line a problem.
    """

    def __init__(self, problems: Sequence[Problem], *, hint: str = "") -> None:
        ordered = sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))
        super().__init__("\n".join(str(problem) for problem in ordered), hint=hint)
        self.problems = tuple(ordered)
