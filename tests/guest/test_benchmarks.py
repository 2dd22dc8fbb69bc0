# SPDX-License-Identifier: Apache-2.0
"""Benchmarks in real guests: what goes over the wire, what the driver counts, who survives whom."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from orchestrator.record.journal import read_journal, trial_results
from orchestrator.record.result import BenchmarkRow, TrialResult
from orchestrator.verdict.verdict import Verdict
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

ROUNDS, WARMUP = 6, 3
CALLS = ROUNDS + WARMUP + 1  # one more looks at what comes back
# The command has the kernel print the driver's own trace event: what was sent, by another word than ours.
WIRE = f"""
name: wire
device: {{arch: arm64, memory: 128MiB, cmdline: [tp_printk]}}
variants:
  kcalloc: {{base: debian-6.1}}
  again: {{base: debian-6.1, twin_of: kcalloc}}
trigger:
  kind: command
  command: echo 1 > /sys/kernel/tracing/events/binder/binder_transaction_alloc_buf/enable
benchmarks:
  - {{kind: binder-transaction, sizes: [4, 4096, 32768, 65536], iterations: {ROUNDS}, warmup: {WARMUP}}}
  - {{kind: binder-transaction, mode: raw, sizes: [4, 4096], iterations: {ROUNDS}, warmup: {WARMUP}}}
  - {{kind: binder-transaction, mode: raw, sizes: [1048576], iterations: 2, when: [after]}}
  - {{kind: binder-transaction, sizes: [8], map: 4KiB, held: 3, min_time: 5ms, when: [target]}}
  - {{kind: binder-mmap, sizes: [4MiB], iterations: {ROUNDS}, warmup: {WARMUP}}}
trials: {{clock: deterministic}}
audit: false
"""
REVIEW = (
    "benchmarks=[{kind: binder-mmap, sizes: [4MiB], held: 300, warmup: 0, iterations: 20,"
    " when: [relaxed, target]},"
    " {kind: binder-transaction, sizes: [4096], iterations: 20},"
    " {kind: binder-transaction, sizes: [4096], map: 4MiB, held: 300, iterations: 20,"
    " when: [relaxed, target]},"
    " {kind: binder-transaction, mode: raw, sizes: [4], iterations: 20, when: [target]}]"
)


@dataclass(frozen=True)
class Run:
    """A finished run."""

    directory: Path
    verdict: Verdict
    trials: dict[tuple[str, str], TrialResult]

    def rows(self, variant: str, stage: str) -> dict[str, BenchmarkRow]:
        """The figures of one fork, by name."""
        return {row.name: row for row in self.trials[variant, stage].benchmarks}


def finished(oomlab: Oomlab, *arguments: str | Path) -> Run:
    completed = oomlab("run", *arguments, "--out", "run", "--json")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    directory = oomlab.directory / "run"
    results = trial_results(read_journal(directory / "journal.jsonl"))
    verdict = Verdict.model_validate(json.loads(completed.stdout))
    return Run(directory, verdict, {(result.variant, result.stage): result for result in results})


@pytest.fixture(scope="module")
def wire(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    directory = tmp_path_factory.mktemp("wire")
    (directory / "wire.yaml").write_text(WIRE)
    return finished(Oomlab(checkout, directory), "wire.yaml")


def test_what_is_sent_is_what_the_real_benchmark_sends(wire: Run) -> None:
    directory = wire.directory / "trials" / wire.trials["kcalloc", "trigger"].directory
    console = (directory / "console.log").read_text()
    sent = Counter(
        (int(data), int(offsets), int(extra))
        for data, offsets, extra in re.findall(
            r"data_size=(\d+) offsets_size=(\d+) extra_buffers_size=(\d+)", console
        )
    )
    expected: Counter[tuple[int, int, int]] = Counter()
    for size in (4, 4096, 32768, 65536):
        expected += Counter({(84 + size, 0, 0): CALLS, (8 + size, 0, 0): CALLS})
    for size in (4, 4096):
        expected += Counter({(size, 0, 0): 2 * CALLS})
    expected += Counter({(4, 0, 0): 3 * 2})  # three servers are told that a call is the last
    assert sent == expected


@pytest.mark.parametrize("stage", ["trigger", "relaxed", "target"])
def test_the_driver_counts_the_commands_of_the_real_benchmark(wire: Run, stage: str) -> None:
    rows = wire.rows("kcalloc", stage)
    for name in ("BM_sendVec_binder/4", "BM_sendVec_binder/65536", "BM_sendVec_binder_raw/4096"):
        assert (rows[name].iterations, rows[name].error) == (ROUNDS, None)
        assert rows[name].counters == {
            "BC_TRANSACTION": ROUNDS, "BC_REPLY": ROUNDS, "BC_FREE_BUFFER": 2 * ROUNDS,
            "BR_TRANSACTION": ROUNDS, "BR_REPLY": ROUNDS, "BR_TRANSACTION_COMPLETE": 2 * ROUNDS,
        }  # fmt: skip


def test_figures_are_those_of_what_was_done(wire: Run) -> None:
    rows = wire.rows("kcalloc", "target")
    for row in rows.values():
        assert 0 < row.cpu_ns < row.real_ns * 1.1
        assert row.p50_ns is not None
        assert row.p99_ns is not None
        assert row.max_ns is not None
        assert row.p50_ns <= row.p99_ns <= row.max_ns
    times = [rows[f"BM_sendVec_binder/{size}"].real_ns for size in (4, 4096, 65536)]
    assert times == sorted(times)
    assert rows["BM_sendVec_binder_raw/4096"].real_ns < rows["BM_sendVec_binder/4096"].real_ns
    by_rule = rows["BM_sendVec_binder/8/map:4096/held:3"]
    assert by_rule.iterations * by_rule.cpu_ns >= 5e6, "the stop rule asks for 5 ms of CPU time"


def test_parcels_above_a_size_class_of_the_allocator_fault_their_pages_in_each_time(wire: Run) -> None:
    """From 43,608 bytes on: two parcels of 17 pages of 4 KiB, where the smaller ones cost copies alone."""
    rows = wire.rows("kcalloc", "relaxed")
    small, middle, large = (rows[f"BM_sendVec_binder/{size}"].real_ns / 4 for size in (4, 32768, 65536))
    copies = (middle - small) / 32768 * 65536
    assert large - small - copies > 2 * 17 * 1000  # instructions; those of a page fault are more


def test_a_payload_that_does_not_fit_is_refused_in_words(wire: Run) -> None:
    """The error table: a request that is larger than the server's free space."""
    row = wire.rows("kcalloc", "trigger")["BM_sendVec_binder_raw/1048576"]
    assert row.error == (
        "a transaction failed: BR_FAILED_REPLY (ENOSPC): no room for it in the receiver's map"
    )


