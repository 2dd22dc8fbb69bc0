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
    controls = [
        abs(twin.candidate / twin.baseline - 1) * _PERCENT
        for twin in twins
        if twin.statistic in _STATISTICS and twin.comparable
    ]
    spread, control = _spread(found), max(controls, default=None)
    warnings = [*_spread_warnings(spread, found), *_control_warnings(control, twins)]
    judged = spread is not None or control is not None
    return Noise(
        quiet=not warnings if judged else None,
        spread_percent=rounded(spread),
        control_percent=rounded(control),
        warnings=tuple(warnings),
    )


def deterministic_noise(twins_identical: bool | None, found: Sequence[Pair] = ()) -> Noise:
    """Instructions are counted: nothing is chance in that, if the A/A control holds.

    Where nothing is paired, chance is in the memory that each variant's boots came to.
    """
    unpaired = [pair for pair in found if not pair.paired]
    spread = _spread(unpaired)
    warnings = _spread_warnings(spread, unpaired)
    if twins_identical is False:
        warnings.append("A/A twins are not identical, so instruction counts of this run are not exact")
    return Noise(
        quiet=not warnings, spread_percent=rounded(spread), control_percent=None, warnings=tuple(warnings)
    )


def _spread(found: Sequence[Pair]) -> float | None:
    spreads = [
        (math.exp(pair.spread) - 1) * _PERCENT
        for pair in found
        if pair.key.statistic in _STATISTICS and pair.spread is not None and pair.same_work
    ]
    return statistics.median(spreads) if spreads else None


def _spread_warnings(spread: float | None, found: Sequence[Pair]) -> list[str]:
    if spread is None or spread <= NOISY_PERCENT:
        return []
    figures = f"{spread_text(spread, 0)} (standard deviation, median over the timings)"
    if any(not pair.paired for pair in found):
        text = f"times of one variant spread by {figures} from boot to boot: with nothing paired,"
        return [f"{text} small differences cannot be seen"]
    return [f"ratios of single blocks spread by {figures}: too noisy a machine for small differences"]


def _control_warnings(control: float | None, twins: Sequence[TimingComparison]) -> list[str]:
    found = []
    if control is not None and control > NOISY_PERCENT:
        found.append(f"A/A: one and the same driver differed from itself by up to {spread_text(control, 0)}")
    alarms = [twin for twin in twins if twin.p_holm is not None and twin.p_holm <= LEVEL]
    if alarms:
        calls = f"{len(alarms)} of {count_of('test', len(twins))} {'calls' if len(alarms) == 1 else 'call'}"
        found.append(f"A/A: {calls} one and the same driver different from itself ({alarms[0].words})")
    return found
