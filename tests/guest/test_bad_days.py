# SPDX-License-Identifier: Apache-2.0
"""Guests that panic, hang, vanish or never speak: each ends in its outcome, with all it said kept."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from orchestrator.outcome import Outcome
from orchestrator.protocol.records import ControlRecord, TriggerStart
from orchestrator.record.journal import read_journal, trial_results
from orchestrator.run.watch import PhaseBudgets
from tests.guest.conftest import Oomlab, Trial, signal_guests

pytestmark = pytest.mark.guest

UNPRESSED = ("fragmentation=null",)
BRIEF = PhaseBudgets(boot_s=8, target_s=60, trigger_s=1, after_s=20)


def command(text: str) -> tuple[str, ...]:
    return (*UNPRESSED, f"trigger={{kind: command, command: '{text}'}}", "expectations={}")


def console(trial: Trial) -> str:
    return (trial.directory / "console.log").read_text(errors="replace")


def test_a_panic_in_early_boot(trial: Trial) -> None:
    result = trial(change=lambda line: line.replace("rdinit=/init", "rdinit=/nothing"))
    assert result.outcome is Outcome.BOOT_FAILED
    assert "panicked before its agent spoke" in result.why
    assert "Kernel panic" in console(trial)


def test_a_guest_that_never_speaks(trial: Trial) -> None:
    result = trial(change=lambda line: line.replace("rdinit=/init", "rdinit=/bin/sh"), budgets=BRIEF)
    assert result.outcome is Outcome.BOOT_FAILED
    assert "not in time" in result.why
    assert "PC=" in (trial.directory / "registers.txt").read_text()


def test_a_panic_in_the_trigger_is_recorded_to_the_last_line(trial: Trial) -> None:
    result = trial(*command("echo c > /proc/sysrq-trigger"))
    assert (result.outcome, result.panicked) == (Outcome.PANIC, True)
    assert "Kernel panic - not syncing: sysrq triggered crash" in console(trial)
    assert "Memory Limit: none" in console(trial).splitlines()[-1]


def test_no_victim_left_is_an_oom_that_panicked(trial: Trial) -> None:
    result = trial("trigger.oom_score_adj=-1000")
    assert (result.outcome, result.panicked) == (Outcome.OOM, True)
    assert "System is deadlocked on memory" in console(trial)


def test_bystanders_die_for_a_protected_trigger(trial: Trial) -> None:
    result = trial("trigger.oom_score_adj=-950", "bystanders={count: 2, memory: 2MiB, oom_score_adj: 900}")
    assert result.outcome is Outcome.OOM
    assert {victim.role for victim in result.victims} == {"bystander"}


def test_a_trigger_over_its_deadline_hangs(trial: Trial) -> None:
    result = trial(*command("sleep 600"), "deadlines.trigger=2s")
    assert result.outcome is Outcome.HANG


def test_a_guest_that_stops_making_progress_hangs(trial: Trial) -> None:
    def freeze(record: ControlRecord) -> None:
        if isinstance(record, TriggerStart):
            signal_guests(signal.SIGSTOP)

    result = trial(*command("sleep 600"), budgets=BRIEF, on_record=freeze)
    assert result.outcome is Outcome.HANG
    assert "not in time" in result.why


def test_a_guest_that_vanishes_is_lost(trial: Trial) -> None:
    def kill(record: ControlRecord) -> None:
        if isinstance(record, TriggerStart):
            signal_guests(signal.SIGKILL)

    assert trial(*command("sleep 600"), on_record=kill).outcome is Outcome.LOST


def test_a_kernel_without_the_driver_is_no_evidence(trial: Trial) -> None:
    result = trial(*UNPRESSED, change=lambda line: line.replace("variants=kcalloc", "variants=nothing"))
    assert result.outcome is Outcome.HARNESS_ERROR
    assert "module" in result.why


def test_a_target_out_of_reach_tells_what_was_reached(trial: Trial) -> None:
    result = trial("fragmentation.target.free={min: 240MiB}", "deadlines.target=3s")
    assert result.outcome is Outcome.TARGET_MISSED
    assert result.target is not None
    assert not result.target.reached
    assert result.target.usable_units


def resident_kb() -> int:
    """Memory of this process, which records what its guests say."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def test_a_console_flooded_at_full_speed_does_no_harm(trial: Trial) -> None:
    before_kb = resident_kb()
    result = trial(*command("timeout 10 yes all work and no play > /dev/console; true"))
    assert result.outcome is Outcome.PASSED, result.why
    assert resident_kb() - before_kb < 64 << 10
    assert console(trial).count("all work and no play") > 1000
    assert (trial.directory / "console.jsonl").stat().st_size <= (64 << 20) + 200


