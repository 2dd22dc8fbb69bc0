# SPDX-License-Identifier: Apache-2.0
"""KTAP says what the verdict says, in the grammar of the kernel's document."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.outcome import Outcome
from orchestrator.report.formats.ktap import render_ktap
from tests.unit.report.factory import Made, run_report
from tests.unit.report.formats.ktap_parser import NotKtap, parse_ktap


def test_a_test_for_each_variant_and_a_subtest_for_each_trial(tmp_path: Path) -> None:
    tests = parse_ktap(render_ktap(run_report(tmp_path / "run", Made(blocks=2, forks=2))))
    assert [test.name for test in tests] == [
        "binder-order3.kcalloc", "binder-order3.kvcalloc", "binder-order3.run",
    ]  # fmt: skip
    assert all(test.ok for test in tests)
    names = [test.name for test in tests[0].subtests]
    assert names[:3] == ["block 1, fork 1, relaxed", "block 1, fork 1, target", "block 1, fork 1"]
    assert tests[0].subtests[2].data.startswith("oom: the kernel invoked the OOM killer; 1")


@pytest.mark.parametrize(
    ("outcome", "directive"),
    [(Outcome.ALLOCATION_FAILURE, None), (Outcome.HANG, "TIMEOUT"), (Outcome.LOST, "ERROR")],
)
def test_what_went_wrong_goes_up_to_the_variant(
    tmp_path: Path, outcome: Outcome, directive: str | None
) -> None:
    made = Made(blocks=1, benchmarks=False, spoil=outcome)
    died, lived, whole = parse_ktap(render_ktap(run_report(tmp_path / "run", made)))
    assert died.ok
    assert not lived.ok
    assert whole.ok is (directive != "ERROR")
    assert lived.subtests[0].directive == directive
    assert any("oomlab: phase trigger" in line for line in lived.subtests[0].diagnostics)


def test_the_reader_of_these_tests_is_strict() -> None:
    for wrong in (
        "ok 1 name\n",
        "KTAP version 1\n1..2\nok 1 name\n",
        "KTAP version 1\n1..1\nok 2 name\n",
        "KTAP version 1\n1..1\nok 1 name\nstray\n",
        "KTAP version 1\n1..1\nok 1 name # ERROR why\n",
        "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  not ok 1 below\nok 1 name\n",
    ):
        with pytest.raises(NotKtap):
            parse_ktap(wrong)
