# SPDX-License-Identifier: Apache-2.0
"""The allocation audit as tables: who asked for page arrays, how they were served, at what price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.guests.qemu.machine import Clock
from orchestrator.report.source import RunReport
from orchestrator.result import AuditRow

_PHASES = ("relaxed", "target", "trigger", "after")


@dataclass(frozen=True)
class AuditLine:
    """All requests of one kind in one phase, over all trials of a variant."""

    variant: str
    order: int
    gfp_flags: str
    requests: int
    contiguous: int
    fell_back: int
    refused: int
    reclaims: int
    reclaim_us: int
    compactions: int
    compact_us: int

    @property
    def shares(self) -> tuple[float, float, float]:
        """Contiguous, vmalloc and refused in percent of the requests."""
        whole = max(self.contiguous + self.fell_back + self.refused, 1)
        return (100 * self.contiguous / whole, 100 * self.fell_back / whole, 100 * self.refused / whole)


@dataclass(frozen=True)
class AuditTable:
    """One phase."""

    phase: str
    lines: Sequence[AuditLine]


def audit_tables(report: RunReport, clock: Clock) -> list[AuditTable]:
    """A table for each phase in which page arrays were asked for; variants in the scenario's order."""
    rows: dict[tuple[str, str, int, str], list[AuditRow]] = defaultdict(list)
    for trial in report.results:
        for row in trial.audit if trial.clock == clock else ():
            rows[row.phase, trial.variant, row.order, row.gfp_flags].append(row)
    places = {name: index for index, name in enumerate(report.manifest.scenario.variants)}
    keys = sorted(rows, key=lambda key: (places.get(key[1], len(places)), key[2], key[3]))
    tables = [
        AuditTable(phase, [_line(key, rows[key]) for key in keys if key[0] == phase]) for phase in _PHASES
    ]
    return [table for table in tables if table.lines]


def _line(key: tuple[str, str, int, str], rows: Sequence[AuditRow]) -> AuditLine:
    _, variant, order, gfp_flags = key
    return AuditLine(
        variant=variant,
        order=order,
        gfp_flags=gfp_flags,
        requests=sum(row.requests for row in rows),
        contiguous=sum(row.contiguous for row in rows),
        fell_back=sum(row.fell_back for row in rows),
        refused=sum(row.refused for row in rows),
        reclaims=sum(row.reclaims for row in rows),
        reclaim_us=sum(row.reclaim_us for row in rows),
        compactions=sum(row.compactions for row in rows),
        compact_us=sum(row.compact_us for row in rows),
    )
