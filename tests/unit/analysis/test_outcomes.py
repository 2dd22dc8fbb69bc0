# SPDX-License-Identifier: Apache-2.0
"""Outcomes of two variants: which one is counted, in which blocks, and what may be said of it."""

from __future__ import annotations

import pytest

from orchestrator.analysis.outcomes import compare_outcomes
from orchestrator.analysis.records import Comparison, OutcomeComparison
from orchestrator.analysis.variants import compare_variants
from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from tests.unit.analysis.trials import run, scenario, trial

NAMES = ("first", "second")


def ended(variant: str, *outcomes: Outcome) -> list[TrialResult]:
    """A block for each outcome."""
    return [trial(variant, block, outcome=outcome) for block, outcome in enumerate(outcomes, start=1)]


def outcomes(
    first: list[TrialResult], second: list[TrialResult], *, paired: bool = True
) -> OutcomeComparison:
    found = compare_outcomes(NAMES, first, second, paired=paired)
    assert found is not None
    return found


def test_the_failure_that_came_most_is_counted() -> None:
    first = ended("first", Outcome.OOM, Outcome.HANG, Outcome.HANG)
    assert outcomes(first, ended("second", *[Outcome.PASSED] * 3)).outcome == "hang"
    beside = [*first, *(trial("first", 1, stage="relaxed", outcome=Outcome.LOST) for _ in range(9))]
    assert outcomes(beside, ended("second", Outcome.PASSED)).outcome == "hang"
    assert outcomes(ended("first", Outcome.PASSED), ended("second", Outcome.PASSED)).outcome == "oom"


def test_more_than_half_of_a_blocks_forks_have_to_end_so() -> None:
    half = [trial("first", 1, outcome=Outcome.OOM), trial("first", 1)]
    assert outcomes(half, ended("second", Outcome.PASSED)).baseline.count == 0
    assert outcomes([*half, half[0]], ended("second", Outcome.PASSED)).baseline.count == 1


def test_pairs_are_of_blocks_that_both_have() -> None:
    first = ended("first", Outcome.OOM, Outcome.OOM, Outcome.PASSED, Outcome.OOM)
    second = ended("second", Outcome.OOM, Outcome.PASSED, Outcome.OOM)
    found = outcomes(first, second)
    assert (found.baseline.blocks, found.candidate.blocks) == (3, 3)
    assert (found.only_baseline, found.only_candidate, found.p) == (1, 1, None)
    apart = outcomes(first, second, paired=False)
    assert (apart.baseline.blocks, apart.only_baseline, apart.only_candidate) == (4, 0, 0)
    assert compare_outcomes(NAMES, first, [], paired=False) is None
    assert compare_outcomes(NAMES, [], second, paired=False) is None


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            [Outcome.OOM],
            [Outcome.PASSED],
            "oom in 1 of 1 block with first, in 0 of 1 with second; too few blocks for a claim",
        ),
        (
            [Outcome.OOM] * 5,
            [Outcome.PASSED] * 5,
            "oom in 5 of 5 blocks with first, in 0 of 5 with second; too few blocks for a claim",
        ),
        (
            [Outcome.OOM] * 6,
            [Outcome.PASSED] * 6,
            "oom in 6 of 6 blocks with first, in 0 of 6 with second: a difference beyond chance (p = 0.031)",
        ),
        (
            [Outcome.OOM] * 5 + [Outcome.PASSED],
            [Outcome.PASSED] * 6,
            "oom in 5 of 6 blocks with first, in 0 of 6 with second: no difference shown (p = 0.062)",
        ),
        (
            [Outcome.PASSED] * 6,
            [Outcome.PASSED] * 6,
            (
                "oom in 0 of 6 blocks with first, in 0 of 6 with second;"
                " it may still happen in up to 46 % of blocks"
            ),
        ),
    ],
)
def test_words_claim_no_more_than_the_test(first: list[Outcome], second: list[Outcome], words: str) -> None:
    assert outcomes(ended("first", *first), ended("second", *second)).words == words


def test_the_variant_with_fewer_blocks_bounds_least_what_never_came() -> None:
    first, second = ended("first", *[Outcome.PASSED] * 12), ended("second", *[Outcome.PASSED] * 6)
    assert outcomes(first, second, paired=False).words.endswith("in up to 46 % of blocks")


def test_shares_have_their_interval() -> None:
    share = outcomes(ended("first", *[Outcome.OOM] * 6), ended("second", *[Outcome.PASSED] * 6)).baseline
    assert (share.count, share.blocks, share.low, share.high) == (6, 6, 0.540742, 1.0)


def compared(trials: list[TrialResult], text: str = "", base: str = "debian-6.1") -> Comparison:
    (found, *_) = compare_variants(scenario(base, extra=text), "realtime", trials, twins_identical=None)
    return found


@pytest.mark.parametrize(
    ("base", "blocks", "smallest"), [("debian-6.1", 4, 2 / 2**4), ("debian-6.12", 2, 2 / 6)]
)
def test_the_smallest_p_is_that_of_the_blocks_of_both(base: str, blocks: int, smallest: float) -> None:
    """Two of each have six tables, of which two are as far apart as can be."""
    found = compared(run([1.0] * blocks), base=base)
    assert found.blocks == blocks
    assert found.smallest_p == pytest.approx(smallest, rel=1e-5)


def test_without_a_block_there_is_no_smallest_p() -> None:
    found = compared([])
    assert (found.blocks, found.smallest_p, found.outcome, found.claims) == (0, None, None, False)


def test_unpaired_blocks_are_as_many_as_the_variant_with_fewer_has() -> None:
    trials = [each for each in run([1.0] * 7) if each.variant == "first" or each.block <= 3]
    found = compared(trials, base="debian-6.12")
    assert found.blocks == 3
    assert found.smallest_p == pytest.approx(1 / 120, rel=1e-5)
    six = [each for each in run([1.0] * 7) if each.variant == "first" or each.block <= 6]
    assert [compared(six, base=base).claims for base in ("debian-6.1", "debian-6.12")] == [True, True]


def test_figures_of_another_clock_are_not_compared() -> None:
    trials = [each.model_copy(update={"clock": "deterministic"}) for each in run([1.0] * 6)]
    assert compared(trials).timings == ()
