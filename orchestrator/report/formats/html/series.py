# SPDX-License-Identifier: Apache-2.0
"""What guests said over time, read back from a run directory. A file that is gone or damaged is no series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from orchestrator.files.folder import Folder
from orchestrator.memory.sample import MemorySample
from orchestrator.plan import plan_blocks
from orchestrator.protocol.cost_records import CostTimeline
from orchestrator.protocol.memory_records import State, TargetRecord
from orchestrator.protocol.records import Hello, Latencies, Phase, parse_record
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.stage import Mode
from orchestrator.verdict.judged_run import JudgedRun

_MOST_CONTROL_BYTES = 64 << 20
"""What a recorder keeps (`orchestrator.record.recorder`)."""
_LARGEST_NUMBER = 1 << 53
_MOST_CONSOLE_BYTES = 1 << 20
_MOST_CONSOLE_LINES = 130
"""The longest reports of the corpus have 120 lines."""
_MOST_MOMENTS = 200
"""The agent sends 129 at most."""
_US_PER_S = 1e6
_T = TypeVar("_T")


@dataclass(frozen=True)
class Moment:
    """Free memory at one moment before the target; `units` is indexed by order."""

    t_s: float
    free_kb: int
    units: tuple[int, ...]
    held_kb: int

    @property
    def free_blocks(self) -> tuple[int, ...]:
        """Free blocks by order: units of an order are its blocks and twice the units of the next."""
        above = (*self.units[1:], 0)
        return tuple(max(0, here - 2 * next_) for here, next_ in zip(self.units, above, strict=True))


@dataclass(frozen=True)
class BootSeries:
    """The way of one guest's memory from its boot to the target, in guest seconds."""

    kind: Literal["block", "trial"]
    """A block, from which trials fork, or a cold trial, whose boot is its own."""
    number: int
    total_kb: int
    pressure_s: float
    """When pressure began."""
    target_s: float
    """When the target was verified: the last of the moments."""
    moments: tuple[Moment, ...]
    whose: str = ""
    """The variants that it is of, where others run another kernel image."""

    @property
    def name(self) -> str:
        """How people call the guest."""
        return f"{self.kind} {self.number}{self.whose and f' of {self.whose}'}"


def trial_series(report: JudgedRun, results: Sequence[TrialResult]) -> list[BootSeries]:
    """The series of these cold trials, without those whose files do not tell."""
    series = (
        _series("trial", result.trial, result.memory, report.directory.trial(result.directory))
        for result in results
    )
    return [each for each in series if each is not None]


def block_series(report: JudgedRun, results: Sequence[BlockResult]) -> list[BootSeries]:
    """The series of these blocks, without those whose files do not tell."""
    folders = _block_folders(report)
    series = (
        _series("block", result.block, result.memory, folder)
        for result in results
        if (folder := folders.get((result.block, result.clock, result.variants))) is not None
    )
    return [each for each in series if each is not None]


def latencies_ns(report: JudgedRun, result: TrialResult) -> list[int]:
    """How long each request of a trial took that succeeded, guest nanoseconds."""
    folder = report.directory.trial(result.directory)
    return [
        _sane(latency)
        for record in _records(folder, ("latencies", "mmaps"))
        if isinstance(record, Latencies)
        for latency, errno in zip(record.latency_ns, record.errno, strict=False)
        if errno == 0
    ]


def cost_timelines(report: JudgedRun, result: TrialResult) -> dict[str, CostTimeline]:
    """By phase, how a trial's costs came about; numbers are within what a drawing can bear."""
    folder = report.directory.trial(result.directory)
    return {
        record.phase: record.model_copy(
            update={
                "at_ns": [_sane(at_ns) for at_ns in record.at_ns[:_MOST_MOMENTS]],
                "values": [[_sane(value) for value in row] for row in record.values[:_MOST_MOMENTS]],
            }
        )
        for record in _records(folder, ("costs-timeline",))
        if isinstance(record, CostTimeline)
    }


