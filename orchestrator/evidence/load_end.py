# SPDX-License-Identifier: Apache-2.0
"""What became of a trial's load: trigger, benchmarks, and the processes that they cost. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from orchestrator.binder import ELEMENT_BYTES
from orchestrator.evidence.benchmarks import benchmark_rows
from orchestrator.evidence.costs import costs_of
from orchestrator.evidence.evidence import Evidence
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
        "victims": tuple(
            Victim(role=record.role, pid=record.pid, signal=record.signal)
            for record in evidence.every(VictimRecord)
        ),
    }


def ran_command(evidence: Evidence) -> bool:
    """The trigger was a command of the user's."""
    start = evidence.last(TriggerStart)
    return start is not None and ends_by_itself(start.kind)
