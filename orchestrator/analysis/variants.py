# SPDX-License-Identifier: Apache-2.0
"""Every comparison that a run allows: each variant against the first one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.analysis import inference
from orchestrator.analysis.noise import deterministic_noise, realtime_noise
from orchestrator.analysis.outcomes import compare_outcomes
from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, Comparison, Noise, TimingComparison
from orchestrator.analysis.rounding import rounded
from orchestrator.analysis.samples import block_of, evident, timed
from orchestrator.analysis.timings import Pair, compare_timings, pairs
from orchestrator.clock import Clock
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
    twins = [timing for pair in _twins(scenario) for timing in _timings(scenario, clock, own, pair)[1]]
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
    baseline, candidate = (evident(trials, name) for name in names)
    paired = _paired(scenario, names)
    blocks = [{block_of(trial) for trial in each} for each in (baseline, candidate)]
    count = len(blocks[0] & blocks[1]) if paired else min(map(len, blocks))
    found, timings = _timings(scenario, clock, trials, names)
    return Comparison(
        baseline=names[0],
        candidate=names[1],
        paired=paired,
        blocks=count,
        claims=count >= LEAST_BLOCKS_FOR_A_CLAIM,
        smallest_p=_smallest_p(len(blocks[0]), len(blocks[1]), count, paired=paired),
        outcome=compare_outcomes(names, baseline, candidate, paired=paired),
        timings=timings,
        noise=_noise(clock, found, twins, twins_identical),
    )


def _paired(scenario: Scenario, names: tuple[str, str]) -> bool:
    return len({scenario.variants[name].base for name in names}) == 1


def _timings(
    scenario: Scenario, clock: Clock, trials: Sequence[TrialResult], names: tuple[str, str]
) -> tuple[list[Pair], tuple[TimingComparison, ...]]:
    """None where guests disturbed one another."""
    if clock == "realtime" and not scenario.trials.timing:
        return [], ()
    baseline, candidate = (timed(evident(trials, name)) for name in names)
    found = pairs(baseline, candidate, paired=_paired(scenario, names))
    return found, compare_timings(names, found, clock)


def _noise(
    clock: Clock, found: Sequence[Pair], twins: Sequence[TimingComparison], twins_identical: bool | None
) -> Noise:
    return deterministic_noise(twins_identical) if clock == "deterministic" else realtime_noise(found, twins)


def _smallest_p(baseline: int, candidate: int, blocks: int, *, paired: bool) -> float | None:
    if blocks == 0:
        return None
    if paired:
        return rounded(inference.smallest_paired_p(blocks))
    return rounded(inference.smallest_unpaired_p(baseline, candidate))
