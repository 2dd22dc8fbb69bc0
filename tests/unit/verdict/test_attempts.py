# SPDX-License-Identifier: Apache-2.0
"""Which attempt of a trial counts, which evidence is missing, and what it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode
from orchestrator.verdict.attempts import inexact_pairs, last_attempts, missing_evidence
from tests.unit.evidence.guest_output import judged, passed

TEXT = """
name: example
device: {arch: arm64, memory: 256MiB}
variants: {a: {base: debian-6.1}, b: {base: debian-6.1}, c: {base: debian-6.12}}
fragmentation: {target: {usable_units: {order: 3, max: 300}}, stressors: [pipes]}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
trials: {blocks: 1, forks: FORKS, clock: CLOCK}
audit: AUDIT
"""


def scenario(forks: int = 1, clock: str = "[realtime]", audit: str = "false") -> Scenario:
    text = TEXT.replace("FORKS", str(forks)).replace("CLOCK", clock).replace("AUDIT", audit)
    return load_text(text, Path("example.yaml")).scenario


def result(variant: str = "a", **changes: Any) -> TrialResult:
    return judged(passed(), variant=variant).model_copy(update={"why": "so it was"} | changes)


def test_the_last_attempt_counts_and_trials_come_by_number() -> None:
    first, again, other = result(trial=2), result(trial=2, attempt=2), result("b", trial=1)
    assert list(last_attempts([first, again, other]).values()) == [other, again]


def missing(subject: Scenario, *results: TrialResult) -> list[str]:
    return missing_evidence(subject, last_attempts(results))


@pytest.mark.parametrize(
    ("forks", "clock", "names"),
    [
        (1, "[realtime]", ["block 1 of b", "block 1 of c"]),
        (1, "[deterministic]", ["block 1 of a", "block 1 of b", "block 1 of c"]),
        (
            2,
            "[realtime]",
            [
                "block 1 of a, fork 2", "block 1 of b, fork 1", "block 1 of b, fork 2",
                "block 1 of c, fork 1", "block 1 of c, fork 2",
            ],
        ),
        (
            1,
            "[realtime, deterministic]",
            [
                "block 1 of a (deterministic)", "block 1 of b (deterministic)", "block 1 of b (realtime)",
                "block 1 of c (deterministic)", "block 1 of c (realtime)",
            ],
        ),
    ],
)  # fmt: skip
def test_trials_that_were_not_run_have_names_as_short_as_the_scenario_allows(
    forks: int, clock: str, names: list[str]
) -> None:
    found = missing(scenario(forks, clock), result())
    assert sorted(found) == [f"{name} was not run" for name in names]


def test_a_whole_run_lacks_nothing_and_traced_forks_are_no_lack() -> None:
    whole = [result(name) for name in "abc"]
    assert missing(scenario(audit="true"), *whole) == []
    lost = result("a", stage="audit-trigger", outcome=Outcome.LOST)
    assert missing(scenario(audit="true"), *whole, lost) == []


def test_what_gave_no_evidence_is_told_with_its_reason() -> None:
    lost = result("c", trial=3, outcome=Outcome.LOST)
    beside = result("a", trial=4, stage="relaxed", outcome=Outcome.LOST)
    assert missing(scenario(), result("a"), result("b", trial=2), lost, beside) == [
        "block 1 of c: lost (so it was)",
        "block 1 of a, relaxed: lost (so it was)",
    ]


@pytest.mark.parametrize(
    ("outcome", "told"), [(Outcome.PASSED, []), (Outcome.OOM, ["the proof boot: oom (so it was)"])]
)
def test_a_proof_has_to_pass(outcome: Outcome, told: list[str]) -> None:
    proof = result(block=0, trial=0, mode=Mode.PROOF, outcome=outcome)
    assert missing(scenario(), proof, *(result(name) for name in "abc")) == told


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ([result("a", fingerprint="x"), result("b", fingerprint="x")], []),
        (
            [result("a", fingerprint="x"), result("b", fingerprint="y")],
            ["block 1 (realtime): its trials continue from 2 memory states"],
        ),
        # Another kernel, another clock and another block are other memory in any case.
        ([result("a", fingerprint="x"), result("c", fingerprint="y")], []),
        ([result("a", fingerprint="x"), result("b", fingerprint="y", clock="deterministic")], []),
        ([result("a", fingerprint="x"), result("b", fingerprint="y", block=2)], []),
        ([result("a", fingerprint="x"), result("b", fingerprint=None)], []),
    ],
)
def test_pairs_that_continue_from_other_memory_are_told(results: list[TrialResult], told: list[str]) -> None:
    assert list(inexact_pairs(scenario(), results)) == told
