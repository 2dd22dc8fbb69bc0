# SPDX-License-Identifier: Apache-2.0
"""One line of `oomlab doctor`, and what all of them say together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from orchestrator.errors import ExitCode
from orchestrator.frozen import Frozen

State = Literal["ok", "warning", "fault"]


class Condition(Frozen):
    """One thing that a run needs, and how it stands."""

    what: str = Field(description="the thing in a word or two")
    state: State = Field(
        description="`fault`: a run cannot be made; `warning`: it can, but slower, less protected, or this "
        "could not be found out"
    )
    detail: str = Field(description="what was found")
    remedy: str = Field("", description="the command, or the words, that mend it; empty: nothing is to do")


class Examination(Frozen):
    """All conditions of a run, as one look at a machine found them."""

    ready: bool = Field(description="a run can be made here: there is no fault")
    findings: tuple[Condition, ...]
    install: str = Field("", description="the one command that installs every package that is missing")

    @property
    def exit_code(self) -> ExitCode:
        """0 when a run can be made, else 3."""
        return ExitCode.MET if self.ready else ExitCode.COULD_NOT_RUN


def diagnosis(findings: Iterable[Condition], install: str) -> Examination:
    """The findings together."""
    found = tuple(findings)
    return Examination(ready=all(each.state != "fault" for each in found), findings=found, install=install)
