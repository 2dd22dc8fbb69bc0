# SPDX-License-Identifier: Apache-2.0
"""The first outcome that holds is the trial's outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.evidence.evidence import Ending, Evidence
from orchestrator.evidence.judge import judge_block
from orchestrator.outcome import Outcome
from orchestrator.plan import PlannedBlock
from orchestrator.protocol.records import ControlRecord
from orchestrator.record.result import BlockResult
from orchestrator.stage import Mode
from tests.unit.evidence.guest_output import (
    DEADLOCK_CONSOLE,
    OOM_CONSOLE,
    PANIC_CONSOLE,
    command,
    hello,
    judged,
    passed,
    process_end,
    record,
    target,
    trigger_end,
    trigger_start,
)  # fmt: skip

FAILURE_CONSOLE = """\
[    5.100000] oomlab: phase trigger
[    5.200000] oomlab-trigger: page allocation failure: order:4, \
mode:0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO), nodemask=(null),cpuset=/,mems_allowed=0
[    5.200100] CPU: 0 PID: 90 Comm: oomlab-trigger Not tainted 6.1.0-56-arm64 #1  Debian 6.1.192-2
[    5.201300]  binder_alloc_mmap_handler+0x88/0x1f0 [binder_linux]
"""


def test_all_served_is_passed() -> None:
    result = judged(passed(), "[    5.100000] oomlab: phase trigger\n")
    assert result.outcome is Outcome.PASSED
    assert result.requests is not None
    assert (result.requests.succeeded, result.requests.failed) == (600, 0)
    assert result.disagreement is None


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (OOM_CONSOLE, Outcome.OOM),
        (PANIC_CONSOLE, Outcome.PANIC),
        (FAILURE_CONSOLE, Outcome.ALLOCATION_FAILURE),
    ],
)
def test_the_console_alone_suffices_where_no_record_came_in_time(text: str, outcome: Outcome) -> None:
    """Records of a device come over a connection, which dies with the kernel."""
    assert judged([], text).outcome is outcome


def test_an_agent_that_only_the_console_has_heard_did_speak() -> None:
    result = judged([], "[    5.1] oomlab: phase prepare\n")
    assert (result.outcome, result.why) == (
        Outcome.TARGET_MISSED, "the guest ended in phase start: so it ended",
    )  # fmt: skip


def test_an_oom_after_the_trigger_is_an_oom() -> None:
    control = [hello(), target(), trigger_start(), trigger_end("first-oom", succeeded=300, oom_kill=1)]
    result = judged(control, OOM_CONSOLE)
    assert result.outcome is Outcome.OOM
    assert not result.panicked
    assert result.first_oom is not None
    assert result.first_oom.order == 3
    assert result.first_oom.stack_first_caller == "binder_alloc_mmap_handler"
    assert result.disagreement is None


@pytest.mark.parametrize(
    ("name", "records", "roles"),
    [
        ("oomlab-trigger", [record("victim", pid=90, role="trigger", index=0, signal=9)], ["trigger"]),
        ("oomlab-trigger", [], []),
        ("dd", [], ["other"]),
        ("dd", [record("victim", pid=90, role="trigger", index=0, signal=9)], ["trigger"]),
        ("dd", [record("victim", pid=77, role="bystander", index=0, signal=9)], ["bystander", "other"]),
    ],
)
def test_whom_the_agent_did_not_start_is_among_the_killed(
    name: str, records: list[ControlRecord], roles: list[str]
) -> None:
    """A command's own child is known from the console alone; an own one may not have been reaped yet."""
    console = OOM_CONSOLE.replace("90 (oomlab-trigger)", f"90 ({name})")
    result = judged([hello(), target(), trigger_start(), *records], console)
    assert [victim.role for victim in result.victims] == roles


def test_an_oom_that_ends_in_a_panic_is_an_oom_that_panicked() -> None:
    result = judged([hello(), target(), trigger_start()], DEADLOCK_CONSOLE)
    assert (result.outcome, result.panicked) == (Outcome.OOM, True)


def test_an_oom_before_the_trigger_is_a_missed_target() -> None:
    console = OOM_CONSOLE.split("\n", 1)[1]
    result = judged([hello()], console)
    assert (result.outcome, result.oom_events) == (Outcome.TARGET_MISSED, 0)
    assert "before the trigger" in result.why


