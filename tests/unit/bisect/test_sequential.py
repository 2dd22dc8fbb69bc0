# SPDX-License-Identifier: Apache-2.0
"""The rule that ends a step: how often it is wrong, computed exactly over every way the blocks may fall."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.bisect.answer import Answer
from orchestrator.bisect.sequential import Blocks, Trust

SHARES = st.tuples(st.floats(0.01, 0.9), st.floats(0.05, 0.95)).filter(lambda pair: pair[0] + 0.04 < pair[1])
ERRORS = st.floats(0.001, 0.3)


def chances(trust: Trust, rate: float, most: int) -> dict[Answer | None, float]:
    """The probability of each answer where every block fails with probability `rate`."""
    found: dict[Answer | None, float] = {Answer.GOOD: 0.0, Answer.BAD: 0.0, None: 0.0}
    open_cases = {Blocks(): 1.0}
    for _ in range(most):
        following: dict[Blocks, float] = {}
        for blocks, chance in open_cases.items():
            for step, share in ((Blocks(1, 0), 1 - rate), (Blocks(0, 1), rate)):
                after = blocks + step
                answer = trust.answer(after)
                if answer is None:
                    following[after] = following.get(after, 0.0) + chance * share
                else:
                    found[answer] += chance * share
        open_cases = following
    found[None] = sum(open_cases.values())
    return found


@given(SHARES, ERRORS, st.floats(0, 1))
def test_a_wrong_answer_is_as_rare_as_was_asked_for(
    shares: tuple[float, float], error: float, milder: float
) -> None:
    stray, shows = shares
    trust = Trust(stray, shows, error)
    # Also of a good revision that fails less often, and of a bad one that fails more often.
    assert chances(trust, stray * milder, 40)[Answer.BAD] <= error + 1e-9
    assert chances(trust, 1 - (1 - shows) * milder, 40)[Answer.GOOD] <= error + 1e-9


@given(SHARES, ERRORS, st.integers(0, 20), st.integers(0, 20))
def test_a_round_is_as_long_as_may_decide(
    shares: tuple[float, float], error: float, met: int, not_met: int
) -> None:
    trust, blocks = Trust(*shares, error), Blocks(met, not_met)
    if trust.answer(blocks) is not None:
        return
    more = trust.fewest_more(blocks)
    assert more >= 1
    ends = (blocks + Blocks(more + 1, 0), blocks + Blocks(0, more + 1))
    assert any(trust.answer(end) for end in ends)
    before = (blocks + Blocks(some, more - 1 - some) for some in range(more))
    assert not any(trust.answer(each) for each in before)


def test_with_the_usual_shares_three_blocks_that_agree_decide() -> None:
    trust = Trust()
    assert trust.fewest == 3
    assert trust.answer(Blocks(2, 0)) is None
    assert trust.answer(Blocks(3, 0)) is Answer.GOOD
    assert trust.answer(Blocks(0, 3)) is Answer.BAD
    assert trust.answer(Blocks(3, 1)) is None
    assert trust.answer(Blocks(1, 4)) is Answer.BAD
    assert trust.fewest_more(Blocks(2, 1)) == 2


def test_a_fault_that_shows_now_and_then_is_believed_early_and_its_absence_late() -> None:
    trust = Trust(stray=0.02, shows=0.3)
    assert trust.answer(Blocks(2, 2)) is Answer.BAD
    assert trust.answer(Blocks(13, 0)) is None
    assert trust.answer(Blocks(14, 0)) is Answer.GOOD


@pytest.mark.parametrize(
    ("stray", "shows", "error", "why"),
    [
        (0.0, 0.9, 0.01, "neither"),
        (0.1, 1.0, 0.01, "neither"),
        (0.5, 0.5, 0.01, "not more than 0.5"),
        (0.9, 0.1, 0.01, "more often"),
        (0.1, 0.9, 0.5, "a coin"),
        (0.1, 0.9, 0.0, "a coin"),
        (0.1, float("nan"), 0.01, "neither"),
    ],
)
def test_what_makes_no_sense_is_said(stray: float, shows: float, error: float, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Trust(stray, shows, error)
