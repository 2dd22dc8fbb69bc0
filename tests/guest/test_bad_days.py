# SPDX-License-Identifier: Apache-2.0
"""Guests that panic, hang, vanish or never speak: each ends in its outcome, with all it said kept."""

from __future__ import annotations

import signal

import pytest

from orchestrator.control import ControlRecord, TriggerStart
from orchestrator.outcome import Outcome
from orchestrator.watch import PhaseBudgets
from tests.guest.conftest import Trial, signal_guests

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


def test_a_command_that_ends_well_passes(trial: Trial) -> None:
    result = trial(*command("true"))
    assert result.outcome is Outcome.PASSED
    assert result.memory
