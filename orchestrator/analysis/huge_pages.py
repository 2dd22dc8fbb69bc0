# SPDX-License-Identifier: Apache-2.0
"""Faults of huge pages as the tables of maintainers have them: success, latency, compaction, reclaim. Pure.

The rows are those of mmtests' thpfioscale (Gorman, Babka: "fault-huge", "fault-base", "fault-both",
"Percentage huge") and of Weiner's series on mobility grouping in the page allocator ("Hugealloc Time", "THP
fault alloc", "Direct compact stall", "Compact daemon scanned migrate", ...). A count is the mean over blocks
of the median over forks, a time the mean of all faults.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from orchestrator.analysis.rounding import rounded
from orchestrator.analysis.samples import block_of, evident
from orchestrator.clock import ICOUNT_SHIFT, Clock
from orchestrator.frozen import Frozen
from orchestrator.record.result import BenchmarkRow, TrialResult
from orchestrator.scenario.command_benchmark import MemoryState

_PERCENT = 100
_STATES: tuple[MemoryState, ...] = ("relaxed", "target", "after")
Unit = Literal["ns", "instructions", "count", "percent"]


@dataclass(frozen=True)
class _Fork:
    """One size in one fork: its row, and what the kernel spent on it."""

    row: BenchmarkRow
    costs: Mapping[str, int]

    @property
    def served(self) -> int:
        return self.row.iterations - self.row.failed

    def both_ns(self) -> float | None:
        """Mean of all faults."""
        if not self.row.iterations:
            return None
        total = self.row.real_ns * self.served + (self.row.failed_ns or 0.0) * self.row.failed
        return total / self.row.iterations

    def scanned(self, who: str, what: str) -> float:
        """Pages that a scanner of compaction (`migrate`, `free`) looked at, for kcompactd or who asked."""
        daemon = self.row.counters.get(f"compact_daemon_{what}_scanned", 0)
        both = self.row.counters.get(f"compact_{what}_scanned", 0)
        return daemon if who == "daemon" else both - daemon


@dataclass(frozen=True)
class _Figure:
    name: str
    words: str
    unit: Unit
    read: Callable[[_Fork], float | None]
    always: bool = False
    weight: Callable[[_Fork], int] | None = None
    """Of a mean over faults: how many it is of. Without it forks and blocks count alike."""


def _time(
    name: str, words: str, read: Callable[[_Fork], float | None], weight: Callable[[_Fork], int]
) -> _Figure:
    return _Figure(name, words, "ns", read, always=True, weight=weight)


def _cost(name: str, words: str, unit: Unit = "count") -> _Figure:
    return _Figure(name, words, unit, lambda fork: fork.costs.get(name))


def _scanned(who: str, what: str) -> _Figure:
    name, words = f"compact_{who}_{what}", f"compact {who} scanned {what}"
    return _Figure(name, words, "count", lambda fork: fork.scanned(who, what))


def _success(fork: _Fork) -> float | None:
    return _PERCENT * fork.served / fork.row.iterations if fork.row.iterations else None


def _fallback_ns(fork: _Fork) -> float | None:
    return fork.row.failed_ns


def _served_ns(fork: _Fork) -> float | None:
    return fork.row.real_ns if fork.served else None


_FIGURES = (
    _Figure("success", "success rate", "percent", _success, always=True),
    _Figure("served", "faults backed by it", "count", lambda fork: fork.served, always=True),
    _Figure("fallback", "faults that fell back", "count", lambda fork: fork.row.failed, always=True),
    _time("hugealloc_mean", "hugealloc time, mean", _served_ns, lambda fork: fork.served),
    _Figure("hugealloc_p99", "hugealloc time, p99", "ns", lambda fork: fork.row.p99_ns, always=True),
    _time("fallback_mean", "fallback time, mean", _fallback_ns, lambda fork: fork.row.failed),
    _time("both_mean", "both, mean", _Fork.both_ns, lambda fork: fork.row.iterations),
    _cost("direct_compactions", "direct compact stall"),
    _cost("direct_compactions_succeeded", "direct compact success"),
    _cost("direct_compactions_failed", "direct compact fail"),
    _scanned("daemon", "migrate"),
    _scanned("daemon", "free"),
    _scanned("direct", "migrate"),
    _scanned("direct", "free"),
    _cost("pages_migrated", "pages migrated"),
    _cost("direct_reclaims", "alloc stall"),
    _cost("pages_scanned_kswapd", "pages kswapd scanned"),
    _cost("pages_reclaimed_kswapd", "pages kswapd reclaimed"),
    _cost("pages_scanned_direct", "pages direct scanned"),
    _cost("pages_reclaimed_direct", "pages direct reclaimed"),
    _cost("pages_swapped_out", "swap out"),
    _cost("pages_swapped_in", "swap in"),
    _cost("refaults", "refaults"),
    _cost("kswapd_cpu_ns", "CPU time of kswapd", "ns"),
    _cost("kcompactd_cpu_ns", "CPU time of kcompactd", "ns"),
)  # fmt: skip


class HugePageFigure(Frozen):
    """One row of such a table."""

    name: str = Field(description="which: `success`, `hugealloc_mean` and the like")
    words: str = Field(description="what it is")
    unit: Unit = Field(description="of the figures; under the deterministic clock times are instructions")
    means: dict[str, float | None] = Field(
        description="by variant: of a time the mean over all faults, else over blocks; null: there is none"
    )


class HugePageTable(Frozen):
    """Faults of one size in one state of memory, of all variants."""

    benchmark: str = Field(description="`BM_thp_fault/2097152` and the like")
    when: MemoryState = Field(description="pressure released, at the target, or after the trigger")
    settings: dict[str, dict[str, str]] = Field(
        description="by name (`enabled`, `defrag` and, of a size of its own, `size`) and variant what was set"
    )
    errors: dict[str, str] = Field(description="by variant why there are no figures, where there are none")
    figures: tuple[HugePageFigure, ...] = Field(description="rows; those of nothing but 0 are left out")


def huge_page_tables(
    variants: Sequence[str], trials: Sequence[TrialResult], clock: Clock, *, timed: bool
) -> tuple[HugePageTable, ...]:
    """A table for each size and state of memory; none where no huge pages were asked for.

    `timed` is False where guests disturbed one another: then there are no times.
    """
    own = [trial for trial in trials if trial.clock == clock]
    forks = {name: list(_forks(evident(own, name))) for name in variants}
    keys = dict.fromkeys((fork.row.name, fork.row.when) for found in forks.values() for _, fork in found)
    order = sorted(keys, key=lambda key: _STATES.index(key[1]))
    return tuple(_table(name, when, forks, clock, timed=timed) for name, when in order)


def _forks(trials: Sequence[TrialResult]) -> Iterator[tuple[str, _Fork]]:
    for trial in trials:
        if trial.stage.startswith("audit-"):
            continue
        costs = {(each.phase, each.benchmark): each.figures for each in trial.costs}
        for row in trial.benchmarks:
            if row.is_huge_page_fault:
                yield block_of(trial), _Fork(row, costs.get((row.when, row.name), {}))


def _table(
    name: str,
    when: MemoryState,
    forks: Mapping[str, Sequence[tuple[str, _Fork]]],
    clock: Clock,
    *,
    timed: bool,
) -> HugePageTable:
    own = {
        variant: [(block, fork) for block, fork in found if (fork.row.name, fork.row.when) == (name, when)]
        for variant, found in forks.items()
    }
    rows = (_row(figure, own, clock) for figure in _FIGURES if timed or figure.unit != "ns")
    return HugePageTable(
        benchmark=name,
        when=when,
        settings=_settings(own),
        errors={variant: words for variant, found in own.items() if (words := _error(found))},
        figures=tuple(row for row in rows if row is not None),
    )


def _row(
    figure: _Figure, own: Mapping[str, Sequence[tuple[str, _Fork]]], clock: Clock
) -> HugePageFigure | None:
    instructions = figure.unit == "ns" and clock == "deterministic"
    scale = 1 << ICOUNT_SHIFT if instructions else 1
    means = {variant: _mean(figure, found) for variant, found in own.items()}
    if not (figure.always or any(means.values())):
        return None
    return HugePageFigure(
        name=figure.name.removesuffix("_ns"),
        words=figure.words,
        unit="instructions" if instructions else figure.unit,
        means={name: None if mean is None else rounded(mean / scale) for name, mean in means.items()},
    )


def _mean(figure: _Figure, found: Sequence[tuple[str, _Fork]]) -> float | None:
    blocks: dict[str, list[tuple[float, int]]] = {}
    for block, fork in found:
        value = figure.read(fork) if fork.row.error is None and not fork.row.killed else None
        if value is not None:
            weight = figure.weight(fork) if figure.weight is not None else 1
            blocks.setdefault(block, []).append((value, weight))
    if figure.weight is not None:
        every = [pair for pairs in blocks.values() for pair in pairs]
        total = sum(weight for _, weight in every)
        return sum(value * weight for value, weight in every) / total if total else None
    medians = [statistics.median(value for value, _ in pairs) for pairs in blocks.values()]
    return statistics.fmean(medians) if medians else None


def _settings(own: Mapping[str, Sequence[tuple[str, _Fork]]]) -> dict[str, dict[str, str]]:
    values: dict[str, dict[str, dict[str, None]]] = {}
    for variant, found in own.items():
        for _, fork in found:
            for name, value in fork.row.settings.items():
                values.setdefault(name, {}).setdefault(variant, {})[value] = None
    return {
        name: {variant: "; ".join(seen) for variant, seen in by_variant.items()}
        for name, by_variant in values.items()
    }


def _error(found: Sequence[tuple[str, _Fork]]) -> str:
    words = (fork.row.error or ("the OOM killer ended it" if fork.row.killed else "") for _, fork in found)
    return "; ".join(dict.fromkeys(filter(None, words)))