def test_a_twin_takes_the_very_same_instructions(wire: Run) -> None:
    (control,) = wire.verdict.passes[0].controls
    assert (control.identical, control.pairs) == (True, 3)
    for stage in ("trigger", "relaxed", "target"):
        assert wire.rows("kcalloc", stage) == wire.rows("again", stage)
        assert wire.rows("kcalloc", stage)


@pytest.fixture(scope="module")
def review(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    oomlab = Oomlab(checkout, tmp_path_factory.mktemp("review"))
    trials = "trials={blocks: 1, clock: deterministic}"
    variants = (
        "variants={kcalloc: {base: debian-6.1}, kvcalloc: {base: debian-6.1, scope: drivers/android,"
        " patches: [binder-kvcalloc-6.1.patch]}}"
    )
    expectations = "expectations={kcalloc: {outcome: oom}, kvcalloc: {outcome: passed, kernel_bug: true}}"
    changes = [trials, variants, expectations, REVIEW]
    return finished(oomlab, "binder-review", *(word for change in changes for word in ("--set", change)))


def test_a_killed_benchmark_is_a_figure_and_the_next_one_runs(review: Run) -> None:
    rows = review.rows("kcalloc", "target")
    held = rows["BM_mmap_binder/4194304/held:300"]
    assert (held.killed, held.iterations) == (True, 0)
    assert held.oom_kills >= 1
    assert rows["BM_sendVec_binder/4096"].iterations == 20
    assert review.trials["kcalloc", "target"].outcome == "passed"
    assert {victim.role for victim in review.trials["kcalloc", "target"].victims} == {"benchmark"}


def test_looking_for_contiguous_memory_costs_instructions_where_it_is_gone(review: Run) -> None:
    name = "BM_mmap_binder/4194304/held:300"
    relaxed, target = (review.rows("kvcalloc", stage)[name] for stage in ("relaxed", "target"))
    assert (relaxed.failed, target.failed) == (0, 0)
    # No warm-up, which would pay for it: a block that one compaction has made serves every later cycle.
    assert target.real_ns > relaxed.real_ns
    before = review.rows("kcalloc", "relaxed")[name].real_ns
    assert relaxed.real_ns == pytest.approx(before, rel=0.05)


def test_the_audit_finds_every_map_of_every_phase_and_its_path(review: Run) -> None:
    audit = review.verdict.passes[0].audit
    assert audit is not None
    totals = {(total.phase, total.variant): total for total in audit.totals}
    assert {phase for phase, _ in totals} == {"relaxed", "target", "trigger", "after"}
    for total in totals.values():
        assert total.made == total.requests == total.contiguous + total.fell_back + total.refused > 0
    for variant in ("kcalloc", "kvcalloc"):
        assert totals["relaxed", variant].contiguous == totals["relaxed", variant].requests
    assert totals["relaxed", "kcalloc"].requests == totals["relaxed", "kvcalloc"].requests
    assert (totals["target", "kcalloc"].fell_back, totals["target", "kcalloc"].refused) != (0, 0)
    assert totals["target", "kcalloc"].oom_kills > 0 < totals["target", "kvcalloc"].fell_back


def test_relaxed_is_relaxed(review: Run) -> None:
    (relaxed,) = [s for s in review.trials["kcalloc", "relaxed"].memory if s.when == "relaxed"]
    assert relaxed.usable_units is not None
    assert relaxed.usable_units[3] > 2000


def test_a_kernel_that_crashes_is_seen_and_believed_no_more(review: Run) -> None:
    """6.1 takes the array for slab memory; the first page of such a map that is given back is the end."""
    result = review.trials["kvcalloc", "target"]
    (crash,) = result.crashes
    assert (crash.kind, crash.pc, crash.caller) == ("oops", "list_lru_add", "binder_update_page_range")
    assert any("list_lru_add() called from binder_update_page_range()" in bug for bug in result.kernel_bugs)
    rows = review.rows("kvcalloc", "target")
    assert rows["BM_sendVec_binder/4096"].error is None
    assert "has crashed" in str(rows["BM_sendVec_binder/4096/map:4194304/held:300"].error)
    assert "has crashed" in str(rows["BM_sendVec_binder_raw/4"].error)
    assert not review.trials["kvcalloc", "relaxed"].kernel_bugs
