# SPDX-License-Identifier: Apache-2.0
"""What became of a trial's load: trigger, benchmarks, and the processes that they cost. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from signal import SIGKILL
from typing import TypedDict

from orchestrator.binder import ELEMENT_BYTES
from orchestrator.evidence.benchmarks import benchmark_rows
from orchestrator.evidence.costs import costs_of
from orchestrator.evidence.evidence import Evidence
from orchestrator.evidence.kernel_words import oom_reports
from orchestrator.evidence.measurements import audited, measures, request_paths, request_summary
from orchestrator.evidence.page_requests import traced_page_requests
from orchestrator.evidence.process_end import process_ends
from orchestrator.evidence.programs import program_rows
from orchestrator.plan import PlannedTrial
from orchestrator.protocol.cost_records import CostRecord
from orchestrator.protocol.records import Output, ProcessEnded, TriggerStart, VictimRecord
from orchestrator.record.output_log import summarise_output
from orchestrator.record.result import (
    AuditPhase,
    AuditRow,
    BenchmarkRow,
    CommandOutput,
    Costs,
    Measure,
    PageRequests,
    ProcessEnd,
    RequestPaths,
    RequestSummary,
    Victim,
)
from orchestrator.scenario.triggers.kinds import Trigger, ends_by_itself


@dataclass(frozen=True)
class Load:
    """The scenario's trigger, and the element of binder's page array in the kernel that it is fired at.

    Of them the audit knows what requests make the kernel allocate.
    """

    trigger: Trigger
    element_bytes: int = ELEMENT_BYTES


OTHER = "other"
"""The role of a process that the agent did not start."""
_OURS = "oomlab-"


class LoadEnd(TypedDict):
    """Fields of a trial's result that tell what the load came to."""

    requests: RequestSummary | None
    processes: tuple[ProcessEnd, ...]
    output: CommandOutput | None
    page_arrays: RequestPaths | None
    benchmarks: tuple[BenchmarkRow, ...]
    measures: tuple[Measure, ...]
    audit: tuple[AuditRow, ...]
    audit_phases: tuple[AuditPhase, ...]
    page_requests: tuple[PageRequests, ...]
    costs: tuple[Costs, ...]
    victims: tuple[Victim, ...]


def load_end(planned: PlannedTrial, load: Load, evidence: Evidence) -> LoadEnd:
    """What its result says of it."""
    audit, audit_phases = audited(evidence, load.trigger, load.element_bytes)
    return {
        "requests": request_summary(evidence),
        "processes": process_ends(evidence.every(ProcessEnded)),
        "output": summarise_output(evidence.every(Output)) if ran_command(evidence) else None,
        "page_arrays": request_paths(evidence, audit),
        # Of a traced fork they are disturbed, and nothing to report.
        "benchmarks": ()
        if planned.stage.startswith("audit-")
        else (*benchmark_rows(evidence), *program_rows(evidence)),
        "measures": measures(evidence),
        "audit": audit,
        "audit_phases": audit_phases,
        "page_requests": traced_page_requests(evidence),
        "costs": costs_of(evidence.every(CostRecord)),
        "victims": victims(evidence),
    }


def victims(evidence: Evidence) -> tuple[Victim, ...]:
    """Who was killed: the agent's children, as it tells, and whom only the console names.

    What a command starts is no child of the agent's. A child that the agent had not reaped yet goes by its
    name (PROTOCOL.md), and is not taken for such a one.
    """
    told = [Victim(role=each.role, pid=each.pid, signal=each.signal) for each in evidence.every(VictimRecord)]
    known = {victim.pid for victim in told}
    named = [
        process
        for event in oom_reports(evidence.console_since_trigger())
        for process in (event.victims or (event.victim,))
        if process is not None and not (process.comm or "").startswith(_OURS)
    ]
    others = dict.fromkeys(process.pid for process in named if process.pid is not None)
    return (*told, *(Victim(role=OTHER, pid=pid, signal=SIGKILL) for pid in others if pid not in known))


def ran_command(evidence: Evidence) -> bool:
    """The trigger was a command of the user's."""
    start = evidence.last(TriggerStart)
    return start is not None and ends_by_itself(start.kind)