def test_the_console_alone_tells_an_oom_after_the_trigger() -> None:
    assert judged([hello(), target()], OOM_CONSOLE).outcome is Outcome.OOM


def test_an_oom_that_only_vmstat_counted_is_an_oom_and_a_disagreement() -> None:
    control = [hello(), target(), trigger_start(), trigger_end("first-oom", succeeded=300, oom_kill=1)]
    result = judged(control)
    assert result.outcome is Outcome.OOM
    assert result.disagreement == "0 OOM kills on the console, 1 in /proc/vmstat"


def test_a_panic_without_an_oom() -> None:
    result = judged([hello(), target(), trigger_start()], PANIC_CONSOLE)
    assert (result.outcome, result.panicked) == (Outcome.PANIC, True)


def test_a_page_allocation_failure() -> None:
    control = [hello(), target(), trigger_start(), trigger_end(succeeded=599, failed=1)]
    assert judged(control, FAILURE_CONSOLE).outcome is Outcome.ALLOCATION_FAILURE


def test_an_mmap_that_the_driver_refuses_has_not_passed() -> None:
    mmaps = record("latencies", process=0, first=0, latency_ns=[1, 2, 3], errno=[0, 22, 22])
    result = judged([*passed()[:3], mmaps, trigger_end(succeeded=1, failed=2)])
    assert result.outcome is Outcome.REQUEST_FAILED
    assert result.why == "2 mmaps failed: EINVAL x 2"
    assert result.outcome.is_evidence
    assert result.outcome.is_fault


def test_an_mmap_that_was_never_made_has_not_passed() -> None:
    result = judged([*passed()[:3], trigger_end(succeeded=0, failed=600)])
    assert result.outcome is Outcome.REQUEST_FAILED
    assert "they were never made" in result.why


def test_a_failed_mmap_without_any_message_is_an_allocation_failure() -> None:
    mmaps = record("latencies", process=0, first=0, latency_ns=[1, 2], errno=[0, 12])
    result = judged([*passed()[:3], mmaps, trigger_end(succeeded=1, failed=1)])
    assert result.outcome is Outcome.ALLOCATION_FAILURE
    assert result.requests is not None
    assert result.requests.errnos == {"ENOMEM": 1}


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        (Ending.OVERDUE, Outcome.HANG),
        (Ending.EXITED, Outcome.LOST),
        (Ending.INTERRUPTED, Outcome.INTERRUPTED),
    ],
)
def test_a_guest_that_falls_silent_in_the_trigger(ending: Ending, outcome: Outcome) -> None:
    assert judged([hello(), target(), trigger_start()], ending=ending).outcome is outcome


def test_a_trigger_over_its_own_deadline_hangs() -> None:
    assert (
        judged([hello(), target(), trigger_start(), trigger_end("deadline", succeeded=5)]).outcome
        is Outcome.HANG
    )


@pytest.mark.parametrize("ending", [Ending.OVERDUE, Ending.EXITED])
def test_a_guest_whose_agent_never_speaks_failed_to_boot(ending: Ending) -> None:
    result = judged([], "[    0.500000] Kernel panic - not syncing: No working init found.", ending=ending)
    assert result.outcome is Outcome.BOOT_FAILED
    assert "No working init found" in result.why


def test_a_target_not_reached_tells_the_state() -> None:
    result = judged([hello(), target(reached=False), record("end", oom_kill_total=0)])
    assert result.outcome is Outcome.TARGET_MISSED
    assert "98000 kB free" in result.why
    assert result.target is not None
    assert result.target.usable_units == (9, 8, 7, 6)


def test_an_agent_error_is_the_harness_s() -> None:
    error = record("error", where="module", errno=2, message="/modules/x/binder_linux.ko: No such file")
    result = judged([hello(), target(), error])
    assert result.outcome is Outcome.HARNESS_ERROR
    assert "module" in result.why


def test_a_proof_must_have_been_repaired() -> None:
    units = {"units_before": [9, 1], "units_after": [9, 8]}
    for repaired, outcome in ((True, Outcome.PASSED), (False, Outcome.TARGET_MISSED)):
        proof = record("proof", repaired=repaired, **units)
        assert judged([hello(), target(), proof], mode=Mode.PROOF).outcome is outcome


