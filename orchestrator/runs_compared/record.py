# SPDX-License-Identifier: Apache-2.0
"""What a comparison of two runs comes to: the record that `oomlab compare` prints."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from orchestrator.analysis.records import Comparison
from orchestrator.clock import Clock
from orchestrator.frozen import Frozen
from orchestrator.verdict.judgement import Conclusion


class ComparedRun(Frozen):
    """One of the two runs."""

    label: Literal["A", "B"] = Field(description="how the comparisons call it: `NAME (A)`")
    directory: str = Field(description="name of its directory")
    scenario: str = Field(description="name of its scenario")
    started: datetime = Field(description="when it began")
    conclusion: Conclusion = Field(description="its own verdict")
    expectations_met: bool | None = Field(
        description="the same for older programs: null where it is neither met nor not met"
    )


class Difference(Frozen):
    """Something that is not the same in both runs, apart from their results."""

    what: str = Field(description="`device.memory`, `realtime.accelerator` and the like")
    first: str = Field(description="what it was in the first run; `-`: not there")
    second: str = Field(description="what it was in the second")


class ComparedPass(Frozen):
    """Both runs under one clock."""

    clock: Clock = Field(description="what time passed in the guests")
    same_states: int = Field(description="states of memory that blocks of both runs had")
    comparisons: tuple[Comparison, ...] = Field(
        description="a variant of the second run against one of the first, which is the baseline"
    )
    times_left_out: str | None = Field(description="why times are not compared; null: they are")


class RunsCompared(Frozen):
    """Two separate runs side by side."""

    runs: tuple[ComparedRun, ComparedRun]
    differences: tuple[Difference, ...] = Field(
        description="all that differs in scenario, kernels and machine; seeds, numbers of blocks, names and"
        " expectations aside"
    )
    passes: tuple[ComparedPass, ...] = Field(description="one for each clock that both have")
    cannot: tuple[str, ...] = Field(description="what these two runs cannot show; a sentence each")
