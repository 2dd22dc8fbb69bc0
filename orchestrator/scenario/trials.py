# SPDX-License-Identifier: Apache-2.0
"""How often everything is done, and how long each part may take."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from orchestrator.scenario.fields import Duration, Model, duration_between, each_once

PhaseLimit = Annotated[Duration, duration_between(0.1, 24 * 3600)]


ClockName = Literal["realtime", "deterministic"]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Trials(Model):
    """How often everything is done."""

    blocks: Annotated[int, Field(strict=True, ge=1, le=10_000)] = Field(
        1,
        description="number of blocks; a block is one boot, from which the trials of every variant fork. With"
        " `fork: false` how often each trial is booted, with another seed each time",
        examples=[3],
    )
    fork: Annotated[bool, Field(strict=True)] = Field(
        True,
        description="the variants' trials fork from one snapshot, and are pairs. false, cold trials: each"
        " boots a guest of its own, brings its memory to the target and goes straight on. Its memory is that"
        " boot's, so nothing is paired, and the same claims take more blocks and more time. Without a word it"
        " is what the device's backend can do: false with `backend: cuttlefish`, which takes no snapshots",
        examples=[False],
    )
    forks: Annotated[int, Field(strict=True, ge=1, le=10_000)] = Field(
        1,
        description="trials of each variant that continue from one block's memory; forks of a block are no"
        " independent samples, blocks are",
        examples=[2],
    )
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**64)] = Field(
        1, description="seed of everything random; block N draws its own seed from it", examples=[1]
    )
    clock: Annotated[
        tuple[ClockName, ...],
        each_once("clock", str),
        BeforeValidator(_as_list, json_schema_input_type=ClockName | list[ClockName]),
    ] = Field(
        ("realtime",),
        min_length=1,
        description="realtime: the host's time passes in the guest. deterministic: guest time is a count of"
        " instructions, and runs repeat bit for bit. A list runs both, each with a table of its own",
        examples=["deterministic"],
    )
    timing: Annotated[bool, Field(strict=True)] = Field(
        True,
        description="trials take turns, so that their latencies mean something. false: they run side by side"
        " on all cores, and the verdict has no latencies. The deterministic clock needs no turns",
        examples=[False],
    )


class Deadlines(Model):
    """Time limits in the guest, for a reference machine; oomlab stretches them to the host's speed."""

    boot: PhaseLimit = Field(
        60.0,
        description="from power-on to the agent's first word; with `backend: cuttlefish` 25min, for Android"
        " boots for so long where it is emulated",
        examples=["60s"],
    )
    target: PhaseLimit = Field(120.0, description="for reaching the memory state", examples=["2min"])
    trigger: PhaseLimit = Field(120.0, description="for the trigger", examples=["2min"])
    benchmarks: PhaseLimit = Field(
        120.0, description="for all benchmarks of one fork together", examples=["2min"]
    )
