# SPDX-License-Identifier: Apache-2.0
"""What the kernel said of a trial on its console, and what it counted beside. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from orchestrator.evidence.crash_count import grouped
from orchestrator.evidence.evidence import Evidence
from orchestrator.evidence.measurements import vmstat_over_trigger
from orchestrator.oom.crash_words import crash_sentence
from orchestrator.oom.records import KernelCrash, MemoryEvent
from orchestrator.plan import PlannedTrial
from orchestrator.protocol.records import End, OomKillCount, TriggerEnd
from orchestrator.record.recorder import ConsoleEvent
from orchestrator.stage import TRIGGERED
from orchestrator.text.amounts import count_of

_OOM_TYPES = frozenset({"oom", "memcg-oom"})


class KernelWords(TypedDict):
    """Fields of a trial's result that tell what the kernel said."""

    panicked: bool
    oom_events: int
    oom_kill_vmstat: int | None
    disagreement: str | None
    first_oom: MemoryEvent | None
    allocation_failures: int
    kernel_bugs: tuple[str, ...]
    crashes: tuple[KernelCrash, ...]


def kernel_words(planned: PlannedTrial, evidence: Evidence) -> KernelWords:
    """Memory events count since the load began, crashes from the boot on."""
    benchmarks_alone = planned.stage not in TRIGGERED
    since = evidence.console_since_benchmarks() if benchmarks_alone else evidence.console_since_trigger()
    ooms, counted = oom_reports(since), counted_oom_kills(evidence)
    crashes = grouped(event for event in evidence.console_of_trial if isinstance(event, KernelCrash))
    return {
        "panicked": any(map(is_panic, since)),
        "oom_events": len(ooms),
        "oom_kill_vmstat": counted,
        "disagreement": None if benchmarks_alone else _disagreement(ooms, counted),
        "first_oom": ooms[0] if ooms else None,
        "allocation_failures": sum(map(is_allocation_failure, since)),
        "kernel_bugs": tuple(crash_sentence(crash) for crash in crashes if crash.kind != "panic"),
        "crashes": crashes,
    }


def oom_reports(events: Sequence[ConsoleEvent]) -> list[MemoryEvent]:
    """Every call of the OOM killer."""
    return [event for event in events if isinstance(event, MemoryEvent) and event.type in _OOM_TYPES]


def is_allocation_failure(event: ConsoleEvent) -> bool:
    """A request was refused, and that is said."""
    return isinstance(event, MemoryEvent) and event.type == "alloc-failure"


def is_panic(event: ConsoleEvent) -> bool:
    """The kernel gave up."""
    if isinstance(event, KernelCrash):
        return event.panic is not None
    return isinstance(event, MemoryEvent) and "panic" in (event.outcome or "")


def counted_oom_kills(evidence: Evidence) -> int | None:
    """`oom_kill` since the trigger's start: the agent's last word on it."""
    end, counts = evidence.last(TriggerEnd), evidence.every(OomKillCount)
    values = [record.count for record in counts] + ([end.oom_kill] if end else [])
    moved = vmstat_over_trigger(evidence).get("oom_kill", 0)
    return max([*values, moved]) if values or evidence.last(End) is not None else None


def _disagreement(ooms: Sequence[MemoryEvent], counted: int | None) -> str | None:
    """Dumps are rate-limited while kills are not, and panics end the guest before it can count."""
    killed = sum(event.outcome == "killed" for event in ooms)
    if counted is None or killed == counted:
        return None
    return f"{count_of('OOM kill', killed)} on the console, {counted} in /proc/vmstat"
