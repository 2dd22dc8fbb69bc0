# SPDX-License-Identifier: Apache-2.0
"""What chance alone does on this machine, from the spread of blocks and from A/A twins."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from orchestrator.analysis.inference import LEVEL
from orchestrator.analysis.records import Noise, TimingComparison
from orchestrator.analysis.rounding import rounded
from orchestrator.analysis.timings import Pair
from orchestrator.text.amounts import count_of, spread_text

NOISY_PERCENT = 10.0
"""Changes of a few percent are what patches are argued about: a spread of this size hides them."""
_PERCENT = 100
_STATISTICS = ("real_time", "cpu_time", "p50")
"""Tails (p99, max) are few observations each, and wander on the quietest machine."""


def realtime_noise(found: Sequence[Pair], twins: Sequence[TimingComparison]) -> Noise:
    """Of a comparison under the realtime clock; `twins` are the A/A timings under the same clock."""
    spreads = [
        (math.exp(pair.spread) - 1) * _PERCENT
        for pair in found
        if pair.key.statistic in _STATISTICS and pair.spread is not None and pair.same_work
    ]
    controls = [
        abs(twin.candidate / twin.baseline - 1) * _PERCENT
        for twin in twins
        if twin.statistic in _STATISTICS and twin.comparable
    ]
    spread, control = statistics.median(spreads) if spreads else None, max(controls, default=None)
    warnings = _warnings(spread, control, twins)
    judged = spread is not None or control is not None
    return Noise(
        quiet=not warnings if judged else None,
        spread_percent=rounded(spread),
        control_percent=rounded(control),
        warnings=tuple(warnings),
    )


def deterministic_noise(twins_identical: bool | None) -> Noise:
    """Instructions are counted: nothing is chance there, if the A/A control holds."""
    warnings: tuple[str, ...] = ()
    if twins_identical is False:
        warnings = ("A/A twins are not identical, so instruction counts of this run are not exact",)
    return Noise(quiet=not warnings, spread_percent=None, control_percent=None, warnings=warnings)


def _warnings(spread: float | None, control: float | None, twins: Sequence[TimingComparison]) -> list[str]:
    found = []
    if spread is not None and spread > NOISY_PERCENT:
        found.append(
            f"ratios of single blocks spread by {spread_text(spread, 0)} (standard deviation, median over the"
            " timings): too noisy a machine for small differences"
        )
    if control is not None and control > NOISY_PERCENT:
        found.append(f"A/A: one and the same module differed from itself by up to {spread_text(control, 0)}")
    alarms = [twin for twin in twins if twin.p_holm is not None and twin.p_holm <= LEVEL]
    if alarms:
        calls = f"{len(alarms)} of {count_of('test', len(twins))} {'calls' if len(alarms) == 1 else 'call'}"
        found.append(f"A/A: {calls} one and the same module different from itself ({alarms[0].words})")
    return found
