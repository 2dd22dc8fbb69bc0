# SPDX-License-Identifier: Apache-2.0
"""Benchmarks that failed or that the kernel ended: there the time of an iteration says little."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from orchestrator.clock import Clock
from orchestrator.record.result import BenchmarkRow
from orchestrator.report.formats.html.plots import Grid
from orchestrator.verdict.judged_run import JudgedRun

_MEMORY = {"relaxed": "relaxed", "target": "at the target", "after": "after the trigger"}
_HEADER = ("benchmark", "memory", "variant", "trials", "killed in", "iterations failed", "why no figures")


def casualties(report: JudgedRun, clock: Clock) -> Grid | None:
    """A line for each benchmark that was cut short, without traced forks; None when there is none."""
    rows: dict[tuple[str, str, str], list[BenchmarkRow]] = defaultdict(list)
    for trial in report.results:
        if trial.clock == clock and not trial.stage.startswith("audit-"):
            for row in trial.benchmarks:
                if row.is_huge_page_fault and row.error is None and not row.killed:
                    continue  # they have a table of their own
                rows[row.name, row.when, trial.variant].append(row)
    names = list(report.manifest.scenario.variants)
    places = list(_MEMORY)
    order = sorted(rows, key=lambda key: (key[0], places.index(key[1]), names.index(key[2])))
    lines = list(_lines({key: rows[key] for key in order}))
    return Grid(_HEADER, lines) if lines else None


def _lines(rows: dict[tuple[str, str, str], list[BenchmarkRow]]) -> Iterator[Sequence[str]]:
    for (name, when, variant), found in rows.items():
        killed, refused = sum(row.killed for row in found), sum(row.failed for row in found)
        errors = dict.fromkeys(row.error for row in found if row.error)
        if killed or refused or errors:
            counts = (str(len(found)), str(killed), str(refused))
            yield (name, _MEMORY[when], variant, *counts, "; ".join(errors) or "-")