def test_latencies_are_summarised_over_mmaps_that_succeeded() -> None:
    mmaps = record(
        "latencies", process=0, first=0, latency_ns=[*range(1, 101), 10**9], errno=[0] * 100 + [12]
    )
    result = judged([*passed()[:3], mmaps, trigger_end(succeeded=100, failed=1)])
    assert result.requests is not None
    assert result.requests.latency is not None
    latency = result.requests.latency
    assert (latency.count, latency.p50_ns, latency.p99_ns, latency.max_ns) == (100, 50, 99, 100)


def test_a_kernel_bug_is_kept() -> None:
    bug = "[    6.000000] BUG: sleeping function called from invalid context at mm/vmalloc.c:2883\n"
    result = judged(passed(), "[    5.100000] oomlab: phase trigger\n" + bug)
    assert result.kernel_bugs
    assert "sleeping function" in result.kernel_bugs[0]


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ({"exit_status": 3}, "the command ended with exit status 3"),
        ({"exit_status": 127}, "exit status 127 (the shell found no such command)"),
        ({"exit_status": 139}, "exit status 139 (what a shell says of a command that died by SIGSEGV)"),
        ({"signal": 9}, "the command was killed by SIGKILL, and not by the OOM killer"),
        ({"exit_status": 127, "start_errno": 12}, "the command could not be started: ENOMEM"),
    ],
)
def test_a_command_that_fails_has_not_passed(end: dict[str, int], why: str) -> None:
    reason = "killed" if "signal" in end else "finished"
    result = judged(command(process_end(**end), output="no such thing\n", reason=reason))
    assert result.outcome is Outcome.COMMAND_FAILED
    assert why in result.why
    assert [(each.exit_status, each.signal) for each in result.processes] == [
        (end.get("exit_status"), end.get("signal"))
    ]
    assert result.output is not None
    assert (result.output.bytes, result.output.end) == (14, "no such thing\n")


def test_a_command_that_ends_well_has_passed() -> None:
    result = judged(command(process_end(exit_status=0)))
    assert result.outcome is Outcome.PASSED
    assert result.output is not None
    assert result.output.bytes == 0


def test_a_command_that_the_oom_killer_killed_is_an_oom() -> None:
    for end in (process_end(signal=9), process_end(exit_status=137)):
        result = judged(command(end, reason="killed"), OOM_CONSOLE)
        assert result.outcome is Outcome.OOM
        assert len(result.processes) == 1


def test_a_command_over_its_deadline_hangs() -> None:
    assert judged(command(reason="deadline")).outcome is Outcome.HANG


def test_a_process_of_the_trigger_that_dies_by_itself_gives_no_evidence() -> None:
    ends = [process_end(signal=11), record("process-end", process=1, pid=78, exit_status=1)]
    result = judged([hello(), target(), trigger_start(), *ends, trigger_end("killed", succeeded=5)])
    assert result.outcome is Outcome.LOST
    assert "process 0 of the trigger was killed by SIGSEGV" in result.why
    assert [(end.process, end.signal, end.exit_status) for end in result.processes] == [
        (0, 11, None),
        (1, None, 1),
    ]


NULL_WRITE = Path("tests/data/consoles/6.1-arm64-null-write.txt").read_text()
SOFT_LOCKUP = (
    "[    5.100000] oomlab: phase trigger\n"
    "[   27.100000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [oomlab-trigger:90]\n"
    "[   27.100001] pc : binder_mmap+0x10/0x20 [binder_linux]\n"
)


@pytest.mark.parametrize("ending", [Ending.OVERDUE, Ending.EXITED])
def test_a_crash_that_ended_the_trigger_is_no_hang(ending: Ending) -> None:
    result = judged([hello(), target(), trigger_start()], NULL_WRITE, ending=ending)
    assert result.outcome is Outcome.KERNEL_CRASH
    assert "binder_alloc_mmap_handler() [binder_linux] called from binder_mmap()" in result.why
    assert [crash.pc for crash in result.crashes] == ["binder_alloc_mmap_handler"]
    assert result.kernel_bugs


def test_a_trigger_that_died_in_a_crash_was_ended_by_it() -> None:
    ends = [process_end(signal=11), trigger_end("killed", succeeded=5), record("end", oom_kill_total=0)]
    assert judged([hello(), target(), trigger_start(), *ends], NULL_WRITE).outcome is Outcome.KERNEL_CRASH
    failed = command(process_end(exit_status=139))
    assert judged(failed, NULL_WRITE).outcome is Outcome.KERNEL_CRASH


