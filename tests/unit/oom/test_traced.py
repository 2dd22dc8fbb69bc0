# SPDX-License-Identifier: Apache-2.0
"""The tracer's `oom:` events, in the forms of trace_pipe, trace-cmd, perf script and a printed buffer."""

from __future__ import annotations

import pytest

from orchestrator.oom.explain import explain
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import MemoryEvent, Process
from orchestrator.report.oom import event_page
from tests.unit.oom.texts import memory_events, read_in_chunks

FORMS = {
    "trace": "           stress-1234    [001] d..2.   123.450000: {event}: {fields}\n",
    "irq-info": "           stress-1234    [001] .....   123.450000: {event}: {fields}\n",
    "tgid": "           stress-1234    (   1234) [001] ....   123.450000: {event}: {fields}\n",
    "no-tgid": "           stress-1234    (-------) [001] ....   123.450000: {event}: {fields}\n",
    "trace-cmd": "          stress-1234  [001]   123.450000: {event}:          {fields}\n",
    "perf": "stress  1234 [001]   123.450000: oom:{event}: {fields}\n",
    "perf-tid": "stress  1234/1234  [001]   123.450000:          1 oom:{event}: {fields}\n",
    "printed": "[  200.000001]   stress-1234    1d..2 123450000us : {event}: {fields}\n",
}
UPDATE = ("oom_score_adj_update", "pid=1240 comm=stress worker oom_score_adj=900")
RECLAIM = (
    "reclaim_retry_zone",
    (
        "node=0 zone=Normal   order=3 reclaimable=100 available=5000 min_wmark=2000"
        " no_progress_loops=16 wmark_check=0"
    ),
)
COMPACT = (
    "compact_retry",
    (
        "order=3 priority=COMPACT_PRIO_SYNC_FULL compaction_result=failed retries=16"
        " max_retries=16 should_retry=0"
    ),
)
MARK = ("mark_victim", "pid=1240")
MARK_OF_6_9 = (
    "mark_victim",
    (
        "pid=1240 comm=stress worker total-vm=100kB anon-rss=20kB file-rss:0kB shmem-rss:0kB uid=0"
        " pgtables=12kB oom_score_adj=900"
    ),
)


def text(form: str, *events: tuple[str, str]) -> str:
    return "".join(FORMS[form].format(event=event, fields=fields) for event, fields in events)


def every(data: str) -> list[MemoryEvent]:
    return memory_events(read_events(data.encode()))


@pytest.mark.parametrize("form", [*FORMS])
@pytest.mark.parametrize("events", [(UPDATE, MARK), (MARK_OF_6_9,)], ids=["named before", "named"])
def test_a_marked_victim_is_an_oom_event(form: str, events: tuple[tuple[str, str], ...]) -> None:
    data = text(form, *events)
    (event,) = every(data)
    assert (event.type, event.traced, event.outcome, event.time_s) == ("oom", True, "killed", 123.45)
    assert event.trigger == Process(comm="stress", pid=1234)
    assert (event.victim, event.oom_score_adj_victim) == (Process(comm="stress worker", pid=1240), 900)
    assert read_in_chunks(data.encode(), 7) == [event]


@pytest.mark.parametrize("form", [*FORMS])
def test_what_the_allocator_decided_before_is_told_with_it(form: str) -> None:
    (event,) = every(text(form, RECLAIM, RECLAIM, COMPACT, MARK))
    assert event.order == 3
    assert event.retries is not None
    assert (event.retries.reclaim, event.retries.compaction) == (2, 1)
    assert event.retries.compaction_result == "failed"
    zone = event.retries.zones["Node 0 Normal"]
    assert (zone.available_pages, zone.reclaimable_pages, zone.min_pages, zone.passes) == (
        5000,
        100,
        2000,
        False,
    )
    assert "requested 32 KiB of physically contiguous memory (order 3)" in explain(event)[0]
    page = "\n".join(event_page(event, "x"))
    assert "5000 pages free or reclaimable (100 of them reclaimable), min 2000: would not" in page
    assert "Whether to compact once more was asked 1 time; the last one: failed." in page


def test_retries_without_a_victim_are_no_oom_event() -> None:
    (event,) = every(text("trace", RECLAIM, COMPACT))
    assert (event.type, event.victim, event.outcome) == ("retries", None, None)
    assert explain(event)[2] == "The trace shows no victim of it."


def test_a_victim_that_nobody_named() -> None:
    (event,) = every(text("trace", MARK).replace("stress-1234", "<...>-1234"))
    assert (event.trigger, event.victim) == (None, Process(comm="?", pid=1240))
    assert explain(event)[0] == "A task that the trace does not name requested memory."
    assert explain(event)[2] == "Killed: a process that is not named (pid 1240)."


def test_one_victim_is_marked_once() -> None:
    assert len(every(text("trace", MARK, MARK))) == 1


def test_what_the_log_has_told_is_not_told_again() -> None:
    log = "[  123.4] Out of memory: Killed process 1240 (stress) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n"
    (event,) = every(log + text("trace", RECLAIM, MARK))
    assert event.traced is None


@pytest.mark.parametrize(
    "line",
    [
        "trace_mark_victim: pid=5 is called where the victim is marked",
        "mark_victim: pid=7",
        text("trace", UPDATE),
        text("trace", ("mark_victim", "pid=99999999999999")),
        text("trace", ("wake_reaper", "pid=1240")),
    ],
)
def test_what_is_no_event(line: str) -> None:
    assert every(line + "\n") == []
