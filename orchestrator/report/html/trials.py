# SPDX-License-Identifier: Apache-2.0
"""Every trial in a line, with the sentence that decided it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.report.source import RunReport
from orchestrator.result import TrialResult

MOST_TRIALS = 2_000


@dataclass(frozen=True)
class TrialTable:
    """Rows, and how many more there are."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left_out: int


def trial_table(report: RunReport) -> TrialTable:
    """The trials of a run in the order of the plan."""
    shown = report.results[:MOST_TRIALS]
    return TrialTable(
        header=("trial", "block", "variant", "outcome", "mmaps", "why"),
        rows=[_row(result, len(report.verdict.passes) > 1) for result in shown],
        left_out=len(report.results) - len(shown),
    )


def _row(result: TrialResult, several_clocks: bool) -> tuple[str, ...]:
    clock = f" ({result.clock})" if several_clocks else ""
    mmaps = f"{result.mmaps.ok} of {result.mmaps.planned}" if result.mmaps else "-"
    why = [result.why, *result.notes, *result.kernel_bugs]
    stage = "" if result.stage == "trigger" else f", {result.stage}"
    return (
        str(result.trial),
        f"{result.block}{clock}",
        f"{result.variant}{stage}",
        str(result.outcome),
        mmaps,
        "; ".join(why),
    )