def test_a_trigger_that_went_on_after_a_crash_has_passed_with_a_bug() -> None:
    result = judged(passed(), NULL_WRITE)
    assert result.outcome is Outcome.PASSED
    assert len(result.crashes) == len(result.kernel_bugs) == 1


def test_an_oom_before_the_crash_is_the_outcome_and_one_after_it_is_not() -> None:
    oom, crash = OOM_CONSOLE.split("\n", 1)[1], NULL_WRITE.split("phase trigger\n", 1)[1]
    mark = "[    5.100000] oomlab: phase trigger\n"
    control = [hello(), target(), trigger_start()]
    assert judged(control, mark + oom + crash).outcome is Outcome.OOM
    assert judged(control, mark + crash + oom).outcome is Outcome.KERNEL_CRASH


def test_a_driver_that_crashes_while_it_is_loaded_has_crashed() -> None:
    console = NULL_WRITE.replace("oomlab: phase trigger", "a line")
    result = judged([hello(), target()], console, ending=Ending.OVERDUE)
    assert result.outcome is Outcome.KERNEL_CRASH
    assert "while its driver was loaded" in result.why


def test_a_crash_before_the_driver_is_no_evidence() -> None:
    console = NULL_WRITE.replace("oomlab: phase module", "a line").replace("oomlab: phase trigger", "a line")
    assert judged([hello(), target()], console).outcome is Outcome.TARGET_MISSED


def test_a_hang_that_the_kernel_named_says_so() -> None:
    result = judged([hello(), target(), trigger_start()], SOFT_LOCKUP, ending=Ending.OVERDUE)
    assert result.outcome is Outcome.HANG
    assert "soft lockup (stuck for 22s): binder_mmap() [binder_linux]" in result.why


def test_a_crash_that_came_often_is_kept_once() -> None:
    again = NULL_WRITE.split("phase trigger\n", 1)[1]
    result = judged([hello(), target(), trigger_start()], NULL_WRITE + again * 6, ending=Ending.OVERDUE)
    assert [crash.times for crash in result.crashes] == [7]
    assert len(result.kernel_bugs) == 1


def test_a_block_says_whether_its_kernel_shuffled_free_memory() -> None:
    def block(evidence: Evidence) -> BlockResult:
        planned = PlannedBlock(1, 7, Mode.BLOCK, "realtime", ("kcalloc",), ())
        return judge_block(planned, attempt=1, evidence=evidence, fingerprint=None, ram_sha256=None)

    assert block(Evidence(control=[hello(), target()], snapshot_taken=True)).shuffled is True
    assert block(Evidence()).shuffled is None


def test_requests_have_the_noun_of_their_kind() -> None:
    forks = [record("trigger-start", kind="fork", pids=[90], count=400)]
    failed = record("latencies", process=0, first=0, latency_ns=[1, 2], errno=[0, 11])
    result = judged([hello(), target(), *forks, failed, trigger_end(succeeded=399, failed=1)])
    assert (result.outcome, result.why) == (Outcome.REQUEST_FAILED, "1 fork failed: EAGAIN x 1")
    assert result.requests is not None
    assert (result.requests.noun, result.requests.planned) == ("fork", 400)
    short = record("latencies", process=0, first=0, latency_ns=[1, 2], errno=[0, 12])
    result = judged([hello(), target(), *forks, short, trigger_end(succeeded=399, failed=1)])
    assert (result.outcome, result.why) == (Outcome.ALLOCATION_FAILURE, "1 fork failed with ENOMEM")


def test_a_setting_that_the_kernel_has_not_is_no_evidence_and_is_told() -> None:
    message = "vm.defrag_mode=1: this kernel has no such setting"
    records = [hello(), target(), record("setting", name="vm.defrag_mode", value="1", errno=2)]
    result = judged([*records, record("error", where="setting", errno=2, message=message)], "")
    assert result.outcome is Outcome.HARNESS_ERROR
    assert result.why == f"the kernel did not take a setting of the variant: {message}"
    assert result.settings == ()


def test_what_a_fork_wrote_is_kept() -> None:
    said = {"name": "vm.swappiness", "value": "1", "before": "60", "after": "1"}
    result = judged([record("setting", **said), *passed()], "[    5.100000] oomlab: phase trigger\n")
    assert [setting.model_dump() for setting in result.settings] == [said]
