# SPDX-License-Identifier: Apache-2.0
"""The reports that consoles held, each explained; the first of every variant in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.oom.explain import explain
from orchestrator.record.journal import EventRecorded
from orchestrator.record.result import TrialResult
from orchestrator.report.formats.html.series import console_text
from orchestrator.report.formats.html.trials import stage_words
from orchestrator.report.oom import event_page
from orchestrator.verdict.judged_run import JudgedRun

MOST_EVENTS = 2_000
MOST_PAGES = 60
"""Explained in three lines are all, with stack and zones so many: they are much alike."""
_TITLES = {
    "oom": "OOM",
    "memcg-oom": "OOM in a cgroup",
    "alloc-failure": "allocation failure",
    "lmk-kill": "low memory killer",
    "show-mem": "memory dump",
    "retries": "request that was tried again",
}


@dataclass(frozen=True)
class EventView:
    """One report of a console."""

    title: str
    where: str
    lines: Sequence[str]
    page: Sequence[str]
    console: str | None
    """The first of its variant: the report as the kernel printed it."""


@dataclass(frozen=True)
class EventList:
    """All of them, and how many were left out or shown in short."""

    events: Sequence[EventView]
    left_out: int
    short: int


def event_list(report: JudgedRun) -> EventList:
    """The reports of a run, blocks first, by number: as they came, those of guests side by side are mixed."""
    in_order = sorted(report.events, key=lambda entry: (entry.where, entry.number))
    shown = in_order[:MOST_EVENTS]
    return EventList(
        events=list(_views(report, shown)),
        left_out=len(report.events) - len(shown),
        short=max(0, len(shown) - MOST_PAGES),
    )


def _views(report: JudgedRun, entries: Sequence[EventRecorded]) -> Iterator[EventView]:
    trials = {result.trial: result for result in report.results}
    seen: set[tuple[str, str]] = set()
    for index, entry in enumerate(entries):
        trial = trials.get(entry.number) if entry.where == "trial" else None
        variant = trial.variant if trial else ""
        event = entry.event
        first = (variant, event.type) not in seen
        seen.add((variant, event.type))
        page_bytes = report.page_sizes.get(variant) or min(report.page_sizes.values())
        yield EventView(
            title=_TITLES[event.type] + ("" if event.order is None else f", order {event.order}"),
            where=_where(entry, trial),
            lines=explain(event, page_bytes),
            page=event_page(event, "console.log", page_bytes) if first or index < MOST_PAGES else (),
            console=console_text(report, trial, event.line) if first and trial else None,
        )


def _where(entry: EventRecorded, trial: TrialResult | None) -> str:
    if trial is None:
        return f"{entry.where} {entry.number}, before the trigger"
    stage = "" if trial.stage == "trigger" else f", {stage_words(trial.stage)}"
    place = f"cold, round {trial.block}" if trial.cold else f"block {trial.block}"
    return f"trial {trial.trial}, {trial.variant}{stage}, {place}, {trial.clock} clock"
