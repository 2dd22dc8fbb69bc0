# SPDX-License-Identifier: Apache-2.0
"""Verdicts follow from results alone: met, not met, or not enough evidence to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.clock import Clock
from orchestrator.errors import ExitCode
from orchestrator.evidence.evidence import Ending
from orchestrator.outcome import Outcome
from orchestrator.record.result import BlockResult, RequestPaths, TrialResult
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode
from orchestrator.verdict.judgement import Conclusion, Judgement
from orchestrator.verdict.verdict import Verdict, compute_verdict
from tests.unit.evidence.guest_output import (
    ACCELERATORS,
    OOM_CONSOLE,
    PANIC_CONSOLE,
    hello,
    judged,
    passed,
    record,
    target,
    trigger_end,
    trigger_start,
)

TEXT = """
name: example
device: {arch: arm64, memory: 256MiB}
variants:
  kcalloc: {base: debian-6.1}
  kvcalloc: {base: debian-6.1}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
"""
EXPECTED = """
expectations:
  kcalloc: {outcome: oom, first_oom: {order: 3, caller: binder_alloc_mmap_handler}}
  kvcalloc: {outcome: passed, requests_failed: 0}
"""


def scenario(extra: str = EXPECTED) -> Scenario:
    return load_text(TEXT + extra, Path("example.yaml")).scenario


def oomed(variant: str = "kcalloc", block: int = 1) -> TrialResult:
    control = [hello(), target(), trigger_start(), trigger_end("first-oom", succeeded=300, oom_kill=1)]
    return judged(control, OOM_CONSOLE, variant=variant, block=block)


def survived(variant: str = "kvcalloc", block: int = 1) -> TrialResult:
    return judged(passed(), variant=variant, block=block)


def verdict(subject: Scenario, *results: TrialResult) -> Verdict:
    return compute_verdict(subject, [], results, accelerators=ACCELERATORS)


def test_as_expected() -> None:
    answer = verdict(scenario(), oomed(), survived())
    assert answer.expectations_met is True
    assert answer.exit_code == ExitCode.MET
    assert answer.variants["kcalloc"].outcomes == {Outcome.OOM: 1}
    assert answer.variants["kcalloc"].oom_events == 1
    assert answer.variants["kvcalloc"].requests.succeeded == 600


def test_not_as_expected_says_why() -> None:
    answer = verdict(scenario(), survived("kcalloc"), survived())
    assert answer.exit_code == ExitCode.NOT_MET
    assert answer.variants["kcalloc"].unmet[0].startswith("trial 1: outcome passed instead of oom")


@pytest.mark.parametrize("ending", [Ending.EXITED])
def test_a_lost_trial_leaves_the_verdict_open(ending: Ending) -> None:
    lost = judged([hello(), target(), trigger_start()], variant="kvcalloc", ending=ending)
    answer = verdict(scenario(), oomed(), lost)
    assert answer.expectations_met is None
    assert answer.exit_code == ExitCode.VERDICT_MISSING
    assert "block 1 of kvcalloc: lost" in answer.missing[0]


def test_a_hang_is_evidence_and_not_as_expected() -> None:
    hang = judged([hello(), target(), trigger_start()], variant="kvcalloc", ending=Ending.OVERDUE)
    assert verdict(scenario(), oomed(), hang).expectations_met is False
    assert verdict(scenario(""), oomed(), hang).expectations_met is False


def test_a_block_that_was_not_run_is_missing() -> None:
    assert verdict(scenario(), oomed()).missing == ("block 1 of kvcalloc was not run",)


def test_the_last_attempt_counts_and_the_others_are_told() -> None:
    missed = judged([hello(), target(reached=False)], variant="kcalloc")
    answer = verdict(scenario(), missed, missed, oomed(), survived())
    assert (answer.expectations_met, answer.repeated) == (True, 2)
    assert answer.variants["kcalloc"].trials == 1


def test_a_proof_that_failed_leaves_the_verdict_open() -> None:
    proof = judged([hello(), target(reached=False)], mode=Mode.PROOF, block=0)
    assert verdict(scenario(), proof, oomed(), survived()).expectations_met is None


def test_where_nothing_is_expected_variants_are_compared_only() -> None:
    answer = verdict(scenario(""), oomed(), survived())
    assert (answer.conclusion, answer.expectations_met) == (Conclusion.COMPARED_ONLY, None)
    assert answer.exit_code == ExitCode.MET
    assert not any(each.expected for each in answer.variants.values())
    assert {each.judgement for each in answer.trials} == {Judgement.NOT_JUDGED}
    assert verdict(scenario(""), oomed()).conclusion is Conclusion.MISSING


def test_what_no_kernel_may_do_is_not_met_though_nothing_is_expected() -> None:
    hang = judged([hello(), target(), trigger_start()], variant="kvcalloc", ending=Ending.OVERDUE)
    panic = judged([hello(), target(), trigger_start()], PANIC_CONSOLE, variant="kvcalloc")
    buggy = survived().model_copy(update={"kernel_bugs": ("BUG: sleeping function",)})
    beside = survived().model_copy(update={"stage": "relaxed", "trial": 9})
    ended_badly = beside.model_copy(update={"outcome": Outcome.PANIC, "why": "kernel panic"})
    for results in ([hang], [panic], [buggy], [survived(), ended_badly]):
        answer = verdict(scenario(""), oomed(), *results)
        assert answer.conclusion is Conclusion.NOT_MET
        assert len(answer.variants["kvcalloc"].unmet) == 1


def test_a_variant_of_which_nothing_is_expected_is_named() -> None:
    answer = verdict(scenario("expectations: {kcalloc: {outcome: oom}}"), oomed(), survived())
    assert (answer.conclusion, answer.only_compared) == (Conclusion.MET, ("kvcalloc",))
    assert [each.judgement for each in answer.trials] == [Judgement.MET, Judgement.NOT_JUDGED]


def test_counters_that_never_arrived_are_no_counters_that_stood_still() -> None:
    expected = "expectations: {kvcalloc: {vmstat: {compact_fail: {max: 0}}}}"
    silent = verdict(scenario(expected), oomed(), survived())
    assert silent.conclusion is Conclusion.NOT_MET
    assert "no counters" in silent.variants["kvcalloc"].unmet[0]
    still = survived().model_copy(update={"vmstat_delta": {"pgfree": 1}})
    assert verdict(scenario(expected), oomed(), still).conclusion is Conclusion.MET


def test_traced_trials_are_not_judged_unless_a_trace_is_what_shows_it() -> None:
    traced = survived().model_copy(update={"trial": 3, "stage": "audit-trigger", "outcome": Outcome.OOM})
    answer = verdict(scenario(), oomed(), survived(), traced)
    assert answer.conclusion is Conclusion.MET
    assert answer.trials[-1].judgement is Judgement.NOT_JUDGED
    assert "traced" in answer.trials[-1].why[0]
    lost = traced.model_copy(update={"outcome": Outcome.LOST})
    assert verdict(scenario(), oomed(), survived(), lost).trials[-1].judgement is Judgement.NOT_JUDGED
    shown = "expectations: {kvcalloc: {max_order_without_noretry: 3}}"
    paths = RequestPaths(
        gfp_flags={}, contiguous=0, fell_back=0, refused=0, insists=True, vmalloc_areas=None, page_orders={}
    )
    traced = traced.model_copy(update={"page_arrays": paths})
    assert verdict(scenario(shown), oomed(), survived(), traced).trials[-1].judgement is Judgement.MET


def test_of_a_patch_that_was_to_mend_nothing_no_verdict_says_met() -> None:
    subject = scenario("expectations: {kcalloc: {outcome: passed}, kvcalloc: {outcome: passed}}")
    taken = {"kcalloc": "one", "kvcalloc": None}

    def conclusion(subject: Scenario, taken: dict[str, str | None], *results: TrialResult) -> Conclusion:
        answer = compute_verdict(subject, [], results, accelerators=ACCELERATORS, taken=taken)
        return answer.conclusion

    both = (survived("kcalloc"), survived())
    assert conclusion(subject, {}, *both) is Conclusion.MET
    assert conclusion(subject, taken, *both) is Conclusion.COMPARED_ONLY
    assert conclusion(subject, {"kcalloc": "one"}, *both) is Conclusion.MET, "one was stated"
    assert conclusion(subject, taken, oomed(), survived()) is Conclusion.NOT_MET
    assert conclusion(scenario(), taken, oomed(), survived()) is Conclusion.MET


def test_the_first_oom_is_compared_in_every_point() -> None:
    expected = """
