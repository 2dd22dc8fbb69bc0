# SPDX-License-Identifier: Apache-2.0
"""What is said of a patch, by how memory states ended without and with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.oom.records import KernelCrash
from orchestrator.outcome import Outcome
from orchestrator.patch_check.findings import Finding, findings_of
from orchestrator.verdict.judged_run import JudgedRun
from tests.unit.report.factory import Made, run_report

CRASHED = KernelCrash(kind="oops", line=1, message="Oops", what="Oops in list_lru_add", pc="list_lru_add")
PASSED, OOM, CRASH, FAILURE = Outcome.PASSED, Outcome.OOM, Outcome.KERNEL_CRASH, Outcome.ALLOCATION_FAILURE


@pytest.fixture
def report(tmp_path: Path) -> JudgedRun:
    return run_report(tmp_path / "run", Made(blocks=3, benchmarks=False))


def ended(report: JudgedRun, base: list[Outcome], patched: list[Outcome]) -> list[Finding]:
    """What is said where the blocks ended like this."""
    ends = {"kcalloc": ("base", base), "kvcalloc": ("patched", patched)}
    results = []
    for result in report.results:
        name, outcomes = ends[result.variant]
        end = {"variant": name, "outcome": outcomes[result.block - 1]}
        results.append(result.model_copy(update=end))
    return findings_of(replace(report, results=tuple(results)))


@pytest.mark.parametrize(
    ("base", "patched"),
    [
        ([PASSED] * 3, [PASSED] * 3),
        ([OOM] * 3, [PASSED] * 3),
        ([OOM] * 3, [OOM] * 3),
        ([OOM, PASSED, OOM],) * 2,
    ],
)
def test_nothing_is_said_of_what_ends_the_same_or_better(
    report: JudgedRun, base: list[Outcome], patched: list[Outcome]
) -> None:
    assert ended(report, base, patched) == []


def test_what_is_worse_in_every_memory_state_is_an_error(report: JudgedRun) -> None:
    (found,) = ended(report, [PASSED] * 3, [OOM, OOM, FAILURE])
    assert found.is_error
    assert found.line == (
        "ERROR: with the patch 2 x oom, 1 x allocation-failure in 3 of 3 memory states; without it: passed"
    )


def test_what_is_worse_in_some_may_be_chance(report: JudgedRun) -> None:
    (found,) = ended(report, [PASSED] * 3, [PASSED, OOM, PASSED])
    assert found.line == "WARNING: with the patch 1 x oom in 1 of 3 memory states; without it: passed"


def test_a_crash_is_worse_than_an_oom_and_an_oom_not_worse_than_a_failure(report: JudgedRun) -> None:
    (found,) = ended(report, [OOM] * 3, [CRASH] * 3)
    assert found.is_error
    (found,) = ended(report, [OOM] * 3, [FAILURE] * 3)
    assert found.line == (
        "WARNING: with the patch the load fails in another way: oom became allocation-failure (3 x)"
    )


def test_without_evidence_nothing_was_tested(report: JudgedRun) -> None:
    (found,) = ended(report, [PASSED] * 3, [Outcome.TARGET_MISSED] * 3)
    assert found.line.startswith("WARNING: not tested: ")


def test_the_last_attempt_counts(report: JudgedRun) -> None:
    results = [result.model_copy(update={"variant": "base", "outcome": PASSED}) for result in report.results]
    results = [each for each in results if each.trial % 2]
    again = [each.model_copy(update={"variant": "patched", "attempt": 2}) for each in results]
    first = [each.model_copy(update={"attempt": 1, "outcome": OOM}) for each in again]
    assert findings_of(replace(report, results=(*results, *first, *again))) == []


def test_a_crash_that_ended_no_trial_is_told_all_the_same(report: JudgedRun) -> None:
    results = [
        result.model_copy(
            update={"variant": name, "outcome": PASSED, "crashes": (CRASHED,) if name == "patched" else ()}
        )
        for result in report.results
        for name in (["base"] if result.variant == "kcalloc" else ["patched"])
    ]
    (found,) = findings_of(replace(report, results=tuple(results)))
    assert found.line == f"ERROR: the patched kernel crashed: {CRASHED.what}"
