# SPDX-License-Identifier: Apache-2.0
"""What two runs do not have in common, and how far apart they were, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.runs_compared.compare import compare_runs
from orchestrator.runs_compared.differences import differences, times_differ_by
from orchestrator.runs_compared.record import Difference, RunsCompared
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import Conclusion
from tests.unit.report.factory import Made, run_report

PLAIN = Made(blocks=1, benchmarks=False)


@pytest.fixture
def two(tmp_path: Path) -> Callable[..., tuple[JudgedRun, JudgedRun]]:
    """Two equal runs, of which the second can be changed."""

    def make(made: Made = PLAIN, **manifest: Any) -> tuple[JudgedRun, JudgedRun]:
        first, second = (run_report(tmp_path / name, made) for name in ("one", "two"))
        return first, replace(second, manifest=second.manifest.model_copy(update=manifest))

    return make


Two = Callable[..., tuple[JudgedRun, JudgedRun]]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"), (119, "119 seconds"), (120, "2 minutes"), (-120, "2 minutes"),
        (7199, "120 minutes"),
        (7200, "2 hours"), (172_799, "48 hours"), (172_800, "2 days"),
    ],
)  # fmt: skip
def test_how_far_apart_they_were_begun(two: Two, seconds: int, words: str) -> None:
    first, second = two()
    started = first.manifest.started + timedelta(seconds=seconds)
    second = replace(second, manifest=second.manifest.model_copy(update={"started": started}))
    assert f"begun {words} apart" in compare_runs(first, second).cannot[0]


def test_what_no_one_can_conclude(two: Two) -> None:
    first, second = two()
    assert len(compare_runs(first, second).cannot) == 2
    verdict = second.verdict.model_copy(update={"conclusion": Conclusion.MISSING, "missing": ("x", "y")})
    more = compare_runs(first, replace(second, verdict=verdict)).cannot
    assert more[-1] == "B is not whole (2 gaps in its evidence)."


def test_a_run_under_the_deterministic_clock_alone_is_not_told_of_the_hosts_load(two: Two) -> None:
    compared = compare_runs(*two(Made(blocks=1, benchmarks=False, clocks=("deterministic",))))
    assert not any("host's load" in sentence for sentence in compared.cannot)
    assert compared.passes[0].times_left_out is None
    assert compared.passes[0].same_states == 1


def paired_smallest_p(compared: RunsCompared) -> float | None:
    return compared.passes[0].comparisons[0].smallest_p


@pytest.mark.parametrize(("blocks", "smallest"), [(1, 1.0), (3, 0.25)])
def test_the_smallest_p_of_the_same_memory_is_a_paired_tests(two: Two, blocks: int, smallest: float) -> None:
    made = Made(blocks=blocks, benchmarks=False, clocks=("deterministic",))
    assert paired_smallest_p(compare_runs(*two(made))) == smallest


def test_the_smallest_p_of_other_memory_is_that_of_independent_blocks(two: Two) -> None:
    compared = compare_runs(*two(Made(blocks=3, benchmarks=False)))
    comparison = compared.passes[0].comparisons[0]
    assert (comparison.smallest_p, comparison.claims, comparison.paired) == (0.1, False, False)


def test_a_variant_is_found_by_either_name(two: Two) -> None:
    first, second = two()
    for wanted, names in (
        (["kvcalloc"], ("kvcalloc (A)", "kvcalloc (B)")),
        (["kvcalloc=kcalloc"], ("kvcalloc (A)", "kcalloc (B)")),
    ):
        (comparison,) = compare_runs(first, second, wanted).passes[0].comparisons
        assert (comparison.baseline, comparison.candidate) == names


def test_checksums_are_shown_in_part_and_absence_as_a_dash(two: Two) -> None:
    first, second = two()
    base, artefacts = next(iter(second.manifest.artefacts.items()))
    other = artefacts.model_copy(update={"kernel_sha256": "f" * 64})
    found = differences(first.manifest, second.manifest.model_copy(update={"artefacts": {base: other}}))
    (kernel,) = [each for each in found if each.what == f"{base}.kernel"]
    assert kernel.second == "f" * 12
    gone = differences(first.manifest, second.manifest.model_copy(update={"artefacts": {}}))
    assert {each.second for each in gone} == {"-"}
    assert differences(first.manifest, first.manifest) == ()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"name": "other"}, []),
        ({"description": "other"}, []),
        ({"expectations": {}}, []),
        ({"trials": {"seed": 99, "blocks": 77, "forks": 55}}, []),
        ({"trials": {"timing": False}}, ["trials.timing"]),
        ({"audit": True}, ["audit"]),
    ],
)
def test_names_samples_and_expectations_are_no_differences(
    two: Two, changes: dict[str, Any], found: list[str]
) -> None:
    first, second = two()
    scenario = second.manifest.scenario
    if "trials" in changes:
        changes = {"trials": scenario.trials.model_copy(update=changes["trials"])}
    if "audit" in changes:  # turned round
        changes = {"audit": not scenario.audit}
    other = second.manifest.model_copy(update={"scenario": scenario.model_copy(update=changes)})
    assert [each.what for each in differences(first.manifest, other)] == found


def difference(what: str) -> Difference:
    return Difference(what=what, first="a", second="b")


@pytest.mark.parametrize(
    ("what", "realtime", "deterministic"),
    [
        ("device.arch", True, True),
        ("device.cpus", True, True),
        ("device.memory", False, False),
        ("realtime.cpu_model", True, False),
        ("deterministic.cpu_model", False, True),
        ("realtime.accelerator", True, False),
        ("realtime.qemu_version", True, False),
        ("host.cpu_model", True, False),
        ("trials.timing", True, False),
        ("oomlab", False, False),
    ],
)
def test_what_makes_times_those_of_another_machine(what: str, *, realtime: bool, deterministic: bool) -> None:
    found = (difference("name"), difference(what))
    words = f"not the same in both runs: {what}"
    assert times_differ_by(found, "realtime") == (words if realtime else None)
    assert times_differ_by(found, "deterministic") == (words if deterministic else None)
