# SPDX-License-Identifier: Apache-2.0
"""Which attempt of a trial counts: the last one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from orchestrator.guests.qemu.machine import Clock
from orchestrator.result import Stage, TrialResult


class TrialKey(NamedTuple):
    """What tells one trial of a scenario from all others, whatever attempt it is."""

    mode: str
    clock: Clock
    block: int
    variant: str
    fork: int
    stage: Stage = "trigger"


def trial_key(result: TrialResult) -> TrialKey:
    """Which trial a result is of."""
    return TrialKey(result.mode, result.clock, result.block, result.variant, result.fork, result.stage)


def last_attempts(results: Sequence[TrialResult]) -> dict[TrialKey, TrialResult]:
    """In the order of the plan: what ran first depends on the host, and on where a run was cut short."""
    last = {trial_key(result): result for result in results}
    return dict(sorted(last.items(), key=lambda item: item[1].trial))
