# SPDX-License-Identifier: Apache-2.0
"""Every comparison that a run allows: each variant against the first one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.analysis.comparison import compare
from orchestrator.analysis.noise import deterministic_noise, realtime_noise
from orchestrator.analysis.phrases import other_boot_words
from orchestrator.analysis.records import Comparison, Noise, TimingComparison
from orchestrator.analysis.samples import evident, sample_of, timed
from orchestrator.analysis.timings import Pair, compare_timings, pairs
from orchestrator.clock import Clock
from orchestrator.plan import are_paired
from orchestrator.record.result import TrialResult
from orchestrator.scenario.models import Scenario


def compare_variants(
    scenario: Scenario, clock: Clock, trials: Sequence[TrialResult], *, twins_identical: bool | None
) -> tuple[Comparison, ...]:
    """Comparisons of a run's last attempts under `clock`, the first variant being the baseline.

    Twins are compared only where there is nothing else, in an A/A run. `twins_identical` is what the
    A/A controls say under the deterministic clock.
    """
    own = [trial for trial in trials if trial.clock == clock]
    twins = [
        timing
        for pair in _twins(scenario)
        for timing in compare_timings(pair, _timed_pairs(scenario, clock, own, pair), clock)
    ]
    names = list(scenario.variants)
    others = [name for name in names[1:] if scenario.variants[name].twin_of is None] or names[1:]
    return tuple(
        _comparison(scenario, clock, own, (names[0], name), twins, twins_identical) for name in others
    )


def _twins(scenario: Scenario) -> Iterator[tuple[str, str]]:
    for name, variant in scenario.variants.items():
        if variant.twin_of is not None:
            yield variant.twin_of, name


def _comparison(
    scenario: Scenario,
    clock: Clock,
    trials: Sequence[TrialResult],
    names: tuple[str, str],
    twins: Sequence[TimingComparison],
    twins_identical: bool | None,
) -> Comparison:
    found = _timed_pairs(scenario, clock, trials, names)
    return compare(
        names,
        (evident(trials, names[0]), evident(trials, names[1])),
        found,
        clock=clock,
        paired=are_paired(scenario, names),
        noise=_noise(clock, found, twins, twins_identical),
        timed=clock == "deterministic" or scenario.trials.timing,
        unpaired_because=_unpaired_because(scenario, names),
    )


def _unpaired_because(scenario: Scenario, names: tuple[str, str]) -> str | None:
    """None for pairs, and for cold trials, of which none is paired whatever it runs."""
    if not scenario.trials.fork or are_paired(scenario, names):
        return None
    first, second = (scenario.variants[name].image for name in names)
    return other_boot_words([names[1]], same_image=first == second)


def _timed_pairs(
    scenario: Scenario, clock: Clock, trials: Sequence[TrialResult], names: tuple[str, str]
) -> list[Pair]:
    """None where guests disturbed one another."""
    if clock == "realtime" and not scenario.trials.timing:
        return []
    baseline, candidate = (timed(evident(trials, name)) for name in names)
    return pairs(baseline, candidate, paired=are_paired(scenario, names), sample=sample_of(trials))


def _noise(
    clock: Clock, found: Sequence[Pair], twins: Sequence[TimingComparison], twins_identical: bool | None
) -> Noise:
    if clock == "deterministic":
        return deterministic_noise(twins_identical, found)
    return realtime_noise(found, twins)
