# SPDX-License-Identifier: Apache-2.0
"""A benchmark that is a command of the user's: its own figures, under what memory."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from orchestrator.scenario.fields import Model, Name, Prose, bytes_at_most, each_once
from orchestrator.scenario.limits import limit

MemoryState = Literal["relaxed", "target", "after"]
Whens = Annotated[tuple[MemoryState, ...], each_once("when", str), Field(min_length=1)]
EVERY_STATE: tuple[MemoryState, ...] = ("relaxed", "target", "after")


class CommandBenchmark(Model):
    """A command whose output is read: Google Benchmark's JSON, KTAP, or lines `name value unit`."""

    uses_binder: ClassVar[bool] = False

    kind: Literal["command"] = Field(
        description="a command of yours, run once in each fork", examples=["command"]
    )
    name: Name = Field(description="what its figures are called: `NAME`, `NAME/FIGURE`", examples=["mytest"])
    command: Annotated[Prose, StringConstraints(min_length=1), bytes_at_most(limit("command"))] = Field(
        description="what `busybox sh -c` runs in the guest; `files` brings programs",
        examples=["/mytest 100"],
    )
    when: Whens = Field(
        EVERY_STATE,
        description="as of the other benchmarks; `after` takes a trigger. Commands come after the other"
        " benchmarks, and are not run in traced forks",
        examples=[["relaxed", "target"]],
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The command as a whole; its figures have names that nobody knows before."""
        return (self.name,)
