# SPDX-License-Identifier: Apache-2.0
"""One number for each block and variant: what tests and intervals are made from.

Forks of a block share its memory, its random state and the host's load of that minute: they are
no independent observations. A block's number is the median over them, and blocks with equal
fingerprints are one block. A cold trial, which boots for itself, is a block of one variant alone.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.analysis.records import Sample, When
from orchestrator.outcome import Outcome
from orchestrator.record.result import BenchmarkRow, TrialResult

_PERCENT = 100
VALUE = "value"
"""The statistic of a figure that is no time."""
Blocks = Mapping[str, float]
"""A figure by the block's fingerprint."""


class TimingKey(NamedTuple):
    """What was timed, under what memory, and which statistic of a fork."""

    name: str
    when: When
    statistic: str
    unit: str = "ns"
    """Of the figure: nanoseconds, or what a program says."""

    @property
    def family(self) -> tuple[str, str, str]:
        """Sizes of one benchmark are one family of tests: all that differ in the first argument alone."""
        name, _, argument = self.name.partition("/")
        _, _, others = argument.partition("/")
        return f"{name}/{others}", self.when, self.statistic


@dataclass
class Timed:
    """One variant's figures of one timing, by block."""

    log_ns: dict[str, float] = field(default_factory=dict)
    """Median over the block's forks of the logarithm of the time in ns."""
    succeeded: dict[str, float] = field(default_factory=dict)
    """Median over the forks: requests of the trigger that succeeded; of a benchmark's iterations, percent."""


def block_of(trial: TrialResult) -> str:
    """Names the state of memory that a trial went on from, its block where that is not known.

    Of one variant's cold trials of one stage: those that came to the same memory are one observation.
    """
    return trial.fingerprint or f"block {trial.block}"


def blocks_of(trials: Iterable[TrialResult]) -> set[str]:
    """What one variant's evidence rests on: blocks; of cold trials the boots in which the trigger ran.

    A cold trial for benchmarks or the audit is a boot of its own, and no further observation of the trigger.
    """
    return {block_of(trial) for trial in trials if not trial.cold or trial.stage == "trigger"}


def sample_of(trials: Iterable[TrialResult]) -> Sample:
    """What one observation is. A block is one boot, too: among cold trials all are called so."""
    return "boot" if any(trial.cold for trial in trials) else "block"


def evident(trials: Iterable[TrialResult], variant: str) -> list[TrialResult]:
    """Trials of a variant that say something about its kernel."""
    return [trial for trial in trials if trial.variant == variant and trial.outcome.is_evidence]


def timed(trials: Sequence[TrialResult]) -> dict[TimingKey, Timed]:
    """All timings of one variant's trials, a number for each block."""
    forks: dict[TimingKey, dict[str, list[tuple[float, float]]]] = {}
    for trial in trials:
        for key, time_ns, done in _timings(trial):
            if time_ns > 0:
                forks.setdefault(key, {}).setdefault(block_of(trial), []).append((math.log(time_ns), done))
    return {
        key: Timed(
            {block: statistics.median(log for log, _ in found) for block, found in blocks.items()},
            {block: statistics.median(done for _, done in found) for block, found in blocks.items()},
        )
        for key, blocks in forks.items()
    }


def _timings(trial: TrialResult) -> Iterator[tuple[TimingKey, float, float]]:
    if trial.stage.startswith("audit-"):
        return  # tracing disturbs times
    requests = trial.requests
    if trial.stage == "trigger" and requests is not None and requests.latency is not None:
        for statistic, time_ns in (("p50", requests.latency.p50_ns), ("p99", requests.latency.p99_ns)):
            yield TimingKey(requests.noun, "trigger", statistic), time_ns, requests.succeeded
    for row in trial.benchmarks:
        # What the OOM killer cut short was another benchmark than the one it is compared with.
        if row.error is None and not row.killed:
            # Times are per iteration, and a stop rule makes as many as fit: what counts is their share.
            succeeded = _PERCENT * (row.iterations - row.failed) / max(row.iterations, 1)
            for name, figure_ns in _statistics(row):
                yield TimingKey(row.name, row.when, name), figure_ns, succeeded
            if row.value is not None:  # as a ratio, like times; of nothing there is none
                yield TimingKey(row.name, row.when, VALUE, row.unit), row.value, succeeded


def _statistics(row: BenchmarkRow) -> Iterator[tuple[str, float]]:
    yield "real_time", row.real_ns
    yield "cpu_time", row.cpu_ns
    for statistic, time_ns in (("p50", row.p50_ns), ("p99", row.p99_ns), ("max", row.max_ns)):
        if time_ns is not None:
            yield statistic, time_ns


def outcome_shares(trials: Iterable[TrialResult], outcome: Outcome) -> dict[str, float]:
    """By block, the share of a variant's forks that the trigger ended in `outcome`."""
    forks: dict[str, list[bool]] = {}
    for trial in trials:
        if trial.stage == "trigger":
            forks.setdefault(block_of(trial), []).append(trial.outcome is outcome)
    return {block: statistics.fmean(had) for block, had in forks.items()}
