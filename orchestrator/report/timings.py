# SPDX-License-Identifier: Apache-2.0
"""A comparison as sentences, and as tables that fit a mail: one a benchmark and memory, a row a size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.analysis.findings import headline
from orchestrator.analysis.inference import LEVEL
from orchestrator.analysis.records import Comparison, OutcomeComparison, Share, TimingComparison
from orchestrator.report.comparisons import basis, cells, interval_heading, means
from orchestrator.text.amounts import count_of

_FEW_SENTENCES = 6
_PERCENT = 100
_WHEN = {"relaxed": "memory relaxed", "target": "at the target", "trigger": "in the trigger",
         "after": "after the trigger"}  # fmt: skip


@dataclass(frozen=True)
class TimingTable:
    """One benchmark under one memory: what was measured, headings, and rows of as many cells."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def timing_tables(comparison: Comparison) -> Iterator[TimingTable]:
    """The times per iteration and those of the trigger's maps, in the order of the verdict."""
    groups: dict[tuple[str, str, str], list[TimingComparison]] = {}
    for timing in headline(comparison.timings):
        groups.setdefault((_split(timing)[0], timing.when, timing.unit), []).append(timing)
    for (family, when, unit), timings in groups.items():
        what = means(comparison.sample) + (", instructions" if unit == "instructions" else "")
        yield TimingTable(
            f"{family}, {_WHEN[when]}, {what}",
            ("size", comparison.baseline, comparison.candidate, "change", interval_heading(timings), "p"),
            tuple((_split(timing)[1], *cells(timing)[1:]) for timing in timings),
        )


def _split(timing: TimingComparison) -> tuple[str, str]:
    """`BM_sendVec_binder/4096` is of the family `BM_sendVec_binder`, its size 4096."""
    family, slash, size = timing.name.rpartition("/")
    return (family, size) if slash else (timing.name, timing.statistic)


def sentences(comparison: Comparison) -> Iterator[str]:
    """What the comparison comes to in words, and what it cannot say."""
    yield basis(comparison)
    outcome = comparison.outcome
    if outcome is not None:
        yield _share(comparison.baseline, outcome, outcome.baseline)
        yield _share(comparison.candidate, outcome, outcome.candidate)
        yield outcome.words
    timings = headline(comparison.timings)
    shown = timings
    if len(timings) > _FEW_SENTENCES:
        shown = [each for each in timings if each.p_holm is not None and each.p_holm <= LEVEL]
    yield from (timing.words for timing in shown)
    if len(shown) < len(timings):
        yield f"{count_of('further time', len(timings) - len(shown))}: see the tables"
    yield from (f"noise: {warning}" for warning in comparison.noise.warnings)


def _share(name: str, outcome: OutcomeComparison, share: Share) -> str:
    """In how many blocks or boots a variant had the outcome."""
    return (
        f"{name}: {outcome.outcome} in {share.count} of {count_of(outcome.sample, share.blocks)}"
        f" (95 % interval {share.low * _PERCENT:.0f} to {share.high * _PERCENT:.0f} %)"
    )
