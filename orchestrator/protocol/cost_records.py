# SPDX-License-Identifier: Apache-2.0
"""The records on what a phase costs the kernel, as `images/guest/PROTOCOL.md` has them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from orchestrator.protocol.record import Record
from orchestrator.text.amounts import count_of


class CostRecord(Record):
    """What the kernel did for memory in a phase that was not traced, or while one benchmark of it ran.

    `names` and `values` go together; what a kernel does not tell is in neither.
    """

    event: Literal["costs"]
    phase: Literal["relaxed", "target", "trigger", "after"]
    benchmark: str | None = None
    elapsed_ns: int = Field(ge=0)
    names: list[str]
    values: list[int]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.names) != len(self.values):
            raise ValueError(f"{len(self.names)} names beside {len(self.values)} values")
        return self


class CostTimeline(Record):
    """Moments of such a phase, the first at its beginning: what had been spent by then, by name.

    `at_ns` is guest time since the beginning; `values` has a row for each moment, a figure for each name.
    """

    event: Literal["costs-timeline"]
    phase: Literal["relaxed", "target", "trigger", "after"]
    names: list[str]
    at_ns: list[int]
    values: list[list[int]]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.at_ns) != len(self.values):
            raise ValueError(
                f"{count_of('moment', len(self.at_ns))} beside {count_of('row', len(self.values))}"
            )
        if any(len(row) != len(self.names) for row in self.values):
            raise ValueError(f"a row has not the {len(self.names)} figures that are named")
        return self
