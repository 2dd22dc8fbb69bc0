# SPDX-License-Identifier: Apache-2.0
"""The load under test, and the processes that stand by while it runs."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StringConstraints, model_validator

from orchestrator.scenario.fields import (
    Count,
    Cross,
    Duration,
    Model,
    OomScoreAdj,
    Prose,
    Size,
    bytes_at_most,
    duration_between,
    refuse,
    size_between,
)
from orchestrator.scenario.limits import limit
from orchestrator.text.amounts import count_of
from orchestrator.units import KIB, MIB

Stop = Literal["first-oom", "end"]

_ADJ = "oom_score_adj of the trigger's processes, -1000 (never killed) to 1000 (killed first)"
_STOP = "when the trigger ends: at the first OOM kill, or when it is through"


class BinderMmap(Model):
    """Repeated mmaps of the binder device, each on an open file of its own."""

    kind: Literal["binder-mmap"] = Field(description="binder mmaps", examples=["binder-mmap"])
    size: Annotated[Size, size_between(4 * KIB, limit("map_bytes"))] = Field(
        description="length of each mapping; binder uses at most 4 MiB of it, and a process of Android maps"
        " 1 MiB minus two pages",
        examples=["4MiB", "1016KiB"],
    )
    count: Count = Field(description="number of mmaps, all processes together", examples=[600])
    processes: Annotated[int, Field(strict=True, ge=1, le=limit("processes"))] = Field(
        1, description="number of processes that share the mmaps, at most `count`", examples=[1]
    )
    hold: StrictBool = Field(
        True,
        description="keep every mapping until the trigger ends; `false` releases each one before the next",
        examples=[True],
    )
    pause: Annotated[Duration, duration_between(0, 3600)] = Field(
        0.0, description="pause of a process between two of its mmaps", examples=["10ms"]
    )
    oom_score_adj: OomScoreAdj = Field(0, description=_ADJ, examples=[0])
    stop: Stop = Field("first-oom", description=_STOP, examples=["end"])

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.processes > self.count:
            refuse(
                [
                    Cross(
                        ("processes",),
                        f"{count_of('process', self.processes)} cannot share {count_of('mmap', self.count)}",
                    )
                ]
            )
        return self


class Command(Model):
    """Any command, run by the guest's shell."""

    kind: Literal["command"] = Field(description="a shell command", examples=["command"])
    command: Annotated[Prose, StringConstraints(min_length=1), bytes_at_most(limit("command"))] = Field(
        description="what `busybox sh -c` runs in the guest",
        examples=["dd if=/dev/zero of=/dev/null bs=1M count=64"],
    )
    oom_score_adj: OomScoreAdj = Field(0, description=_ADJ, examples=[0])
    stop: Stop = Field("first-oom", description=_STOP, examples=["end"])


Trigger = Annotated[BinderMmap | Command, Field(discriminator="kind")]


class Bystanders(Model):
    """Processes that stand for the apps which die on a phone."""

    count: Annotated[int, Field(strict=True, ge=1, le=limit("bystanders"))] = Field(
        description="number of processes", examples=[4]
    )
    memory: Annotated[Size, size_between(4 * KIB, 64 * 1024 * MIB)] = Field(
        description="anonymous memory that each one holds", examples=["4MiB"]
    )
    oom_score_adj: OomScoreAdj = Field(
        0, description="oom_score_adj of the bystanders, -1000 to 1000", examples=[900]
    )
