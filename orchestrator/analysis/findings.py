# SPDX-License-Identifier: Apache-2.0
"""What kind of statement a timing allows, and many of them in one clause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto

from orchestrator.analysis.inference import LEVEL
from orchestrator.analysis.phrases import subject, upwards
from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, TimingComparison
from orchestrator.analysis.samples import VALUE, TimingKey
from orchestrator.text.amounts import change_range, change_text, count_of, is_factor, short

WORTH_A_BOUND = 0.2
"""An interval that reaches further than this from 1 bounds nothing that anybody argues about."""
_NAMED = 3
"""So many differences are named one by one."""


class Finding(Enum):
    """The strongest statement that a timing bears."""

    DIFFERENT = auto()
    """Interval and corrected test agree that there is a difference."""
    BOUNDED = auto()
    """No difference was shown, and none larger than the interval's farther end is there."""
    UNDECIDED = auto()
    """Neither: the interval is too wide."""
    FEW = auto()
    """Too few blocks for either."""
    OTHER_WORK = auto()
    """The variants did not do the same."""
    EXACT = auto()
    """Instructions were counted."""


def judge(low: float | None, high: float | None, p_holm: float | None, interval: str) -> Finding:
    """From a ratio's interval and its corrected p, for a timing of the same work."""
    if interval == "exact":
        return Finding.EXACT
    if low is None or high is None or p_holm is None:
        return Finding.FEW
    if p_holm <= LEVEL and not low <= 1 <= high:
        return Finding.DIFFERENT
    return Finding.BOUNDED if bound(low, high) <= WORTH_A_BOUND else Finding.UNDECIDED


def finding(timing: TimingComparison) -> Finding:
    """What a timing allows."""
    if not timing.comparable:
        return Finding.OTHER_WORK
    return judge(timing.low, timing.high, timing.p_holm, timing.interval)


def bound(low: float, high: float) -> float:
    """The farther end of an interval of a ratio, as a distance from 1."""
    return max(abs(low - 1), abs(high - 1))


def headline(timings: Iterable[TimingComparison]) -> list[TimingComparison]:
    """What summaries are made of: times per iteration, median and tail of the trigger's requests."""
    return [
        timing
        for timing in timings
        if timing.statistic in (("p50", "p99") if timing.when == "trigger" else ("real_time", VALUE))
    ]


def summary(timings: Sequence[TimingComparison]) -> str:
    """Many timings in one clause, the strongest statements first; `nothing was timed` without any."""
    parts = []
    for kind, words in _WORDS.items():
        own = [timing for timing in timings if finding(timing) is kind]
        if own:
            parts.append(words(own))
    return "; ".join(parts) or "nothing was timed"


def _different(timings: Sequence[TimingComparison]) -> str:
    named = ", ".join(f"{_name(timing)} {change_text(timing.ratio)}" for timing in timings[:_NAMED])
    more = f" and {len(timings) - _NAMED} more" if len(timings) > _NAMED else ""
    return f"a difference in {_count(timings)} ({named}{more})"


def _bounded(timings: Sequence[TimingComparison]) -> str:
    most = max(bound(low, high) for low, high in _intervals(timings))
    return f"no difference larger than {upwards(most)} % in {_count(timings)}"


def _undecided(timings: Sequence[TimingComparison]) -> str:
    most = max(bound(low, high) for low, high in _intervals(timings))
    away = f"a factor of {short(1 + most)}" if is_factor(1 + most) else f"{upwards(most)} %"
    return f"{_count(timings)} undecided (intervals reach {away} away)"


def _few(timings: Sequence[TimingComparison]) -> str:
    return (
        f"{change_range(timing.ratio for timing in timings)} in {_count(timings)},"
        f" with fewer than {LEAST_BLOCKS_FOR_A_CLAIM} {timings[0].sample}s and so without a claim"
    )


def _other_work(timings: Sequence[TimingComparison]) -> str:
    return f"{_count(timings)} of different work (more of one variant succeeded)"


def _exact(timings: Sequence[TimingComparison]) -> str:
    ratios = [end for low, high in _intervals(timings) for end in (low, high)]
    if all(ratio == 1 for ratio in ratios):
        what = (
            "not the least" if any(each.statistic == VALUE for each in timings) else "not one instruction of"
        )
        return f"{what} difference in {_count(timings)}"
    either = ", of either sign" if min(ratios) < 1 < max(ratios) else ""
    what = "" if any(timing.statistic == VALUE for timing in timings) else " instructions"
    return f"{change_range(ratios, 3)}{what}, exact, in {_count(timings)}{either}"


def _intervals(timings: Iterable[TimingComparison]) -> Iterator[tuple[float, float]]:
    for timing in timings:
        if timing.low is not None and timing.high is not None:
            yield timing.low, timing.high


def _name(timing: TimingComparison) -> str:
    return subject(TimingKey(timing.name, timing.when, timing.statistic))


def _count(timings: Sequence[TimingComparison]) -> str:
    return count_of("timing", len(timings))


_WORDS: dict[Finding, Callable[[Sequence[TimingComparison]], str]] = {
    Finding.DIFFERENT: _different,
    Finding.BOUNDED: _bounded,
    Finding.EXACT: _exact,
    Finding.UNDECIDED: _undecided,
    Finding.FEW: _few,
    Finding.OTHER_WORK: _other_work,
}