def console_text(report: JudgedRun, result: TrialResult, first_line: int) -> str:
    """A report as the kernel printed it: lines of a trial's console from `first_line` (counted from 1) on."""
    try:
        begin = report.directory.trial(result.directory).head("console.log", _MOST_CONSOLE_BYTES)
    except OSError:
        return ""
    lines = begin.split(b"\n")[first_line - 1 :][:_MOST_CONSOLE_LINES]
    return "\n".join(line.rstrip(b"\r").decode(errors="backslashreplace") for line in lines)


def spread(items: Sequence[_T], most: int) -> list[_T]:
    """At most `most` of the items, evenly chosen, the first always among them."""
    if len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]


def _series(
    kind: Literal["block", "trial"], number: int, memory: Sequence[MemorySample], folder: Folder
) -> BootSeries | None:
    records = list(_records(folder, ("hello", "phase", "state", "target")))
    hello = next((each for each in records if isinstance(each, Hello)), None)
    target = next((each for each in records if isinstance(each, TargetRecord)), None)
    if hello is None or target is None or not target.units:
        return None
    pressure_us = next(
        (each.t_us for each in records if isinstance(each, Phase) and each.name == "pressure"), hello.t_us
    )
    states = [each for each in records if isinstance(each, State)]
    moments = [*_before(memory), *(_moment(each, each.held_kb) for each in states)]
    moments.append(_moment(target, _held_at_target_kb(states, target)))
    whole = sorted(
        (moment for moment in moments if len(moment.units) == len(target.units)),
        key=lambda moment: moment.t_s,
    )
    if whole[0].t_s >= _sane(target.t_us) / _US_PER_S:
        return None
    return BootSeries(
        kind=kind,
        number=number,
        total_kb=_sane(hello.mem_total_kb),
        pressure_s=_sane(pressure_us) / _US_PER_S,
        target_s=_sane(target.t_us) / _US_PER_S,
        moments=tuple(whole),
    )


def _held_at_target_kb(states: Sequence[State], target: TargetRecord) -> int:
    """The record of the target does not tell: what became free since the last step was given back."""
    if not states:
        return 0
    return max(0, states[-1].held_kb - (target.free_kb - states[-1].free_kb))


def _sane(number: int) -> int:
    """A number that a guest sent, within what a drawing can bear."""
    return max(0, min(number, _LARGEST_NUMBER))


def _before(memory: Sequence[MemorySample]) -> Iterator[Moment]:
    for sample in memory:
        if sample.when == "before" and sample.usable_units and sample.free_kb is not None:
            yield Moment(sample.t_us / _US_PER_S, sample.free_kb, sample.usable_units, 0)


def _moment(record: State | TargetRecord, held_kb: int) -> Moment:
    units = tuple(_sane(count) for count in record.units)
    return Moment(_sane(record.t_us) / _US_PER_S, _sane(record.free_kb), units, _sane(held_kb))


def _block_folders(report: JudgedRun) -> dict[tuple[int, str, tuple[str, ...]], Folder]:
    """By block, clock and variants: a block's place in the plan follows from the scenario alone."""
    found: dict[str, Folder] = {}
    # A later attempt (NNNN-2) takes the place of an earlier one.
    names = report.directory.folder.folder("blocks").names()
    for name in sorted(names, key=lambda name: (len(name), name)):
        found[name.partition("-")[0]] = report.directory.block(name)
    return {
        (planned.number, planned.clock, planned.variants): found[f"{planned.index:04d}"]
        for planned in plan_blocks(report.manifest.scenario)
        if planned.mode is not Mode.PROOF and f"{planned.index:04d}" in found
    }


def _records(folder: Folder, events: Sequence[str]) -> Iterator[object]:
    """Control records of these kinds; lines that are none are the judge's business, not the report's."""
    try:
        lines = folder.head("control.jsonl", _MOST_CONTROL_BYTES).split(b"\n")
    except OSError:
        return
    marks = [f'"event":"{event}"'.encode() for event in events]
    for line in lines:
        if any(mark in line for mark in marks):
            try:
                yield parse_record(line)
            except ValueError:
                continue
