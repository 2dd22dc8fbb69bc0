# SPDX-License-Identifier: Apache-2.0
"""Sentences about times that claim no more than the numbers: never "equal"."""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.analysis.comparison import LEAST_BLOCKS_FOR_A_CLAIM
from orchestrator.analysis.inference import LEVEL
from orchestrator.analysis.samples import MMAP, TimingKey

WORTH_A_BOUND = 0.2
"""An interval that reaches further than this from 1 bounds nothing that anybody argues about."""
_PERCENT = 100
_WHEN = {"relaxed": "relaxed", "target": "at the target", "trigger": "in the trigger",
         "after": "after the trigger"}  # fmt: skip
_UNITS = ((1 << 20, "MiB"), (1 << 10, "KiB"))
_LARGEST_IN_BYTES = 1 << 17
"""Google Benchmark's arguments up to 64 KiB are known by their bytes."""


@dataclass(frozen=True)
class Seen:
    """What one timing of two variants came to; ratios are candidate / baseline."""

    names: tuple[str, str]
    key: TimingKey
    blocks: int
    ratio: float
    low: float | None
    high: float | None
    p_holm: float | None
    interval: str
    served: tuple[float, float]


def timing_words(seen: Seen, *, same_work: bool) -> str:
    """One sentence about a timing."""
    what = f"{subject(seen.key)}:"
    if not same_work:
        (ours, theirs), (first, second) = seen.served, seen.names
        return (
            f"{what} not the same work ({first} was served {ours:.0f} times, {second} {theirs:.0f}),"
            " so no comparison"
        )
    if seen.interval == "exact":
        return f"{what} {_exact(seen)}"
    if seen.low is None or seen.high is None or seen.p_holm is None:
        return (
            f"{what} {seen.names[1]} {change(seen.ratio)} in {seen.blocks} block{'s' * (seen.blocks != 1)};"
            f" below {LEAST_BLOCKS_FOR_A_CLAIM} no claim is made"
        )
    inside = f"95 % interval {signed(seen.low)} to {signed(seen.high)}, p = {seen.p_holm:.2g}"
    if seen.p_holm <= LEVEL and not seen.low <= 1 <= seen.high:
        return f"{what} {seen.names[1]} {change(seen.ratio)} ({inside})"
    bound = max(abs(seen.low - 1), abs(seen.high - 1))
    if bound <= WORTH_A_BOUND:
        return f"{what} no difference larger than {upwards(bound)} % ({inside})"
    return f"{what} undecided ({inside})"


def _exact(seen: Seen) -> str:
    where = f"{seen.blocks} memory state{'s' * (seen.blocks != 1)}"
    low, high = seen.low or seen.ratio, seen.high or seen.ratio
    if low == high == 1:
        return f"not one instruction of difference in {where}"
    return f"{seen.names[1]} {signed(seen.ratio, 3)} instructions, exact in {where} ({_range(low, high)})"


def _range(low: float, high: float) -> str:
    return signed(low, 3) if low == high else f"{signed(low, 3)} to {signed(high, 3)}"


def subject(key: TimingKey) -> str:
    """What was timed, in words: `real_time of BM_sendVec_binder at 4096 B, relaxed`."""
    name, _, size = key.name.partition("/")
    sized = f" at {bytes_text(int(size))}" if size.isdigit() else ""
    what = "the trigger's mmaps" if name == MMAP else f"{name}{sized}, {_WHEN[key.when]}"
    return f"{key.statistic} of {what}"


def bytes_text(size_bytes: int) -> str:
    """A size as people know it."""
    if size_bytes >= _LARGEST_IN_BYTES:
        for unit_bytes, unit in _UNITS:
            if size_bytes % unit_bytes == 0:
                return f"{size_bytes // unit_bytes} {unit}"
    return f"{size_bytes} B"


def change(ratio: float) -> str:
    """`takes 4.2 % longer`, or as much shorter."""
    return f"takes {abs(ratio - 1) * _PERCENT:.1f} % {'longer' if ratio >= 1 else 'shorter'}"


def signed(ratio: float, digits: int = 1) -> str:
    """A ratio as a change: `+4.2 %`."""
    return f"{(ratio - 1) * _PERCENT:+.{digits}f} %"


def upwards(share: float) -> str:
    """A share in percent, rounded up: a bound may be too wide, never too narrow."""
    return f"{math.ceil(share * _PERCENT * 10) / 10:g}"
