# SPDX-License-Identifier: Apache-2.0
"""Each expectation beside results that just meet it, and that just do not."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.outcome import Outcome
from orchestrator.record.result import ProcessEnd, RequestPaths, TrialResult, Victim
from orchestrator.scenario.models import Expectation
from orchestrator.verdict.expectations import (
    judged_when_traced,
    unmet,
    unmet_by_all,
    unmet_by_benchmarks,
    unmet_when_traced,
    untraced,
)
from tests.unit.evidence.guest_output import (
    OOM_CONSOLE,
    hello,
    judged,
    passed,
    target,
    trigger_end,
    trigger_start,
)

BUG = "BUG: sleeping function"
REPORTED = f"the kernel reported a bug: {BUG}"


def result(**changes: Any) -> TrialResult:
    return judged(passed()).model_copy(update={"why": "so it was"} | changes)


def oomed(**changes: Any) -> TrialResult:
    control = [
        hello(),
        target(),
        trigger_start(),
        trigger_end("first-oom", succeeded=300, failed=2, oom_kill=1),
    ]
    return judged(control, OOM_CONSOLE).model_copy(update=changes)


def victims(*roles: str) -> tuple[Victim, ...]:
    return tuple(Victim(role=role, pid=1, signal=9) for role in roles)


def ended(**fields: Any) -> tuple[ProcessEnd, ...]:
    return (ProcessEnd(process=0, pid=1, **fields), ProcessEnd(process=1, pid=2, exit_status=77))


@pytest.mark.parametrize(
    ("expected", "seen", "reasons"),
    [
        ({"outcome": "oom"}, oomed(), []),
        ({"outcome": "oom"}, result(), ["outcome passed instead of oom: so it was"]),
        ({"oom": "never"}, oomed(why="x"), ["outcome oom instead of passed: x"]),
        ({"outcome": "oom", "panicked": True}, oomed(), ["did not panic"]),
        ({"outcome": "oom", "panicked": True}, oomed(panicked=True), []),
        ({"outcome": "oom", "panicked": False}, oomed(panicked=True), ["panicked"]),
        ({"outcome": "oom", "panicked": False}, oomed(), []),
        ({"outcome": "oom", "first_oom": {"order": 3}}, oomed(), []),
        ({"outcome": "oom", "first_oom": {"order": 2}}, oomed(), ["first OOM at order 3 instead of 2"]),
        (
            {"outcome": "oom", "first_oom": {"caller": "elsewhere"}},
            oomed(),
            ["first OOM from binder_alloc_mmap_handler instead of elsewhere"],
        ),
        ({"outcome": "oom", "first_oom": {"caller": "binder_alloc_mmap_handler"}}, oomed(), []),
        ({"outcome": "oom", "first_oom": {"trigger": "oomlab-trigger"}}, oomed(), []),
        (
            {"outcome": "oom", "first_oom": {"trigger": "dumpsys"}},
            oomed(),
            ["OOM killer first invoked by oomlab-trigger instead of dumpsys"],
        ),
        (
            {"outcome": "oom", "first_oom": {"order": 3}},
            oomed(first_oom=None),
            ["no OOM report on the console to compare with first_oom"],
        ),
        ({"requests_failed": 2}, oomed(), []),
        ({"requests_failed": 0}, oomed(), ["2 mmaps failed instead of 0"]),
        ({"requests_failed": 3}, oomed(), ["2 mmaps failed instead of 3"]),
        ({"requests_failed": 0}, result(requests=None), ["no count of requests reached the host"]),
        ({"vmstat": {"x": {"min": 2, "max": 4}}}, result(vmstat_delta={"x": 2}), []),
        ({"vmstat": {"x": {"min": 2, "max": 4}}}, result(vmstat_delta={"x": 4}), []),
        ({"vmstat": {"x": {"min": 2}}}, result(vmstat_delta={"x": 1}), ["x rose by 1, at least 2 expected"]),
        ({"vmstat": {"x": {"max": 4}}}, result(vmstat_delta={"x": 5}), ["x rose by 5, at most 4 expected"]),
        ({"vmstat": {"x": {"max": 0}}}, result(vmstat_delta={"y": 5}), []),
        ({"vmstat": {"x": {"min": 1}}}, result(vmstat_delta={"y": 5}), ["x rose by 0, at least 1 expected"]),
        (
            {"vmstat": {"x": {"max": 0}}},
            result(),
            ["no counters of /proc/vmstat over the trigger reached the host"],
        ),
        ({"killed": "trigger"}, oomed(victims=victims("bystander", "trigger")), []),
        (
            {"killed": "trigger"},
            oomed(victims=victims("bystander", "agent", "bystander")),
            ["the kernel killed agent, bystander instead of the trigger"],
        ),
        ({"killed": "trigger"}, oomed(victims=()), ["the kernel killed nobody instead of the trigger"]),
        ({"exit_status": 3}, result(outcome=Outcome.COMMAND_FAILED, processes=ended(exit_status=3)), []),
        (
            {"exit_status": 3},
            result(outcome=Outcome.COMMAND_FAILED, processes=ended(exit_status=4)),
            ["exit status 4 instead of exit status 3"],
        ),
        ({"exit_status": 0}, result(processes=ended(exit_status=0)), []),
        ({"exit_status": 0}, result(), ["a command that was not seen to end instead of exit status 0"]),
        ({"signal": "SIGSEGV"}, result(outcome=Outcome.COMMAND_FAILED, processes=ended(signal=11)), []),
        (
            {"signal": "SIGSEGV"},
            result(outcome=Outcome.COMMAND_FAILED, processes=ended(signal=9)),
            ["SIGKILL instead of SIGSEGV"],
        ),
        ({"outcome": "passed"}, result(kernel_bugs=(BUG, "BUG: another")), [REPORTED]),
        ({"outcome": "passed", "kernel_bug": True}, result(kernel_bugs=(BUG,)), []),
        ({"kernel_bug": True}, result(kernel_bugs=(BUG,)), []),
        ({"kernel_bug": True}, result(outcome=Outcome.PANIC, kernel_bugs=(BUG,)), []),
        ({"kernel_bug": True}, result(outcome=Outcome.KERNEL_CRASH, kernel_bugs=(BUG,)), []),
        ({"kernel_bug": True}, result(outcome=Outcome.HANG), ["hung: so it was"]),
        ({"panicked": True}, result(outcome=Outcome.PANIC, panicked=True), []),
        ({"requests_failed": 0}, result(outcome=Outcome.PANIC), ["outcome panic: so it was"]),
        (
            {"requests_failed": 0},
            result(outcome=Outcome.COMMAND_FAILED),
            ["the command failed: so it was"],
        ),
        ({"requests_failed": 0}, result(outcome=Outcome.KERNEL_CRASH), ["outcome kernel-crash: so it was"]),
        # The bug is the reason then, once.
        ({"requests_failed": 0}, result(outcome=Outcome.KERNEL_CRASH, kernel_bugs=(BUG,)), [REPORTED]),
        (
            {"requests_failed": 0},
            result(outcome=Outcome.PANIC, kernel_bugs=(BUG,)),
            ["outcome panic: so it was", REPORTED],
        ),
        ({"outcome": "kernel-crash"}, result(outcome=Outcome.KERNEL_CRASH, kernel_bugs=(BUG,)), []),
        (None, result(), []),
        (None, oomed(), []),
        (None, result(outcome=Outcome.HANG, kernel_bugs=(BUG,)), ["hung: so it was", REPORTED]),
        (None, result(outcome=Outcome.REQUEST_FAILED), ["outcome request-failed: so it was"]),
    ],
)
def test_what_is_not_as_expected(
    expected: dict[str, Any] | None, seen: TrialResult, reasons: list[str]
) -> None:
    expectation = None if expected is None else Expectation.model_validate(expected)
    assert unmet(expectation, seen) == reasons


def test_a_caller_that_the_stack_does_not_show_is_unknown() -> None:
    seen = oomed()
    assert seen.first_oom is not None
    blank = seen.first_oom.model_copy(update={"stack_first_caller": None, "trigger": None})
    wanted = Expectation.model_validate({"first_oom": {"caller": "f", "trigger": "t"}})
    assert unmet(wanted, oomed(first_oom=blank)) == [
        "first OOM from an unknown caller instead of f",
        "OOM killer first invoked by an unknown process instead of t",
    ]


def paths(**page_orders: int) -> RequestPaths:
    orders = {name.replace("_", " "): count for name, count in page_orders.items()}
    return RequestPaths(
        gfp_flags={},
        contiguous=0,
        fell_back=0,
        refused=0,
        insists=True,
        vmalloc_areas=None,
        page_orders=orders,
    )


UP_TO_2 = Expectation.model_validate({"max_order_without_noretry": 2})


@pytest.mark.parametrize(
    ("requests", "reasons"),
    [
        (paths(order_2=9), []),
        (paths(order_3_noretry=9), []),
        (paths(order_3=9), ["9 page requests of order 3 without __GFP_NORETRY, expected up to 2"]),
        (None, ["no trace of the trigger's requests reached the host"]),
    ],
)
def test_orders_are_judged_by_a_trace(requests: RequestPaths | None, reasons: list[str]) -> None:
    assert unmet_when_traced(UP_TO_2, result(page_arrays=requests)) == reasons


def test_a_trace_shows_bugs_and_orders_and_nothing_else() -> None:
    passes = Expectation(outcome=Outcome.OOM)
    buggy = result(kernel_bugs=(BUG,))
    assert unmet_when_traced(passes, result()) == unmet_when_traced(None, result()) == []
    assert unmet_when_traced(passes, buggy) == unmet_when_traced(None, buggy) == [REPORTED]
    assert unmet_when_traced(Expectation(kernel_bug=True), buggy) == []
    assert [judged_when_traced(each) for each in (None, passes, UP_TO_2)] == [False, False, True]
    assert untraced(passes) == untraced(None) == []
    assert untraced(UP_TO_2) == ["max_order_without_noretry: no trial was traced"]


def test_benchmarks_show_faults_and_bugs() -> None:
    known, crash = Expectation(kernel_bug=True), Expectation(outcome=Outcome.KERNEL_CRASH)
    buggy = result(outcome=Outcome.PANIC, kernel_bugs=(BUG,))
    faults = ["outcome panic: so it was", REPORTED]
    for expectation in (None, Expectation(outcome=Outcome.OOM)):
        assert unmet_by_benchmarks(expectation, buggy) == faults
        assert unmet_by_benchmarks(expectation, result()) == []
    for expectation in (known, crash):
        assert unmet_by_benchmarks(expectation, buggy) == []
        assert unmet_by_benchmarks(expectation, result(outcome=Outcome.HANG)) == ["hung: so it was"]


def test_a_bug_that_is_expected_has_to_come_in_one_fork_at_least() -> None:
    known, sound, buggy = Expectation(kernel_bug=True), result(), result(kernel_bugs=(BUG,))
    assert unmet_by_all(known, [sound, sound]) == ["the kernel reported no bug in any fork"]
    assert unmet_by_all(known, [sound, buggy]) == []
    assert unmet_by_all(None, [sound]) == unmet_by_all(Expectation(outcome=Outcome.OOM), [sound]) == []
