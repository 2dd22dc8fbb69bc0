# SPDX-License-Identifier: Apache-2.0
"""Crashes are counted once for each place, and said in one line."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.evidence.crash_count import CrashCount, count_crashes, crash_lines, fatal_crash, grouped
from orchestrator.oom.known_crashes import KNOWN_CRASHES
from orchestrator.oom.records import KernelCrash, Process
from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from tests.unit.evidence.guest_output import judged, passed


def crash(pc: str | None = "f", **changes: Any) -> KernelCrash:
    fields: dict[str, Any] = {
        "kind": "oops",
        "line": 1,
        "message": "Oops",
        "what": "NULL pointer dereference",
        "pc": pc,
    }
    return KernelCrash(**(fields | changes))


def trial(number: int, *crashes: KernelCrash, variant: str = "a") -> TrialResult:
    return judged(passed(), variant=variant, trial=number).model_copy(update={"crashes": crashes})


def test_crashes_at_one_place_are_one() -> None:
    found = grouped([crash(times=2), crash("g"), crash(times=3, line=9, panic="fatal exception")])
    assert [(each.pc, each.times, each.line, each.panic) for each in found] == [
        ("f", 5, 1, "fatal exception"),
        ("g", 1, 1, None),
    ]
    (kept,) = grouped([crash(panic="the first"), crash(panic=None)])
    assert kept.panic == "the first"


def test_the_first_crash_that_ended_something_and_is_no_panic_is_fatal() -> None:
    warning = crash(kind="bug", message="BUG: sleeping function")
    panic, oops, later = crash(kind="panic"), crash("g"), crash("h")
    assert fatal_crash([warning, panic, object(), oops, later]) is oops
    assert fatal_crash([warning, panic]) is None
    assert fatal_crash([]) is None


def test_a_run_counts_them_by_variant_the_more_frequent_first() -> None:
    trials = [
        trial(1, crash("f", line=5)),
        trial(2, crash("g", times=4), crash("f")),
        trial(3, crash("f", times=2)),
        trial(4),
        trial(5, crash("g"), variant="b"),
    ]
    counts = count_crashes(["a", "b", "c"], trials)
    assert [(each.variant, each.crash.pc, each.times, each.trials, each.of) for each in counts] == [
        ("a", "f", 4, (1, 2, 3), 4),
        ("a", "g", 4, (2,), 4),
        ("b", "g", 1, (5,), 1),
    ]
    assert counts[0].crash.line == 5


TASK = Process(comm="cat", pid=7)


@pytest.mark.parametrize(
    ("changes", "times", "words"),
    [
        ({}, 1, "a: the kernel crashed once, in 2 of 3 trials: Oops (NULL pointer dereference): f()"),
        ({}, 2, "a: the kernel crashed 2 times, in 2 of 3 trials: Oops (NULL pointer dereference): f()"),
        (
            {"kind": "bug", "what": "sleeping function", "message": "BUG: x"},
            1,
            "a: the kernel reported a bug once, in 2 of 3 trials: BUG (sleeping function): f()",
        ),
        (
            {"task": TASK, "tainted": "GOE", "panic": "Fatal exception"},
            1,
            (
                "a: the kernel crashed once, in 2 of 3 trials: Oops (NULL pointer dereference): f(),"
                " task cat, tainted GOE, then panic: Fatal exception"
            ),
        ),
    ],
)
def test_a_line_says_what_where_and_how_often(changes: dict[str, Any], times: int, words: str) -> None:
    count = CrashCount(variant="a", crash=crash(**changes), times=times, trials=(1, 2), of=3)
    assert list(crash_lines(["a"], [count], [trial(1)])) == [words]


def test_a_panic_does_not_end_in_itself() -> None:
    panic = crash(kind="panic", what="panic", panic="System is deadlocked on memory")
    (line,) = crash_lines(["a"], [CrashCount(variant="a", crash=panic, times=1, trials=(1,), of=1)], ())
    assert "then panic" not in line


def lines_of(names: list[str], trials: list[TrialResult]) -> list[str]:
    return list(crash_lines(names, count_crashes(names, trials), trials))


def test_where_one_crashed_those_are_named_that_did_not() -> None:
    lost = trial(6, variant="d").model_copy(update={"outcome": Outcome.LOST})
    bug = crash(kind="bug", message="BUG: sleeping function", what="sleeping function")
    trials = [
        trial(1, crash()),
        trial(2, variant="c"),
        trial(3, variant="c"),
        trial(4, bug, variant="b"),
        trial(5, variant="b"),
        lost,
    ]
    *crashes, spared = lines_of(["a", "b", "c", "d", "e"], trials)
    assert len(crashes) == 2
    # A bug let it live; of one nothing is known, and one never ran.
    assert spared == "The kernel did not crash with b (in 2 trials), c (in 2 trials)."


def test_where_nothing_crashed_or_everything_did_nobody_was_spared() -> None:
    bug = crash(kind="bug", message="BUG: sleeping function", what="sleeping function")
    assert len(lines_of(["a", "b"], [trial(1, bug), trial(2, variant="b")])) == 1
    assert len(lines_of(["a", "b"], [trial(1, crash()), trial(2, crash(), variant="b")])) == 2
    assert lines_of(["a"], [trial(1)]) == []


def test_what_is_known_of_a_crash_is_said_once_however_many_variants_have_it() -> None:
    known = crash("list_lru_add", caller="binder_update_page_range")
    trials = [trial(1, known), trial(2, known, variant="b"), trial(3, variant="c")]
    one, other, spared, pointer = lines_of(["a", "b", "c"], trials)
    assert one.startswith("a: the kernel crashed once, in 1 of 1 trial")
    assert other.startswith("b: ")
    assert spared == "The kernel did not crash with c (in 1 trial)."
    assert pointer == KNOWN_CRASHES[0].words
