# SPDX-License-Identifier: Apache-2.0
"""What is judged of a device that ran before the agent came, and that does not let it do everything."""

from __future__ import annotations

import pytest

from orchestrator.outcome import Outcome
from orchestrator.protocol.records import ControlRecord
from tests.unit.evidence.guest_output import (
    OOM_CONSOLE,
    hello,
    judged,
    passed,
    record,
    target,
    trigger_end,
    trigger_start,
)

_START_US = 4_000_000
BOOT_OOM = OOM_CONSOLE.replace("[    5.", "[    3.").replace("oomlab: phase trigger", "init: boot")
UNMARKED_OOM = OOM_CONSOLE.partition("\n")[2]


def device(*lacks: str) -> ControlRecord:
    said = {"uid": 0, "boot_id": "b", "binder_impl": "c", "oom_score_adj": -1000, "lacks": list(lacks)}
    return record("device", t_us=_START_US, **said)


def on_device(records: list[ControlRecord], *lacks: str, trigger_s: int = 5) -> list[ControlRecord]:
    """The same trial on a device of others, whose trigger starts then."""
    at = {"t_us": trigger_s * 1_000_000}
    timed = [each.model_copy(update=at) if each.event == "trigger-start" else each for each in records]
    return [timed[0], device(*lacks), *timed[1:]]


def test_an_oom_of_the_devices_own_start_is_not_the_trials() -> None:
    assert judged(passed(), BOOT_OOM).outcome is Outcome.OOM
    result = judged(on_device(passed(), "kmsg"), BOOT_OOM)
    assert (result.outcome, result.oom_events) == (Outcome.PASSED, 0)


def test_an_oom_of_a_trial_without_marks_counts_by_its_time() -> None:
    result = judged(on_device([hello(), target(), trigger_start()], "kmsg"), BOOT_OOM + UNMARKED_OOM)
    assert (result.outcome, result.oom_events) == (Outcome.OOM, 1)
    assert result.first_oom is not None
    assert result.first_oom.time_s == pytest.approx(5.2)


def test_marks_are_exact_where_they_can_be_had() -> None:
    control = [hello(), target(), trigger_start(), trigger_end(oom_kill=1)]
    assert judged(on_device(control, trigger_s=99), OOM_CONSOLE).oom_events == 1


def test_a_crash_just_before_the_agent_is_not_the_trials_though_clocks_differ() -> None:
    bug = "[    4.500000] BUG: sleeping function called from invalid context at mm/vmalloc.c:3409\n"
    marks = "[    4.600000] oomlab: phase prepare\n[    5.900000] oomlab: phase trigger\n"
    assert judged(on_device(passed()), bug + marks).crashes == ()
    assert judged(on_device(passed()), marks + bug.replace("4.5", "6.5")).crashes != ()


def test_a_target_missed_is_not_blamed_on_an_oom_of_the_start() -> None:
    missed = [hello(), device(), target(reached=False)]
    assert "an OOM came" not in judged(missed, BOOT_OOM).why
    assert "an OOM came" in judged([hello(), target(reached=False)], BOOT_OOM).why


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("rights", "the device does not allow what the scenario asks for: a sysctl needs `sysctl`"),
        ("binder", "no evidence about the driver under test: a sysctl needs `sysctl`"),
        ("sysctl", "the guest agent failed at sysctl: a sysctl needs `sysctl`"),
    ],
)
def test_what_a_device_refuses_is_no_evidence_and_says_why(where: str, said: str) -> None:
    error = record("error", where=where, errno=13, message="a sysctl needs `sysctl`")
    result = judged([hello(), device(), error, record("end", oom_kill_total=0)], BOOT_OOM)
    assert (result.outcome, result.why) == (Outcome.HARNESS_ERROR, said)
