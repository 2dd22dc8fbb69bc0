# SPDX-License-Identifier: Apache-2.0
"""The allocation audit as tables: one for each phase, variants side by side, the shares also as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.analysis.audit import AuditTotal
from orchestrator.report.audit import PHASE_WORDS, audit_rows
from orchestrator.verdict.verdict import PassVerdict

Shares = tuple[float, float, float]
"""Served contiguous, allocated by vmalloc, refused: in percent of the requests."""


@dataclass(frozen=True)
class AuditTable:
    """One phase. `shares` are None for a variant that asked for nothing."""

    phase: str
    variants: Sequence[str]
    shares: Sequence[Shares | None]
    rows: Sequence[tuple[str, Sequence[str]]]


def audit_tables(verdict: PassVerdict) -> list[AuditTable]:
    """A table for each phase that was traced; empty when nothing was."""
    if verdict.audit is None:
        return []
    tables = []
    for phase, words in PHASE_WORDS.items():
        totals = {total.variant: total for total in verdict.audit.totals if total.phase == phase}
        traced = [name for name in verdict.variants if name in totals]
        if traced:
            rows = audit_rows(verdict.audit, [totals[name] for name in traced], verdict.clock)
            tables.append(AuditTable(words, traced, [_shares(totals[name]) for name in traced], rows))
    return tables


def _shares(total: AuditTotal) -> Shares | None:
    whole = total.contiguous + total.fell_back + total.refused
    if not whole:
        return None
    return (100 * total.contiguous / whole, 100 * total.fell_back / whole, 100 * total.refused / whole)