def test_binary_garbage_and_escape_codes_on_the_console(trial: Trial) -> None:
    result = trial(*command("head -c 100000 /dev/urandom > /dev/console; echo bye > /dev/console"))
    assert result.outcome is Outcome.PASSED, result.why


def test_garbage_on_the_control_line_costs_no_verdict(trial: Trial) -> None:
    result = trial(
        *command("echo hello > /dev/ttyS0; head -c 3000 /dev/urandom > /dev/ttyS0; printf x > /dev/ttyS0")
    )
    assert result.outcome is Outcome.PASSED, result.why
    assert any("held no record" in note for note in result.notes)


def test_a_command_that_ends_well_passes(trial: Trial) -> None:
    result = trial(*command("true"))
    assert result.outcome is Outcome.PASSED
    assert result.memory


LOUD = "echo begin; yes 0123456789 | head -n 20000; echo to stderr >&2; exit 3"


def test_a_command_that_fails_is_no_pass_and_its_output_is_kept(trial: Trial) -> None:
    result = trial(*command(LOUD))
    assert result.outcome is Outcome.COMMAND_FAILED
    assert [(end.exit_status, end.signal) for end in result.processes] == [(3, None)]
    output = (trial.directory / "output.log").read_bytes()
    assert output.startswith(b"begin\n0123456789\n")
    assert output.endswith(b"0123456789\nto stderr\n")
    assert b"bytes were not kept here]" in output
    assert len(output) < 70_000
    assert result.output is not None
    assert result.output.bytes == len("begin\n") + 20_000 * 11 + len("to stderr\n")
    assert "0123456789" not in console(trial)


@pytest.mark.parametrize(
    ("text", "exit_status", "signal_number", "word"),
    [
        ("kill -KILL $$", None, signal.SIGKILL, ""),
        ("nonsuch", 127, None, "not found"),
    ],
)
def test_how_a_command_failed_is_told(
    trial: Trial, text: str, exit_status: int | None, signal_number: int | None, word: str
) -> None:
    result = trial(*command(text))
    assert result.outcome is Outcome.COMMAND_FAILED
    assert [(end.exit_status, end.signal) for end in result.processes] == [(exit_status, signal_number)]
    assert result.output is not None
    assert word in result.output.end


def test_a_command_that_the_oom_killer_kills_is_an_oom(trial: Trial) -> None:
    result = trial(*command("busybox tail /dev/zero"), "trigger.stop=end")
    assert result.outcome is Outcome.OOM
    assert [end.signal for end in result.processes] == [signal.SIGKILL]


NULL_WRITE = """\
name: null-write
device: {{arch: arm64, memory: 128MiB}}
variants:
  sound: {{base: debian-6.1}}
  broken: {{base: debian-6.1, scope: drivers/android, patches: [{patch}]}}
trigger: {{kind: binder-mmap, size: 4MiB, count: 20}}
audit: false
expectations: {{sound: {{outcome: passed}}, broken: {{outcome: kernel-crash}}}}
"""


def test_a_driver_that_writes_through_null_is_a_crash_and_no_hang(oomlab: Oomlab, checkout: Path) -> None:
    """The task dies with the lock of its address space held: nothing more comes, but the console has it."""
    patch = checkout / "tests" / "data" / "binder-null-write-6.1.patch"
    (oomlab.directory / "null.yaml").write_text(NULL_WRITE.format(patch=patch))
    completed = oomlab("run", "null.yaml", "--out", "run")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    results = trial_results(read_journal(oomlab.directory / "run" / "journal.jsonl"))
    broken = next(result for result in results if result.variant == "broken")
    assert broken.outcome is Outcome.KERNEL_CRASH
    (crash,) = broken.crashes
    assert (crash.pc, crash.pc_module) == ("binder_alloc_mmap_handler", "binder_linux")
    assert (crash.caller, crash.times) == ("binder_mmap", 1)
    assert "\nbroken: the kernel crashed once, in 1 of 1 trial: Oops" in completed.stderr.decode()
