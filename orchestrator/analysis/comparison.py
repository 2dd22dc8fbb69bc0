# SPDX-License-Identifier: Apache-2.0
"""One comparison of two variants, of one run or of two: outcomes, times, and how far they can be claimed."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.analysis import inference
from orchestrator.analysis.costs import compare_costs
from orchestrator.analysis.measures import compare_measures
from orchestrator.analysis.outcomes import compare_outcomes
from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, Comparison, Noise
from orchestrator.analysis.rounding import rounded
from orchestrator.analysis.samples import blocks_of, sample_of
from orchestrator.analysis.timings import Pair, compare_timings
from orchestrator.clock import Clock
from orchestrator.record.result import TrialResult

Results = Sequence[TrialResult]


def compare(
    names: tuple[str, str],
    results: tuple[Results, Results],
    timings: Sequence[Pair],
    *,
    clock: Clock,
    paired: bool,
    noise: Noise,
    timed: bool,
    unpaired_because: str | None = None,
) -> Comparison:
    """`results` are the evidence of the baseline and of the candidate.

    `timings` are what of it may be compared in time; `timed`: costs in time, too. `paired`: blocks of one
    name have one memory.
    """
    baseline, candidate = map(blocks_of, results)
    sample = sample_of([*results[0], *results[1]])
    blocks = len(baseline & candidate) if paired else min(len(baseline), len(candidate))
    return Comparison(
        baseline=names[0],
        candidate=names[1],
        paired=paired,
        unpaired_because=unpaired_because,
        sample=sample,
        blocks=blocks,
        claims=blocks >= LEAST_BLOCKS_FOR_A_CLAIM,
        smallest_p=_smallest_p(len(baseline), len(candidate), blocks, paired=paired),
        outcome=compare_outcomes(names, *results, paired=paired, sample=sample),
        timings=compare_timings(names, timings, clock),
        costs=compare_costs(names, *results, clock=clock, paired=paired, timed=timed),
        measures=compare_measures(*results, clock=clock, paired=paired, timed=timed),
        noise=noise,
    )


def _smallest_p(baseline: int, candidate: int, blocks: int, *, paired: bool) -> float | None:
    """What so many blocks can give at the least; None without any."""
    if blocks == 0:
        return None
    if paired:
        return rounded(inference.smallest_paired_p(blocks))
    return rounded(inference.smallest_unpaired_p(baseline, candidate))
