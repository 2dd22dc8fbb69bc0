# SPDX-License-Identifier: Apache-2.0
"""Which blocks count, and for what."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.bisect.blocks import count_blocks
from orchestrator.bisect.sequential import Blocks
from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from orchestrator.scenario.expectation import Expectation
from tests.unit.evidence.guest_output import judged, passed

PASSES = Expectation(outcome=Outcome.PASSED)


def trial(block: int, outcome: Outcome = Outcome.PASSED, **other: Any) -> TrialResult:
    update = {"outcome": outcome, "why": f"it ended as {outcome}", "fingerprint": f"{block}", **other}
    return judged(passed(), block=block).model_copy(update=update)


def test_blocks_count_for_or_against() -> None:
    counted = count_blocks(PASSES, [[trial(1), trial(2, Outcome.OOM), trial(3)]])
    assert counted.blocks == Blocks(met=2, not_met=1)
    assert counted.why_not_met == "outcome oom instead of passed: it ended as oom"


def test_a_block_counts_once_and_one_of_its_forks_is_enough_against_it() -> None:
    forks = [trial(1), trial(1, Outcome.OOM, fork=2), trial(1, fork=3)]
    assert count_blocks(PASSES, [forks]).blocks == Blocks(0, 1)


def test_one_memory_state_is_one_sample_in_whatever_round_it_comes() -> None:
    rounds = [[trial(1), trial(2, fingerprint="1")], [trial(1)]]
    counted = count_blocks(PASSES, rounds)
    assert (counted.blocks, counted.repeated) == (Blocks(1, 0), 2)
    again = count_blocks(PASSES, [*rounds, [trial(1, Outcome.OOM)]])
    assert again.blocks == Blocks(0, 1)


def test_blocks_of_rounds_without_a_fingerprint_are_told_apart() -> None:
    rounds = [[trial(1, fingerprint=None)], [trial(1, fingerprint=None)]]
    assert count_blocks(PASSES, rounds).blocks == Blocks(2, 0)


@pytest.mark.parametrize("outcome", [each for each in Outcome if not each.is_evidence])
def test_what_is_no_evidence_counts_for_nothing(outcome: Outcome) -> None:
    counted = count_blocks(PASSES, [[trial(1, outcome), trial(2)]])
    assert (counted.blocks, counted.silent) == (Blocks(1, 0), 1)
    assert str(outcome) in counted.why_silent


def test_a_bug_that_is_expected_has_to_show_in_every_block() -> None:
    expected = Expectation(kernel_bug=True)
    shown = trial(1).model_copy(update={"kernel_bugs": ("BUG: sleeping function called from invalid",)})
    counted = count_blocks(expected, [[shown, trial(2)]])
    assert counted.blocks == Blocks(1, 1)
    assert "no bug" in counted.why_not_met


def test_what_only_a_trace_shows_needs_one() -> None:
    expected = Expectation(outcome=Outcome.PASSED, max_order_without_noretry=1)
    counted = count_blocks(expected, [[trial(1)]])
    assert (counted.blocks.count, counted.silent) == (0, 1)
    assert "no trial was traced" in counted.why_silent
