# SPDX-License-Identifier: Apache-2.0
"""Sentences about times that claim no more than the numbers: never "equal"."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.analysis.findings import Finding, bound, judge
from orchestrator.analysis.phrases import change, subject, upwards
from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, Sample
from orchestrator.analysis.samples import VALUE, TimingKey
from orchestrator.text.amounts import change_range, change_text, count_of, plural


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
    succeeded: tuple[float, float]
    sample: Sample = "block"


def timing_words(seen: Seen, *, same_work: bool) -> str:
    """One sentence about a timing."""
    what, (first, second) = f"{subject(seen.key)}:", seen.names
    if not same_work:
        ours, theirs = seen.succeeded
        what_of = plural(seen.key.name) if seen.key.when == "trigger" else "% of the iterations"
        return (
            f"{what} not the same work ({ours:.0f} {what_of} of {first} succeeded, {theirs:.0f} of {second}),"
            " so no comparison"
        )
    low, high = seen.low or seen.ratio, seen.high or seen.ratio
    inside = f"95 % interval {change_text(low)} to {change_text(high)}, p = {seen.p_holm or 0:.2g}"
    match judge(seen.low, seen.high, seen.p_holm, seen.interval):
        case Finding.EXACT:
            return f"{what} {_exact(seen, low, high)}"
        case Finding.DIFFERENT:
            return f"{what} {second} {_change(seen)} ({inside})"
        case Finding.BOUNDED:
            return f"{what} no difference larger than {upwards(bound(low, high))} % ({inside})"
        case Finding.UNDECIDED:
            return f"{what} undecided ({inside})"
        case _:
            return (
                f"{what} {second} {_change(seen)} in {count_of(seen.sample, seen.blocks)};"
                f" below {LEAST_BLOCKS_FOR_A_CLAIM} no claim is made"
            )


def _change(seen: Seen) -> str:
    """Of what is no time nobody knows here whether more of it is better."""
    return f"has {change_text(seen.ratio)}" if seen.key.statistic == VALUE else change(seen.ratio)


def _exact(seen: Seen, low: float, high: float) -> str:
    where = count_of("memory state", seen.blocks)
    if seen.key.statistic == VALUE:
        ends = change_range((low, high), 3)
        return f"{seen.names[1]} has {change_text(seen.ratio, 3)}, exact in {where} ({ends})"
    if low == high == 1:
        return f"not one instruction of difference in {where}"
    ends = change_range((low, high), 3)
    return f"{seen.names[1]} {change_text(seen.ratio, 3)} instructions, exact in {where} ({ends})"