expectations:
  kcalloc: {outcome: oom, first_oom: {order: 1, caller: elsewhere, trigger: dumpsys}}
"""
    unmet = verdict(scenario(expected), oomed(), survived()).variants["kcalloc"].unmet
    assert [sentence.split(": ", 1)[1] for sentence in unmet] == [
        "first OOM at order 3 instead of 1",
        "first OOM from binder_alloc_mmap_handler instead of elsewhere",
        "OOM killer first invoked by oomlab-trigger instead of dumpsys",
    ]


def test_orders_and_counters() -> None:
    expected = """
expectations:
  kvcalloc: {outcome: passed, max_order_without_noretry: 1, vmstat: {compact_stall: {min: 1}}}
"""
    paths = RequestPaths(
        gfp_flags={},
        contiguous=0,
        fell_back=0,
        refused=0,
        insists=True,
        vmalloc_areas=None,
        page_orders={"order 1": 5, "order 3": 2, "order 3 noretry": 9},
    )
    traced = survived().model_copy(update={"trial": 3, "stage": "audit-trigger", "page_arrays": paths})
    passing = survived().model_copy(update={"vmstat_delta": {"pgfree": 1}})
    unmet = verdict(scenario(expected), oomed(), passing, traced).variants["kvcalloc"].unmet
    assert len(unmet) == 2
    assert "compact_stall rose by 0" in unmet[0]
    assert "2 page requests of order 3 without __GFP_NORETRY" in unmet[1]
    moved = survived().model_copy(update={"vmstat_delta": {"compact_stall": 3}})
    fine = traced.model_copy(update={"page_arrays": paths.model_copy(update={"page_orders": {}})})
    assert verdict(scenario(expected), oomed(), moved, fine).expectations_met is True
    assert verdict(scenario(expected), oomed(), moved).variants["kvcalloc"].unmet == (
        "max_order_without_noretry: no trial was traced",
    )


def test_a_kernel_bug_fails_even_a_passed_trial() -> None:
    buggy = survived().model_copy(update={"kernel_bugs": ("BUG: sleeping function",)})
    assert verdict(scenario(), oomed(), buggy).expectations_met is False


def test_verdicts_survive_json() -> None:
    answer = verdict(scenario(), oomed(), survived())
    assert Verdict.model_validate_json(answer.model_dump_json()) == answer


def raised(block: int, fingerprint: str | None, attempt: int = 1, *, frozen: bool = True) -> BlockResult:
    return BlockResult(
        block=block,
        attempt=attempt,
        mode=Mode.BLOCK,
        clock="realtime",
        variants=("kcalloc", "kvcalloc"),
        seed=1,
        frozen=frozen,
        host_seconds=1.0,
        fingerprint=fingerprint,
        ram_sha256=None,
        target=None,
        memory=(),
    )


def test_blocks_with_equal_memory_are_one_state() -> None:
    blocks = [raised(1, "x"), raised(2, "y"), raised(3, "x"), raised(4, None, frozen=False)]
    results = [trial for block in (1, 2, 3) for trial in (oomed(block=block), survived(block=block))]
    each = compute_verdict(scenario(), blocks, results, accelerators=ACCELERATORS).passes[0]
    assert (each.blocks, each.distinct_states, each.paired) == (3, 2, True)


def test_a_block_that_had_to_be_raised_again_is_told() -> None:
    blocks = [raised(1, None, frozen=False), raised(1, "x", attempt=2)]
    answer = compute_verdict(scenario(), blocks, [oomed(), survived()], accelerators=ACCELERATORS)
    assert (answer.expectations_met, answer.repeated) == (True, 1)


def test_deterministic_figures_are_instructions_in_a_table_of_their_own() -> None:
    subject = load_text(TEXT + "trials: {clock: [realtime, deterministic]}", Path("x")).scenario
    mmaps = record("latencies", process=0, first=0, latency_ns=[4000] * 600, errno=[0] * 600)
    control = [*passed()[:3], mmaps, *passed()[3:]]
    results = [judged(control, variant=name) for name in ("kcalloc", "kvcalloc")]
    results += [result.model_copy(update={"clock": "deterministic"}) for result in results]
    answer = compute_verdict(subject, [], results, accelerators=ACCELERATORS)
    units = [(each.clock, each.variants["kcalloc"].requests.p50) for each in answer.passes]
    assert units == [("realtime", 4.0), ("deterministic", 1000.0)]
    assert answer.passes[1].variants["kcalloc"].requests.latency_unit == "instructions"
    assert answer.variants == answer.passes[0].variants


@pytest.mark.parametrize(("clock", "timed"), [("realtime", False), ("deterministic", True)])
def test_trials_that_disturb_one_another_have_no_latencies(clock: Clock, timed: bool) -> None:
    mmaps = record("latencies", process=0, first=0, latency_ns=[4000] * 600, errno=[0] * 600)
    result = judged([*passed()[:3], mmaps, *passed()[3:]], variant="kcalloc")
    subject = scenario(f"trials: {{timing: false, clock: {clock}}}")
    totals = verdict(subject, result.model_copy(update={"clock": clock})).variants["kcalloc"].requests
    assert totals.succeeded == 600
    assert (totals.p50 is not None, totals.max is not None) == (timed, timed)


def test_outcomes_are_counted_of_the_trigger_alone() -> None:
    beside = [survived(name).model_copy(update={"stage": "relaxed"}) for name in ("kcalloc", "kvcalloc")]
    answer = verdict(scenario(), oomed(), survived(), *beside)
    assert answer.variants["kcalloc"].outcomes == {Outcome.OOM: 1}
    assert answer.variants["kvcalloc"].requests.succeeded == 600
    assert answer.expectations_met is True


NULL_WRITE = Path("tests/data/consoles/6.1-arm64-null-write.txt").read_text()


def crashed(block: int) -> TrialResult:
    control = [hello(), target(), trigger_start()]
    return judged(control, NULL_WRITE, variant="kvcalloc", block=block, trial=block, ending=Ending.OVERDUE)


def test_a_crash_can_be_expected_and_is_told_first_and_once() -> None:
    expected = "expectations:\n  kvcalloc: {outcome: kernel-crash}\ntrials: {blocks: 2}\n"
    results = [survived("kcalloc", block) for block in (1, 2)] + [crashed(block) for block in (1, 2)]
    said = verdict(scenario(expected), *results)
    assert said.expectations_met is True
    line, spared = said.foremost
    assert spared == "The kernel did not crash with kcalloc (in 2 trials)."
    assert line == (
        "kvcalloc: the kernel crashed 2 times, in 2 of 2 trials: Oops (NULL pointer dereference):"
        " binder_alloc_mmap_handler() [binder_linux] called from binder_mmap() [binder_linux],"
        " task oomlab-trigger, tainted GOE"
    )
    assert [(count.times, count.trials) for count in said.crashes] == [(2, (1, 2))]


def test_a_crash_that_nobody_expected_has_one_reason_whatever_the_number_of_trials() -> None:
    results = [survived("kcalloc", block) for block in (1, 2)] + [crashed(block) for block in (1, 2)]
    said = verdict(scenario("trials: {blocks: 2}\n"), *results)
    assert said.expectations_met is False
    (reason,) = said.variants["kvcalloc"].unmet
    assert reason.startswith("trials 1, 2: the kernel reported a bug: Oops (NULL pointer dereference)")
    known = scenario("expectations:\n  kvcalloc: {kernel_bug: true}\ntrials: {blocks: 2}\n")
    assert verdict(known, *results).expectations_met is True


def test_repeated_attempts_are_counted_but_not_those_that_were_interrupted() -> None:
    missed = judged([hello(), target(reached=False)], variant="kcalloc")
    stopped = missed.model_copy(update={"outcome": Outcome.INTERRUPTED})
    blocks = [raised(1, None, frozen=False), raised(1, "x", attempt=2), raised(1, "x", attempt=3)]
    answer = compute_verdict(
        scenario(), blocks, [missed, stopped, oomed(), survived()], accelerators=ACCELERATORS
    )
    assert answer.repeated == 1 + 2
    assert verdict(scenario(), oomed(), survived()).repeated == 0


def test_disagreements_and_inexact_pairs_are_told() -> None:
    odd = oomed().model_copy(update={"disagreement": "1 and 2", "trial": 7})
    answer = verdict(scenario(), odd, survived().model_copy(update={"fingerprint": "other"}))
    assert answer.disagreements == ("trial 7 (kcalloc): 1 and 2",)
    assert answer.inexact_pairs == ("block 1 (realtime): its trials continue from 2 memory states",)
    assert verdict(scenario(), oomed(), survived()).inexact_pairs == ()


def test_one_block_without_a_fingerprint_leaves_the_number_of_states_open() -> None:
    each = compute_verdict(
        scenario(), [raised(1, "x"), raised(2, None)], [oomed(), survived()], accelerators=ACCELERATORS
    ).passes[0]
    assert (each.blocks, each.distinct_states, each.forks) == (2, None, 1)


def test_blocks_of_another_clock_are_another_pass() -> None:
    other = raised(2, "y").model_copy(update={"clock": "deterministic"})
    each = compute_verdict(
        scenario(), [raised(1, "x"), other], [oomed(), survived()], accelerators=ACCELERATORS
    ).passes[0]
    assert (each.blocks, each.distinct_states) == (1, 1)


def test_the_proof_boot_is_no_trial() -> None:
    proof = judged([hello(), record("proof", repaired=True, units_before=[1], units_after=[2])],
                   mode=Mode.PROOF, block=0)  # fmt: skip
    answer = verdict(scenario(), proof, oomed(), survived())
    assert (answer.conclusion, len(answer.trials)) == (Conclusion.MET, 2)


def test_what_is_read_first_says_whether_a_patch_changed_anything(tmp_path: Path) -> None:
    (tmp_path / "mine.patch").write_text("x")
    text = TEXT.replace(
        "kvcalloc: {base: debian-6.1}",
        "kvcalloc: {base: debian-6.1, scope: drivers/android, patches: [mine.patch]}",
    )
    alike = [survived("kcalloc"), survived()]

    def foremost(extra: str) -> tuple[str, ...]:
        return verdict(load_text(text + extra, tmp_path / "x.yaml").scenario, *alike).foremost

    both = "expectations: {kcalloc: {outcome: passed}, kvcalloc: {outcome: passed}}"
    assert foremost(both) == ()
    for extra in ("", EXPECTED):
        assert foremost(extra)[0].startswith("the patch changes nothing here")
