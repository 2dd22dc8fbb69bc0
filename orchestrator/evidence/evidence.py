# SPDX-License-Identifier: Apache-2.0
"""Everything one guest left: filled while it runs, judged when it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self, TypeVar

from orchestrator.oom.records import Mark
from orchestrator.protocol.records import ControlRecord, DeviceRecord, Hello, Phase, TriggerStart
from orchestrator.record.recorder import ConsoleEvent

_PREPARE_MARK = "phase prepare"
TRIGGER_MARK = "phase trigger"
_MODULE_MARK = "phase module"
_BENCHMARK_MARK = "phase benchmark"
_US_PER_S = 1_000_000
_R = TypeVar("_R")


class Ending(Enum):
    """How the host saw the guest end."""

    EXITED = auto()
    OVERDUE = auto()
    INTERRUPTED = auto()
    HARNESS_FAILED = auto()


@dataclass
class Evidence:
    """A guest's control records and console events in order, and how it ended.

    A fork's evidence begins with its block's, for its guest lived through that, too.
    """

    control: list[ControlRecord] = field(default_factory=list)
    console: list[ConsoleEvent] = field(default_factory=list)
    ending: Ending = Ending.EXITED
    ending_detail: str = ""
    host_seconds: float = 0.0
    private_memory_kb: int = 0
    snapshot_taken: bool = False
    garbage_lines: int = 0
    """Lines of the control line that were no records."""
    first_garbage: str = ""
    inherited_records: int = 0
    lmkd_kills: int | None = None
    """Kills of Android's low memory killer, where its log is there."""

    @classmethod
    def continuing(cls, block: Evidence) -> Self:
        """The beginning of a fork's evidence."""
        return cls(
            control=list(block.control),
            console=list(block.console),
            ending=block.ending,
            ending_detail=block.ending_detail,
            garbage_lines=block.garbage_lines,
            first_garbage=block.first_garbage,
            inherited_records=len(block.control),
        )

    def every(self, kind: type[_R]) -> list[_R]:
        """The control records of one kind, in order."""
        return [record for record in self.control if isinstance(record, kind)]

    def last(self, kind: type[_R]) -> _R | None:
        """The last control record of one kind, if there is one."""
        return next((record for record in reversed(self.control) if isinstance(record, kind)), None)

    @property
    def spoke(self) -> bool:
        """True once the agent has said anything, by either channel's word.

        Records come from a device over a connection, later than the console has the same: of a kernel that
        dies at once there may be none.
        """
        return self.last(Hello) is not None or self._position(_PREPARE_MARK) is not None or self.under_test

    @property
    def triggered(self) -> bool:
        """True once the trigger has started, by either channel's word."""
        return self.last(TriggerStart) is not None or any(map(_is_trigger_mark, self.console))

    @property
    def benchmarked(self) -> bool:
        """True once benchmarks have begun, by either channel's word."""
        phases = (record.name for record in self.every(Phase))
        return "benchmark" in phases or self._position(_BENCHMARK_MARK) is not None

    @property
    def under_test(self) -> bool:
        """True once the variant's driver is being loaded: what happens from then on may be its doing."""
        return self._position(_MODULE_MARK) is not None or self.triggered

    @property
    def console_of_trial(self) -> list[ConsoleEvent]:
        """Console events since the guest's start, or the agent's on a device that ran before it came."""
        device, begun = self.last(DeviceRecord), self._position(_PREPARE_MARK)
        if device is None:
            return self.console
        return _from(self.console, device) if begun is None else self.console[begun:]

    def console_since_module(self) -> list[ConsoleEvent]:
        """Console events after the mark of the driver's loading; none where there is no mark."""
        start = self._position(_MODULE_MARK)
        return [] if start is None else self.console[start + 1 :]

    def console_since_trigger(self) -> list[ConsoleEvent]:
        """Console events after the agent's mark; all of them when the mark was lost.

        An agent on a device that may not write marks has a time to go by, and that of its record.
        What benchmarks came to afterwards is not the trigger's doing, and is left out.
        """
        start, end = self._position(TRIGGER_MARK), self._position(_BENCHMARK_MARK)
        if start is not None:
            return self.console[start + 1 : end]
        started = self.last(TriggerStart)
        if started is not None and self.last(DeviceRecord) is not None:
            return _from(self.console, started)
        return self.console[:end] if self.triggered else []

    def console_since_benchmarks(self) -> list[ConsoleEvent]:
        """Console events after the mark of the benchmarks; none where there is no mark."""
        start = self._position(_BENCHMARK_MARK)
        return [] if start is None else self.console[start + 1 :]

    def _position(self, mark: str) -> int | None:
        """Where on the console the agent says that a phase begins."""
        for position, event in enumerate(self.console):
            if isinstance(event, Mark) and event.text.startswith(mark):
                return position
        return None


def _from(events: list[ConsoleEvent], record: ControlRecord) -> list[ConsoleEvent]:
    """Without those at the beginning whose time stamps are from before the record.

    printk's clock (sched_clock) starts before CLOCK_MONOTONIC, up to a second where machines are slow. So
    nothing from after the record is lost, and what is from shortly before it may be kept.
    """
    at_s = record.t_us / _US_PER_S
    late = (place for place, event in enumerate(events) if event.time_s is None or event.time_s >= at_s)
    return events[next(late, len(events)) :]


def _is_trigger_mark(event: ConsoleEvent) -> bool:
    return isinstance(event, Mark) and event.text.startswith(TRIGGER_MARK)
