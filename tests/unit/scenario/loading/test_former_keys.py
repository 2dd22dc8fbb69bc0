# SPDX-License-Identifier: Apache-2.0
"""A scenario written for an earlier version means what it meant, wherever its keys stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.scenario.conftest import GOOD, Load, Refuse

OLD = GOOD.replace("outcome: passed", "outcome: passed, mmaps_failed: 0")


def test_a_former_key_means_the_one_of_today(load: Load) -> None:
    expectation = load(OLD).scenario.expectations["kvcalloc"]
    assert expectation.requests_failed == 0
    assert "mmaps_failed" not in expectation.model_dump()


@pytest.mark.parametrize(
    "option",
    [
        "expectations.kvcalloc.mmaps_failed=3",
        "expectations.kvcalloc.requests_failed=3",
        "expectations.kvcalloc={mmaps_failed: 3}",
    ],
)
@pytest.mark.parametrize("text", [GOOD, OLD])
def test_either_name_can_be_set(load: Load, text: str, option: str) -> None:
    assert load(text, [option]).scenario.expectations["kvcalloc"].requests_failed == 3


def test_a_patch_takes_over_what_a_former_key_says(load: Load, tmp_path: Path) -> None:
    expectations = load(OLD, (), [tmp_path / "mine.patch"]).scenario.expectations
    assert expectations["patched"].requests_failed == 0


def test_a_value_that_is_wrong_is_blamed_at_its_place(refuse: Refuse) -> None:
    (problem,) = refuse(GOOD.replace("outcome: passed", "mmaps_failed: 601"))
    assert (problem.line, problem.column) == (13, 14)
    assert "the trigger makes 600 mmaps" in problem.what


def test_both_names_at_once_are_one_too_many(refuse: Refuse) -> None:
    (problem,) = refuse(OLD.replace("mmaps_failed: 0", "mmaps_failed: 0, requests_failed: 0"))
    assert "unknown key 'mmaps_failed'" in problem.what
