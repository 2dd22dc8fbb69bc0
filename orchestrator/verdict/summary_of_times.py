# SPDX-License-Identifier: Apache-2.0
"""What times come to, as clauses of the summary: no word without the interval behind it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from orchestrator.analysis.answers import TRANSACTIONS
from orchestrator.analysis.findings import Finding, bound, finding, headline
from orchestrator.analysis.phrases import upwards
from orchestrator.analysis.records import Comparison, TimingComparison
from orchestrator.analysis.samples import VALUE
from orchestrator.record.result import HUGE_PAGE_FAULTS
from orchestrator.text.amounts import count_of, is_factor, plural, short

_PERCENT = 100
_SAME_WITHIN = 0.01
"""Counted instructions this near are called the same, with the bound beside it."""


def time_clauses(comparison: Comparison, *, named: bool) -> Iterator[str]:
    """A clause for what was timed: the benchmarks, transactions first; the trigger's p50 where none ran.

    `named` puts the candidate's name into it, where there are several.
    """
    families: dict[str, list[TimingComparison]] = {}
    for timing in headline(comparison.timings):
        # What huge pages cost is nothing without how many there were.
        huge = timing.name.startswith(HUGE_PAGE_FAULTS)
        if finding(timing) is not Finding.OTHER_WORK and timing.statistic not in ("p99", VALUE) and not huge:
            families.setdefault(_subject(timing), []).append(timing)
    benchmarks = {name: own for name, own in families.items() if own[0].when != "trigger"}
    chosen = benchmarks or families
    for name in sorted(chosen, key=lambda name: name != _TRANSACTIONS):
        if words := _clause(name, chosen[name]):
            yield words + (f" with {comparison.candidate}" if named else "")


_TRANSACTIONS = "transactions"
_MAPS = "binder mmaps"


def _subject(timing: TimingComparison) -> str:
    name = timing.name.partition("/")[0]
    if timing.when == "trigger":
        return f"the trigger's {plural(name)} ({timing.statistic})"
    if name.startswith(TRANSACTIONS):
        return _TRANSACTIONS
    return _MAPS if name.startswith("BM_mmap_binder") else f"iterations of {name}"


def _clause(subject: str, timings: Sequence[TimingComparison]) -> str:
    """The strongest statements first; nothing where there are too few blocks for any."""
    parts = []
    for kind, words in _WORDS.items():
        own = [timing for timing in timings if finding(timing) is kind]
        if own:
            parts.append(words(own) + _of(own, timings))
    return f"{subject} {', '.join(parts)}" if parts else ""


def _of(own: Sequence[TimingComparison], all_of_them: Sequence[TimingComparison]) -> str:
    if len(own) == len(all_of_them):
        return ""
    return f" in {len(own)} of {count_of('timing', len(all_of_them))}"


def _different(timings: Sequence[TimingComparison]) -> str:
    return f"take {_changes(timings, [timing.ratio for timing in timings])} (beyond chance)"


def _exact(timings: Sequence[TimingComparison]) -> str:
    ends = _ends(timings)
    most = bound(min(ends), max(ends))
    if most == 0:
        return "take exactly as many instructions"
    if most <= _SAME_WITHIN:
        return f"take the same instructions within {upwards(most)} %"
    return f"take {_changes(timings, ends)}"


def _changes(timings: Sequence[TimingComparison], ratios: Sequence[float]) -> str:
    """From the least to the greatest of ratios: `0.7 % to 3.1 % more time`."""
    what = _what(timings)
    least, greatest = min(ratios), max(ratios)
    if is_factor(least) or is_factor(greatest):
        return f"{_ends_of(short(least), short(greatest))} times the {what}"
    less, more = ("fewer" if what == "instructions" else "less"), "more"
    ends = [f"{abs(ratio - 1) * _PERCENT:.1f} %" for ratio in (least, greatest)]
    if least < 1 < greatest:
        return f"between {ends[0]} {less} and {ends[1]} {more} {what}"
    if greatest <= 1:
        return f"{_ends_of(*reversed(ends))} {less} {what}"
    return f"{_ends_of(*ends)} {more} {what}"


def _what(timings: Sequence[TimingComparison]) -> str:
    """What was measured: under the deterministic clock time is a count."""
    return "instructions" if timings[0].unit == "instructions" else "time"


def _ends_of(least: str, greatest: str) -> str:
    return " to ".join(dict.fromkeys((least, greatest)))


def _bounded(timings: Sequence[TimingComparison]) -> str:
    return f"show no difference in {_what(timings)} larger than {upwards(_farthest(timings))} %"


def _undecided(timings: Sequence[TimingComparison]) -> str:
    most = _farthest(timings)
    away = f"a factor of {short(1 + most)}" if is_factor(1 + most) else f"{upwards(most)} %"
    return f"are undecided (differences in {_what(timings)} of up to {away} are possible)"


def _farthest(timings: Sequence[TimingComparison]) -> float:
    ends = _ends(timings)
    return bound(min(ends), max(ends))


def _ends(timings: Sequence[TimingComparison]) -> list[float]:
    return [end for timing in timings for end in (timing.low, timing.high) if end is not None]


_WORDS: dict[Finding, Callable[[Sequence[TimingComparison]], str]] = {
    Finding.DIFFERENT: _different,
    Finding.EXACT: _exact,
    Finding.BOUNDED: _bounded,
    Finding.UNDECIDED: _undecided,
}
