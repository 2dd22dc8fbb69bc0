# SPDX-License-Identifier: Apache-2.0
"""Every way in which a trial can end, with the sentence that says what decided it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.evidence.evidence import Ending, Evidence
from orchestrator.evidence.judge import judge
from orchestrator.evidence.load_end import Load
from orchestrator.outcome import Outcome
from orchestrator.plan import PlannedTrial
from orchestrator.protocol.records import ControlRecord
from orchestrator.scenario.triggers.command import Command
from orchestrator.stage import Mode, Stage
from tests.unit.evidence.guest_output import (
    OOM_CONSOLE,
    PANIC_CONSOLE,
    console,
    hello,
    judged,
    passed,
    record,
    target,
    trigger_end,
    trigger_start,
)

NULL_WRITE = Path("tests/data/consoles/6.1-arm64-null-write.txt").read_text()

COMMAND = Command(kind="command", command="true")


def decided(stage: Stage = "trigger", text: str = "", **fields: Any) -> tuple[Outcome, str]:
    """Outcome and reason of a trial with this evidence."""
    evidence = Evidence(console=console(text), **({"ending_detail": "so it ended"} | fields))
    planned = PlannedTrial(1, "kcalloc", 1, Mode.TRIAL, stage=stage)
    result = judge(
        planned, attempt=1, directory="1", load=Load(COMMAND), fingerprint=None, evidence=evidence
    )  # fmt: skip
    return result.outcome, result.why


READY = [hello(), target()]
BEGUN = [*READY, trigger_start()]
TIMED = [*READY, record("phase", name="benchmark")]
END = record("end", oom_kill_total=0)
MARK = "[    5.100000] oomlab: phase trigger\n"
BENCHMARK_MARK = "[    5.100000] oomlab: phase benchmark\n"
OOM = OOM_CONSOLE.split("\n", 1)[1]
ERROR = record("error", where="module", errno=2, message="No such file")


@pytest.mark.parametrize(
    ("control", "text", "fields", "outcome", "why"),
    [
        (
            BEGUN,
            "",
            {"ending": Ending.HARNESS_FAILED, "ending_detail": "QEMU broke"},
            Outcome.HARNESS_ERROR,
            "QEMU broke",
        ),
        (
            BEGUN,
            "",
            {"garbage_lines": 1, "first_garbage": "x"},
            Outcome.HARNESS_ERROR,
            "the control line carried garbage: x",
        ),
        # What the guest said to its end, or the kernel on its console, is worth more than a garbled line.
        ([*passed()], "", {"garbage_lines": 1}, Outcome.PASSED, "the trigger ran to its end"),
        (BEGUN, OOM_CONSOLE, {"garbage_lines": 1}, Outcome.OOM, "the kernel invoked the OOM killer"),
        (BEGUN, PANIC_CONSOLE, {"garbage_lines": 1}, Outcome.PANIC, "kernel panic: Fatal exception"),
        (
            [*READY, ERROR],
            "",
            {},
            Outcome.HARNESS_ERROR,
            "the guest agent failed at module: No such file",
        ),
        ([*BEGUN, ERROR], OOM_CONSOLE, {}, Outcome.OOM, "the kernel invoked the OOM killer"),
        (
            [],
            PANIC_CONSOLE.removeprefix(MARK),
            {},
            Outcome.BOOT_FAILED,
            "the guest panicked before its agent spoke: Fatal exception",
        ),
        ([], "", {}, Outcome.BOOT_FAILED, "the guest's agent never spoke: so it ended"),
        ([hello()], OOM, {}, Outcome.TARGET_MISSED, "an OOM came before the trigger"),
        ([hello()], "", {}, Outcome.TARGET_MISSED, "the guest ended in phase start: so it ended"),
        (
            [*READY, record("phase", name="pressure"), record("phase", name="module")],
            "",
            {},
            Outcome.TARGET_MISSED,
            "the guest ended in phase module: so it ended",
        ),
        (
            [*READY, record("module", variant="x", ok=False, errno=2)],
            "",
            {},
            Outcome.TARGET_MISSED,
            "the driver module did not load: ENOENT",
        ),
        (
            [*READY, record("module", variant="x", ok=True, errno=0)],
            "",
            {},
            Outcome.TARGET_MISSED,
            "the guest ended in phase start: so it ended",
        ),
        (
            [
                hello(),
                record(
                    "target", reached=False, reason="no more memory", free_kb=7, units=[9, 8, 7, 6, 5, 4],
                    elapsed_ms=1,
                ),
            ],
            "",
            {},
            Outcome.TARGET_MISSED,
            (
                "no more memory at 7 kB free, usable units"
                " order 0: 9, order 1: 8, order 2: 7, order 3: 6, order 4: 5"
            ),
        ),
        (
            [hello(), record("target", reached=False, free_kb=7, units=[9], elapsed_ms=1)],
            "",
            {},
            Outcome.TARGET_MISSED,
            "the deadline passed at 7 kB free, usable units order 0: 9",
        ),
        (BEGUN, MARK, {"ending": Ending.OVERDUE}, Outcome.HANG, "so it ended"),
        (BEGUN, MARK, {}, Outcome.LOST, "the guest ended without a word: so it ended"),
        (
            [*BEGUN, trigger_end("deadline")],
            MARK,
            {},
            Outcome.HANG,
            "the trigger did not end within its deadline",
        ),
        ([*BEGUN, trigger_end("error")], MARK, {}, Outcome.LOST, "the trigger ended by itself: error"),
        ([*BEGUN, trigger_end("killed")], MARK, {}, Outcome.LOST, "the trigger ended by itself: killed"),
        (
            [*BEGUN, record("oom-kill", count=1)],
            MARK,
            {},
            Outcome.OOM,
            "the kernel invoked the OOM killer",
        ),
        (
            [
                *BEGUN,
                record("latencies", process=0, first=0, latency_ns=[1, 1, 1], errno=[12, 12, 0]),
                trigger_end(succeeded=1, failed=2),
            ],
            MARK,
            {},
            Outcome.ALLOCATION_FAILURE,
            "2 mmaps failed with ENOMEM",
        ),
    ],
)  # fmt: skip
def test_each_end_has_its_reason(
    control: list[ControlRecord], text: str, fields: dict[str, Any], outcome: Outcome, why: str
) -> None:
    assert decided(text=text, control=list(control), **fields) == (outcome, why)


@pytest.mark.parametrize(
    ("control", "text", "fields", "outcome", "why"),
    [
        ([*TIMED, END], "", {}, Outcome.PASSED, "the benchmarks ran to their end"),
        ([*TIMED, END], BENCHMARK_MARK + OOM, {}, Outcome.PASSED, "the benchmarks ran to their end"),
        (TIMED, "", {"ending": Ending.OVERDUE}, Outcome.HANG, "so it ended"),
        (TIMED, "", {}, Outcome.LOST, "the guest ended without a word: so it ended"),
        (
            TIMED,
            BENCHMARK_MARK + PANIC_CONSOLE.split("\n", 1)[1],
            {},
            Outcome.PANIC,
            "kernel panic: Fatal exception",
        ),
        # A trigger is none of this fork's.
        (BEGUN, MARK, {}, Outcome.TARGET_MISSED, "the guest ended in phase start: so it ended"),
    ],
)
def test_each_end_of_benchmarks_has_its_reason(
    control: list[ControlRecord], text: str, fields: dict[str, Any], outcome: Outcome, why: str
) -> None:
    assert decided("target", text, control=list(control), **fields) == (outcome, why)


def test_a_crash_ends_benchmarks_unless_they_ran_to_their_end() -> None:
    text = NULL_WRITE.replace("phase trigger", "phase benchmark")
    assert decided("target", text, control=TIMED)[0] is Outcome.KERNEL_CRASH
    assert decided("target", text, control=[*TIMED, END])[0] is Outcome.PASSED


def test_a_driver_that_panics_is_not_lost_for_garbage() -> None:
    assert decided(text=NULL_WRITE, control=BEGUN, garbage_lines=3)[0] is Outcome.KERNEL_CRASH


def test_what_the_agent_noted_is_kept_and_what_was_no_record_counted() -> None:
    notes = [record("note", text="first"), record("note", text="")]
    evidence = Evidence(control=[*passed(), *notes], garbage_lines=1, first_garbage="x", host_seconds=1.23456)
    planned = PlannedTrial(1, "kcalloc", 1, Mode.TRIAL)
    result = judge(
        planned, attempt=1, directory="1", load=Load(COMMAND), fingerprint="", evidence=evidence
    )  # fmt: skip
    assert result.notes == ("first", "1 line on the control line held no record: x")
    assert (result.host_seconds, result.fingerprint, result.private_memory_kb) == (1.235, None, None)


def vmstat(count: int, when: str) -> ControlRecord:
    return record("sample", when=when, file="vmstat", text=f"oom_kill {count}\n")


@pytest.mark.parametrize(
    ("more", "kills"),
    [
        ([], None),
        ([END], 0),
        ([trigger_end(oom_kill=3)], 3),
        ([record("oom-kill", count=2)], 2),
        ([record("oom-kill", count=2), record("oom-kill", count=4), trigger_end(oom_kill=3)], 4),
        ([vmstat(1, "trigger"), vmstat(6, "after"), trigger_end(oom_kill=3)], 5),
    ],
)
def test_oom_kills_are_the_most_that_the_guest_counted(more: list[ControlRecord], kills: int | None) -> None:
    assert judged([*BEGUN, *more]).oom_kill_vmstat == kills


@pytest.mark.parametrize(
    ("counted", "disagreement"),
    [
        (1, None),
        (2, "1 OOM kill on the console, 2 in /proc/vmstat"),
        (0, "1 OOM kill on the console, 0 in /proc/vmstat"),
    ],
)
def test_console_and_vmstat_disagree_by_their_numbers(counted: int, disagreement: str | None) -> None:
    result = judged([*BEGUN, trigger_end("first-oom", succeeded=1, oom_kill=counted)], OOM_CONSOLE)
    assert result.disagreement == disagreement
    beside = judged([*TIMED, trigger_end(oom_kill=counted)], OOM_CONSOLE, stage="target")
    assert beside.disagreement is None
