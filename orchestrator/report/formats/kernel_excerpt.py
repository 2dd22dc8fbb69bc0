# SPDX-License-Identifier: Apache-2.0
"""Head and stack of a report as the kernel printed it, out of a trial's console."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from orchestrator.oom.records import KernelCrash, MemoryEvent
from orchestrator.record.result import TrialResult
from orchestrator.verdict.judged_run import JudgedRun

_MOST_CONSOLE_BYTES = 8 << 20
_MOST_LINES = 120
"""A stack has ended by then, with the registers of an Oops before it."""
_EVENTS = frozenset({"oom", "memcg-oom", "alloc-failure", "lmk-kill"})
_TRACE = re.compile(r"\bCall [Tt]race:")
_FRAME = re.compile(r"\+0x[0-9a-f]+/0x[0-9a-f]+|</?(TASK|IRQ|NMI)>")
_HEAD = re.compile(r"\bCPU: |\bHardware name: |Internal error: |\bOops: |\bpc : |\bRIP: 0010:")
"""Lines between the first one and the stack that say where it was; the rest are registers."""
_GAP = "[...]"
_OF_PRINTING = re.compile(
    r"\b(dump_backtrace|show_stack|show_trace_log_lvl|__dump_stack|dump_stack|dump_stack_lvl|dump_header)\+0x"
)
_CPU = re.compile(r"\bCPU: ")
_SHORT_FRAMES = 7
_HEAD_IN_SHORT = re.compile(r"\bpc : |\bRIP: 0010:")


def first_event(report: JudgedRun) -> tuple[TrialResult, MemoryEvent] | None:
    """The run's first report of memory: of the trigger, or else of any trial; None where there is none."""
    trials = {result.trial: result for result in report.results}
    own = [(each, each.first_oom) for each in report.results if each.first_oom is not None]
    recorded = [
        (trials[entry.number], entry.event)
        for entry in report.events
        if entry.where == "trial" and entry.number in trials and entry.event.type in _EVENTS
    ]
    of_the_trigger = [pair for pair in [*own, *recorded] if pair[0].stage == "trigger"]
    return next(iter([*of_the_trigger, *own, *recorded]), None)


def first_crash(report: JudgedRun) -> tuple[TrialResult, KernelCrash] | None:
    """The run's first crash that was more than a bug reported; a panic alone is an outcome of its trial."""
    return next(
        (
            (result, crash)
            for result in report.results
            for crash in result.crashes
            if crash.fatal and crash.kind != "panic"
        ),
        None,
    )


def excerpt(report: JudgedRun, result: TrialResult, first_line: int) -> list[str]:
    """The report that begins at this line (from 1) of the trial's console; empty where that is gone."""
    try:
        console = report.directory.trial(result.directory).head("console.log", _MOST_CONSOLE_BYTES)
    except OSError:
        return []
    lines = console.split(b"\n")[first_line - 1 :][:_MOST_LINES]
    return list(head_and_stack(line.rstrip(b"\r").decode(errors="backslashreplace") for line in lines))


def head_and_stack(lines: Iterable[str]) -> Iterator[str]:
    """Of a report's lines the first, those that say where, and the stack; `[...]` for what is between."""
    shown = list(lines)
    kept = [0, *_places(shown)] if shown else []
    for before, index in zip([-1, *kept], kept, strict=False):
        if index - before > 1:
            yield _GAP
        yield shown[index]


def shortened(lines: Sequence[str], caller: str | None) -> list[str]:
    """The first line, the one that says where, and the stack up to the caller's caller: without the functions
    that print any stack, and without those that lead to any system call.
    """
    trace = next((index for index, line in enumerate(lines) if _TRACE.search(line)), len(lines))
    place = [index for index in range(1, trace) if _HEAD_IN_SHORT.search(lines[index])]
    places = place or [index for index in range(1, trace) if _CPU.search(lines[index])]
    head = [line for index, line in enumerate(lines[: trace + 1]) if index in (0, *places, trace)]
    frames = list(lines[trace + 1 :])
    own = [line for line in frames if not _OF_PRINTING.search(line)]
    last = next((index for index, line in enumerate(own) if caller and f"{caller}+0x" in line), None)
    kept = own[: _SHORT_FRAMES if last is None else last + 2]
    return [
        *head,
        *([_GAP] if len(own) < len(frames) else []),
        *kept,
        *([_GAP] if len(kept) < len(own) else []),
    ]


def _places(lines: Sequence[str]) -> Iterator[int]:
    trace = next((index for index, line in enumerate(lines) if _TRACE.search(line)), None)
    if trace is None:
        return
    yield from (index for index in range(1, trace) if _HEAD.search(lines[index]))
    yield trace
    after = ((index, line) for index, line in islice(enumerate(lines), trace + 1, None))
    for index, line in after:
        if not _FRAME.search(line):
            return
        yield index
