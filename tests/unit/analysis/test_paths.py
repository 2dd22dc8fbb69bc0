# SPDX-License-Identifier: Apache-2.0
"""How page arrays were allocated is added up over a variant's trials, and told without losing a part."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analysis.paths import PathShare, path_lines, paths_of
from orchestrator.clock import Clock
from orchestrator.record.result import AuditPhase, AuditRow, RequestPaths
from orchestrator.stage import TrialPhase
from tests.unit.analysis.trials import trial

ONE = PathShare(
    requests=10,
    contiguous=4,
    fell_back=3,
    refused=2,
    reclaims=1,
    compactions=5,
    spent_us=700,
    orders=(3,),
    oom_kills=6,
)
OTHER = PathShare(
    requests=100,
    contiguous=40,
    fell_back=30,
    refused=20,
    reclaims=10,
    compactions=50,
    spent_us=7000,
    orders=(1, 3),
    oom_kills=60,
)


def test_every_count_is_added() -> None:
    assert (
        PathShare(
            requests=110,
            contiguous=44,
            fell_back=33,
            refused=22,
            reclaims=11,
            compactions=55,
            spent_us=7700,
            orders=(1, 3),
            oom_kills=66,
        )
        == ONE + OTHER
    )


@pytest.mark.parametrize(
    ("share", "whole"),
    [
        (PathShare(requests=5, contiguous=5, fell_back=0, refused=0), True),
        (PathShare(requests=5, contiguous=4, fell_back=1, refused=0), False),
        (PathShare(requests=0, contiguous=0, fell_back=0, refused=0), False),
        (PathShare(requests=1, contiguous=1, fell_back=0, refused=0), True),
        (PathShare(requests=5, contiguous=5, fell_back=0, refused=0, oom_kills=1), False),
    ],
)
def test_memory_was_there_where_all_was_contiguous_and_nobody_died(share: PathShare, whole: bool) -> None:
    assert share.all_contiguous is whole


@pytest.mark.parametrize(
    ("share", "clock", "words"),
    [
        (
            PathShare(requests=600, contiguous=160, fell_back=440, refused=0),
            "realtime",
            "600 page arrays, 26.7 % contiguous, 73.3 % by vmalloc, 0 failed",
        ),
        (
            PathShare(requests=1, contiguous=0, fell_back=0, refused=1, orders=(3,), oom_kills=1),
            "realtime",
            "1 page array of order 3, 0 % contiguous, 0 % by vmalloc, 1 failed, 1 OOM kill",
        ),
        (
            PathShare(
                requests=2, contiguous=2, fell_back=0, refused=0, reclaims=1, spent_us=1500, orders=(1, 3)
            ),
            "realtime",
            (
                "2 page arrays of order 1 and 3, 100 % contiguous, 0 % by vmalloc, 0 failed;"
                " 1 reclaim and 0 compactions on the way took 1.5 ms"
            ),
        ),
        (
            PathShare(requests=2, contiguous=2, fell_back=0, refused=0, compactions=2, spent_us=8),
            "deterministic",
            (
                "2 page arrays, 100 % contiguous, 0 % by vmalloc, 0 failed;"
                " 0 reclaims and 2 compactions on the way took 2000 instructions"
            ),
        ),
    ],
)
def test_shares_in_words(share: PathShare, clock: Clock, words: str) -> None:
    assert share.words(clock) == words


def audited(phase: TrialPhase, requests: int = 10) -> AuditRow:
    return AuditRow(
        phase=phase, order=3, gfp_flags="GFP_KERNEL", requests=requests, contiguous=requests - 3, fell_back=2,
        refused=1, reclaims=4, reclaim_us=30, compactions=5, compact_us=70,
    )  # fmt: skip


def whole(phase: TrialPhase, oom_kills: int = 0) -> AuditPhase:
    return AuditPhase(
        phase=phase, made=None, requests=0, other_reclaims=0, other_reclaim_us=0, other_compactions=0,
        other_compact_us=0, oom_kills=oom_kills, taken_kb=0,
    )  # fmt: skip


PATHS = RequestPaths(
    gfp_flags={}, contiguous=10, fell_back=7, refused=2, insists=True, vmalloc_areas=None, page_orders={}
)


def test_an_audit_is_added_up_by_phase() -> None:
    phases = whole("trigger", 2), whole("relaxed", 7)
    traced: dict[str, Any] = {"audit": (audited("trigger"),), "audit_phases": phases, "page_arrays": PATHS}
    found = paths_of([trial("first", block, **traced) for block in (1, 2)])
    assert found == {
        "trigger": PathShare(
            requests=20,
            contiguous=14,
            fell_back=4,
            refused=2,
            reclaims=8,
            compactions=10,
            spent_us=200,
            orders=(3,),
            oom_kills=4,
        )
    }


def test_phases_come_in_the_order_of_a_trial() -> None:
    phases: tuple[TrialPhase, ...] = ("after", "trigger", "target", "relaxed")
    rows = tuple(audited(phase) for phase in phases)
    paths = paths_of([trial("first", 1, audit=rows)])
    assert list(paths) == ["relaxed", "target", "trigger", "after"]
    lines = list(path_lines(("first", "second"), (paths, {"after": paths["after"]}), "realtime"))
    assert [line.partition(": ")[0] for line in lines] == [
        "relaxed, first",
        "at the target, first",
        "in the trigger, first",
        "after the trigger, first",
        "after the trigger, second",
    ]


def test_without_an_audit_the_triggers_requests_tell() -> None:
    assert paths_of([trial("first", 1, page_arrays=PATHS, in_flight=3)]) == {
        "trigger": PathShare(requests=19, contiguous=10, fell_back=7, refused=2, oom_kills=3)
    }
    unseen = trial("first", 1, page_arrays=PATHS).model_copy(update={"requests": None})
    assert paths_of([unseen])["trigger"].oom_kills == 0
    assert paths_of([trial("first", 1)]) == {}
