# SPDX-License-Identifier: Apache-2.0
"""Benchmarks from the plan to the figures: stages, words for the guest, records, refusals."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from orchestrator.evidence.benchmarks import failure_words, mapping_bytes_of
from orchestrator.evidence.evidence import Ending
from orchestrator.outcome import Outcome
from orchestrator.plan import by_hand, plan_blocks
from orchestrator.protocol.recipe import block_recipe
from orchestrator.record.result import TrialResult
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Expectation, Scenario
from orchestrator.stage import Mode, Stage
from orchestrator.verdict.variant import variant_verdict
from tests.unit.evidence import guest_output as made

TEXT = """
name: example
device: {arch: arm64, memory: 256MiB}
variants:
  a: {base: debian-6.1}
  b: {base: debian-6.1}
fragmentation: {target: {usable_units: {order: 3, max: 300}}, stressors: [pipes]}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
trials: {blocks: 2, forks: 2, seed: 7, clock: [realtime, deterministic]}
benchmarks: BENCHMARKS
audit: AUDIT
"""
BOTH = (
    "[{kind: binder-transaction, sizes: [4, 65536], when: [relaxed, after]},"
    " {kind: binder-mmap, sizes: [4MiB], min_time: 50ms, warmup: 3, pin: false, held: 300, when: [target]}]"
)
BENCHMARK_CONSOLE = "[    9.000000] oomlab: phase benchmark\n"
LATER_OOM = made.OOM_CONSOLE.replace("oomlab: phase trigger", "oomlab: phase benchmark")


def scenario(benchmarks: str = BOTH, audit: str = "false") -> Scenario:
    text = TEXT.replace("BENCHMARKS", benchmarks).replace("AUDIT", audit)
    return load_text(text, Path("example.yaml")).scenario


def forks(subject: Scenario, clock: str) -> list[list[tuple[str, Stage, int]]]:
    return [
        sorted((trial.variant, trial.stage, trial.fork) for trial in block.trials)
        for block in plan_blocks(subject)
        if block.clock == clock
    ]


def test_each_variant_has_a_fork_for_each_memory_without_a_trigger() -> None:
    one = [("trigger", 1), ("trigger", 2), ("relaxed", 1), ("target", 1)]
    both = sorted((variant, stage, fork) for variant in "ab" for stage, fork in one)
    assert forks(scenario(), "realtime") == [both, both]
    assert all(len(trials) == 6 for trials in forks(scenario(), "deterministic"))


def test_an_audit_knows_the_page_arrays_of_benchmarks_by_their_names() -> None:
    assert mapping_bytes_of("BM_mmap_binder/4194304", 4096) == 4 << 20
    assert mapping_bytes_of("BM_sendVec_binder/4096", 4096) == (1 << 20) - 8192
    assert mapping_bytes_of("BM_sendVec_binder_raw/4/map:65536", 4096) == 65536


def test_tracing_has_forks_of_its_own_and_those_of_benchmarks_in_one_block() -> None:
    stages = ("trigger", "relaxed", "target")
    for clock in ("realtime", "deterministic"):
        untraced = forks(scenario(), clock)[0]
        traced = [(variant, f"audit-{stage}", 1) for variant in "ab" for stage in stages]
        first, second = forks(scenario(audit="true"), clock)
        assert first == sorted([*untraced, *traced])
        assert second == sorted([*untraced, *(fork for fork in traced if fork[1] == "audit-trigger")])


def test_benchmarks_after_the_trigger_take_no_fork_of_their_own() -> None:
    after = "[{kind: binder-mmap, sizes: [4MiB], when: [after]}]"
    assert plan_blocks(scenario(after)) == plan_blocks(scenario("[]"))


def test_within_a_block_the_stages_come_in_a_seeded_random_order() -> None:
    orders = [[(t.variant, t.stage) for t in block.trials] for block in plan_blocks(scenario())]
    assert len(set(map(tuple, orders))) > 1
    assert plan_blocks(scenario()) == plan_blocks(scenario())


def test_by_hand_every_stage_is_a_boot() -> None:
    first = [block for block in by_hand(plan_blocks(scenario())) if block.index == 1]
    stages = ("trigger", "relaxed", "target")
    assert [(b.variants, b.stage) for b in first] == [((v,), stage) for v in "ab" for stage in stages]


def words(mode: Mode, stage: Stage = "trigger") -> dict[str, str]:
    line = block_recipe(
        scenario(), mode=mode, variants=["a"], seed=1, control_tty="t", slowdown=2.0, stage=stage
    )
    return dict(word.removeprefix("oomlab.").split("=", 1) for word in line.split(" "))


def test_the_guest_is_told_of_them_in_few_words() -> None:
    told = words(Mode.BLOCK)
    assert told["benchmarks"] == "libbinder:0:200:0:20:1:0:ra:4-65536,mmap:0:0:50000:3:0:300:t:4194304"
    assert told["benchmark_ms"] == "240000"
    assert "stage" not in told
    assert words(Mode.TRIAL, "relaxed")["stage"] == "relaxed"
    assert not {"benchmarks", "benchmark_ms", "stage"} & set(words(Mode.SHELL))


def test_figures_are_per_served_iteration() -> None:
    record = made.benchmark(iterations=100, failed=20, real_ns=8_000_000, cpu_ns=4_000_000)
    (row,) = made.judged([made.hello(), made.target(), record]).benchmarks
    assert (row.real_ns, row.cpu_ns, row.failed, row.error) == (100_000, 50_000, 20, None)
    assert row.counters == {"BC_TRANSACTION": 100, "BC_REPLY": 100, "BC_FREE_BUFFER": 200}


def test_one_that_never_ran_has_no_figures_but_a_reason() -> None:
    record = made.benchmark(
        iterations=0, real_ns=0, cpu_ns=0, p50_ns=None, p99_ns=None, max_ns=None, where="manager",
        errno=errno.EBUSY, counters="",
    )  # fmt: skip
    (row,) = made.judged([made.hello(), made.target(), record]).benchmarks
    assert (row.real_ns, row.p50_ns, row.counters) == (0, None, {})
    assert row.error == "the server could not become context manager: EBUSY"


@pytest.mark.parametrize(
    ("reply", "code", "meaning"),
    [
        ("BR_FAILED_REPLY", -28, "BR_FAILED_REPLY (ENOSPC): no room for it in the receiver's map"),
        ("BR_DEAD_REPLY", -22, "BR_DEAD_REPLY (EINVAL): no server: no context manager, or it has died"),
        ("BR_DEAD_REPLY", -3, "BR_DEAD_REPLY (ESRCH): the receiver has no map"),
        ("BR_WHATEVER", 0, "BR_WHATEVER"),
    ],
)
def test_what_the_driver_says_is_put_into_words(reply: str, code: int, meaning: str) -> None:
    assert failure_words("transaction", reply, code) == f"a transaction failed: {meaning}"


def alone(*records: object, text: str = BENCHMARK_CONSOLE, ending: Ending = Ending.EXITED) -> Outcome:
    begun = made.record("phase", name="benchmark")
    control = [made.hello(), made.target(), begun, *records]
    return made.judged(control, text, stage="target", ending=ending).outcome  # type: ignore[arg-type]


def test_a_killed_benchmark_is_a_figure_and_no_outcome() -> None:
    end = made.record("end", oom_kill_total=1)
    assert alone(made.benchmark(killed=True, oom_kills=1), end, text=LATER_OOM) is Outcome.PASSED


def test_a_stage_without_a_trigger_can_still_go_wrong() -> None:
    assert alone(ending=Ending.OVERDUE) is Outcome.HANG
    assert alone() is Outcome.LOST
    panic = BENCHMARK_CONSOLE + made.PANIC_CONSOLE.splitlines(keepends=True)[1]
    assert alone(text=panic) is Outcome.PANIC
    missed = made.judged([made.hello(), made.target()], stage="relaxed")
    assert missed.outcome is Outcome.TARGET_MISSED


def test_what_comes_after_the_trigger_is_not_its_doing() -> None:
    """An OOM, and a guest that never ends, while the benchmarks run."""
    control = [*made.passed()[:-1], made.record("phase", name="benchmark"), made.benchmark(killed=True)]
    text = "[    5.100000] oomlab: phase trigger\n" + LATER_OOM
    result = made.judged(control, text, ending=Ending.OVERDUE)
    assert (result.outcome, result.oom_events, result.first_oom) == (Outcome.PASSED, 0, None)
    assert "did not come to their end" in result.notes[-1]


def crashed(stage: Stage) -> TrialResult:
    result = made.judged(made.passed(), "[    5.100000] oomlab: phase trigger\n", variant="a")
    return result.model_copy(update={"stage": stage, "kernel_bugs": ("Internal error: Oops",)})


@pytest.mark.parametrize("stage", ["trigger", "target"])
def test_a_crash_is_not_as_expected_in_any_fork(stage: Stage) -> None:
    passes = Expectation(outcome=Outcome.PASSED)
    for expectation in (passes, None):
        verdict = variant_verdict([crashed(stage)], expectation, "realtime", timed=True)
        assert "the kernel reported a bug: Internal error: Oops" in verdict.unmet[0]


def test_a_crash_that_is_known_is_expected_of_one_fork_at_least() -> None:
    known = Expectation(outcome=Outcome.PASSED, kernel_bug=True)
    sound = crashed("relaxed").model_copy(update={"kernel_bugs": ()})
    assert variant_verdict([crashed("target"), sound], known, "realtime", timed=True).unmet == ()
    assert variant_verdict([sound], known, "realtime", timed=True).unmet == (
        "the kernel reported no bug in any fork",
    )
