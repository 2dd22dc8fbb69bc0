# SPDX-License-Identifier: Apache-2.0
"""A/A: one module under two names, in files, plans, verdicts and reports."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.analysis.controls import TranscriptCheck, first_difference
from orchestrator.errors import ExitCode
from orchestrator.files.folder import Folder
from orchestrator.guests.qemu.boot import block_boot
from orchestrator.plan import plan_blocks
from orchestrator.record.result import TrialResult
from orchestrator.report.console.terminal import print_report
from orchestrator.run.environment import variant_recipes
from orchestrator.scenario.loading.loader import Repeat, load_scenario, load_text
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.scenario.models import Scenario
from orchestrator.verdict.verdict import Verdict, compute_verdict
from tests.unit.evidence.guest_output import ACCELERATORS, judged, passed, record

TEXT = """
name: example
device: {arch: arm64, memory: 256MiB}
variants:
  kcalloc: {base: debian-6.1}
  kvcalloc: {base: debian-6.1, scope: drivers/android, patches: []}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
audit: false
trials: {blocks: 2, clock: CLOCK}
expectations: {kvcalloc: {outcome: passed}}
"""


def scenario(clock: str = "deterministic", variant: str | None = None) -> Scenario:
    text = TEXT.replace("CLOCK", clock)
    return load_text(text, Path("example.yaml"), repeat=Repeat(variant)).scenario


def test_the_first_variant_is_repeated_from_the_source_of_the_others() -> None:
    variants = scenario().variants
    assert list(variants) == ["kcalloc", "kcalloc-again"]
    assert [variant.scope for variant in variants.values()] == ["drivers/android"] * 2
    assert scenario().expectations == {}


def test_the_twin_inherits_the_expectation() -> None:
    expectations = scenario(variant="kvcalloc").expectations
    assert expectations["kvcalloc"] == expectations["kvcalloc-again"]
    assert len(expectations) == 2


def test_every_shipped_scenario_has_an_a_a_run(checkout: Path) -> None:
    for path in (checkout / "scenarios").glob("*.yaml"):
        assert len(load_scenario(path, repeat=Repeat()).scenario.variants) == 2


def test_a_variant_that_does_not_exist_is_told() -> None:
    with pytest.raises(ScenarioInvalid, match=r"no variant is called 'kvaloc'.*did you mean 'kvcalloc'"):
        scenario(variant="kvaloc")


@pytest.mark.parametrize(
    ("twin", "what"),
    [
        ("{base: debian-6.1, twin_of: kcaloc}", "no variant is called 'kcaloc'"),
        (
            "{base: debian-6.12, twin_of: kcalloc}",
            "base, scope, patches and settings are not those of 'kcalloc'",
        ),
        ("{base: debian-6.1, twin_of: twin}", "'twin' is a twin itself"),
    ],
)
def test_a_twin_is_the_same_or_refused(twin: str, what: str) -> None:
    text = TEXT.replace("CLOCK", "realtime").replace("variants:", f"variants:\n  twin: {twin}")
    with pytest.raises(ScenarioInvalid) as caught:
        load_text(text, Path("example.yaml"))
    (problem,) = caught.value.problems
    assert what in problem.what
    assert problem.line == 5


def test_guests_know_one_module_by_one_name() -> None:
    subject = scenario()
    (first, _) = plan_blocks(subject)
    boot = block_boot(
        subject, first, kernel=Path("/k"), initramfs=Path("/i"), accelerator="tcg", slowdown=1.0
    )
    assert "oomlab.variants=kcalloc " in boot.command_line
    assert [trial.module for trial in first.trials] == [0, 0]
    assert {trial.variant for trial in first.trials} == {"kcalloc", "kcalloc-again"}
    assert [recipe.name for recipe in variant_recipes(subject)] == ["kcalloc"]


def test_without_a_twin_every_variant_has_a_module_of_its_own() -> None:
    subject = load_text(TEXT.replace("CLOCK", "realtime"), Path("example.yaml")).scenario
    modules = {trial.variant: trial.module for trial in plan_blocks(subject)[0].trials}
    assert modules == {"kcalloc": 0, "kvcalloc": 1}


def trials(clock: str, *latencies_ns: int) -> list[TrialResult]:
    """Two blocks of two trials, with these latencies in turn."""
    names = ["kcalloc", "kcalloc-again"] * 2
    results = []
    for number, (name, latency_ns) in enumerate(zip(names, latencies_ns, strict=True), start=1):
        mmaps = record("latencies", process=0, first=0, latency_ns=[latency_ns] * 600, errno=[0] * 600)
        control = [*passed()[:3], mmaps, *passed()[3:]]
        result = judged(control, variant=name, block=(number + 1) // 2, trial=number)
        results.append(result.model_copy(update={"clock": clock, "host_seconds": float(number)}))
    return results


def verdict(clock: str, results: list[TrialResult], check: TranscriptCheck = lambda *_: None) -> Verdict:
    return compute_verdict(scenario(clock), [], results, accelerators=ACCELERATORS, check_transcripts=check)


@pytest.fixture
def printed() -> Callable[[Verdict], str]:
    def show(answer: Verdict) -> str:
        text = io.StringIO()
        print_report(answer, Console(width=200, file=text), page_sizes={})
        return text.getvalue()

    return show


def test_twins_that_are_identical_say_so(printed: Callable[[Verdict], str]) -> None:
    answer = verdict("deterministic", trials("deterministic", 4000, 4000, 5000, 5000))
    (control,) = answer.passes[0].controls
    assert (control.identical, control.pairs, answer.exit_code) == (True, 2, ExitCode.MET)
    assert "A/A kcalloc, kcalloc-again: identical (2 pairs" in printed(answer)


def test_figures_that_differ_break_the_verdict(printed: Callable[[Verdict], str]) -> None:
    answer = verdict("deterministic", trials("deterministic", 4000, 4000, 5000, 5004))
    (control,) = answer.passes[0].controls
    assert control.difference == "trials 3 and 4: requests.latency.p50_ns: '5000' and '5004'"
    assert answer.exit_code == ExitCode.NOT_MET
    assert "NOT identical" in printed(answer)


def test_transcripts_that_differ_break_the_verdict() -> None:
    results = trials("deterministic", 4000, 4000, 5000, 5000)
    answer = verdict("deterministic", results, lambda one, _: "a line" if one.block == 2 else None)
    assert answer.passes[0].controls[0].difference == "trials 3 and 4: a line"
    assert answer.exit_code == ExitCode.NOT_MET


def test_real_time_shows_the_spread_of_chance(printed: Callable[[Verdict], str]) -> None:
    answer = verdict("realtime", trials("realtime", 4000, 4400, 5000, 4900))
    (control,) = answer.passes[0].controls
    assert (control.identical, control.p50_percent) == (None, (-2.0, 4.0, 10.0))
    assert answer.exit_code == ExitCode.MET
    assert "-2.0 % to +10.0 % (median +4.0 %, 2 pairs)" in printed(answer)


def test_the_spread_is_in_tenths_of_a_percent() -> None:
    control = verdict("realtime", trials("realtime", 4000, 4123, 4000, 4333)).passes[0].controls[0]
    assert control.p50_percent == (3.1, 5.7, 8.3)
    none = [each.model_copy(update={"requests": None}) for each in trials("realtime", 1, 1, 1, 1)]
    assert verdict("realtime", none).passes[0].controls[0].p50_percent is None


def test_traced_forks_are_no_control() -> None:
    results = trials("deterministic", 4000, 4000, 5000, 5004)
    traced = [each.model_copy(update={"stage": "audit-trigger"}) for each in results[2:]]
    (control,) = verdict("deterministic", [*results[:2], *traced]).passes[0].controls
    assert (control.identical, control.pairs) == (True, 1)


def test_without_a_pair_nothing_was_shown() -> None:
    (control,) = verdict("deterministic", trials("deterministic", 1, 1, 1, 1)[:1]).passes[0].controls
    assert (control.identical, control.pairs, control.difference) == (None, 0, None)


def test_the_first_difference_is_a_line(tmp_path: Path) -> None:
    one, other = trials("deterministic", 4000, 4000, 5000, 5000)[:2]
    for trial in (one, other):
        (tmp_path / trial.directory).mkdir()
        for name in ("console.log", "control.jsonl", "samples.jsonl"):
            (tmp_path / trial.directory / name).write_text("first\nsecond\n")
    assert first_difference(Folder(tmp_path).folder, one, other) is None
    (tmp_path / other.directory / "control.jsonl").write_text("first\nanother\n")
    assert (
        first_difference(Folder(tmp_path).folder, one, other)
        == "control.jsonl line 2: 'second' and 'another'"
    )
    (tmp_path / other.directory / "console.log").unlink()
    assert first_difference(Folder(tmp_path).folder, one, other) == (
        "console.log cannot be compared: No such file or directory"
    )
