# SPDX-License-Identifier: Apache-2.0
"""The trials of a run as CSV: a header, then one row a trial, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable

from orchestrator.evidence.process_end import signal_name
from orchestrator.oom.crash_words import crash_sentence
from orchestrator.record.result import BenchmarkRow, TrialResult
from orchestrator.report.audit import PHASE_WORDS
from orchestrator.scenario.costs import COSTS
from orchestrator.text.plain import one_line
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import judge_trial

_Cell = str | int | float | None
# A spreadsheet takes a cell that begins so for a formula, which may run programs (CWE-1236).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SHOWN_ORDERS = 11
_JUDGED = ("judgement", "judgement_why")


def render_csv(report: JudgedRun) -> str:
    """UTF-8 with a header; lines end in LF. Times carry their unit in the column's name.

    Text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    benchmarks = _benchmark_columns(report)
    costs = _cost_columns(report)
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(map(_guarded, [*_COLUMNS, *_JUDGED, *benchmarks, *costs]))
    scenario = report.manifest.scenario
    for result in report.results:
        judged = judge_trial(scenario.expectations.get(result.variant), result)
        rows = {_benchmark_name(row): row for row in result.benchmarks}
        cells: list[_Cell] = [cell(result) for cell in _COLUMNS.values()]
        cells += [judged.judgement.value, "; ".join(judged.why)]
        cells += [_figure(rows[name]) if name in rows else None for name in benchmarks]
        spent = _costs_of(result)
        cells += [spent.get(name) for name in costs]
        writer.writerow(map(_guarded, cells))
    return output.getvalue()


def _guarded(cell: _Cell) -> _Cell:
    if not isinstance(cell, str):
        return cell
    text = one_line(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _benchmark_columns(report: JudgedRun) -> list[str]:
    names = (_benchmark_name(row) for result in report.results for row in result.benchmarks)
    return list(dict.fromkeys(names))


def _benchmark_name(row: BenchmarkRow) -> str:
    return f"{row.name} {row.when} {'real_ns' if row.value is None else row.unit or 'value'}"


def _cost_columns(report: JudgedRun) -> list[str]:
    """Of the phases and figures that any trial told of, in the order of the table of costs."""
    told = {name for result in report.results for name in _costs_of(result)}
    names = (f"cost {phase} {figure.key}" for phase in PHASE_WORDS for figure in COSTS)
    return [name for name in names if name in told]


def _costs_of(result: TrialResult) -> dict[str, int]:
    whole = (costs for costs in result.costs if costs.benchmark is None)
    return {f"cost {costs.phase} {key}": value for costs in whole for key, value in costs.figures.items()}


def _figure(row: BenchmarkRow) -> _Cell:
    if row.error is not None:
        return None
    return row.real_ns if row.value is None else row.value


def _units(order: int) -> Callable[[TrialResult], _Cell]:
    def cell(result: TrialResult) -> _Cell:
        units = result.target.usable_units if result.target is not None else ()
        return units[order] if order < len(units) else None

    return cell


_COLUMNS: dict[str, Callable[[TrialResult], _Cell]] = {
    "trial": lambda result: result.trial,
    "clock": lambda result: result.clock,
    "block": lambda result: result.block,
    "cold": lambda result: int(result.cold),
    "variant": lambda result: result.variant,
    "fork": lambda result: result.fork,
    "stage": lambda result: result.stage,
    "attempt": lambda result: result.attempt,
    "outcome": lambda result: str(result.outcome),
    "why": lambda result: result.why,
    "oom_events": lambda result: result.oom_events,
    "first_oom_order": lambda result: result.first_oom.order if result.first_oom else None,
    "first_oom_caller": lambda result: result.first_oom.stack_first_caller if result.first_oom else None,
    "killed": lambda result: " ".join(victim.role for victim in result.victims),
    "exit_status": lambda result: _words(end.exit_status for end in result.processes),
    "signal": lambda result: _words(
        None if end.signal is None else signal_name(end.signal) for end in result.processes
    ),
    "crash": lambda result: crash_sentence(result.crashes[0]) if result.crashes else None,
    "crash_times": lambda result: sum(crash.times for crash in result.crashes) or None,
    "request": lambda result: result.requests.noun if result.requests else None,
    "requests_succeeded": lambda result: result.requests.succeeded if result.requests else None,
    "requests_failed": lambda result: result.requests.failed if result.requests else None,
    "requests_in_flight": lambda result: result.requests.in_flight if result.requests else None,
    "request_p50_ns": lambda result: _latency(result, "p50_ns"),
    "request_p99_ns": lambda result: _latency(result, "p99_ns"),
    "request_max_ns": lambda result: _latency(result, "max_ns"),
    "contiguous": lambda result: result.page_arrays.contiguous if result.page_arrays else None,
    "fell_back": lambda result: result.page_arrays.fell_back if result.page_arrays else None,
    "refused": lambda result: result.page_arrays.refused if result.page_arrays else None,
    "gfp_flags": lambda result: " ".join(result.page_arrays.gfp_flags) if result.page_arrays else None,
    "free_kb": lambda result: result.target.free_kb if result.target else None,
    **{f"usable_units_order_{order}": _units(order) for order in range(_SHOWN_ORDERS)},
    "private_memory_kb": lambda result: result.private_memory_kb,
    "host_seconds": lambda result: result.host_seconds,
    "guest_release": lambda result: result.guest_release,
    "binder_impl": lambda result: result.device.binder_impl if result.device else None,
    "root": lambda result: int(result.device.root) if result.device else None,
    "lmkd_kills": lambda result: result.device.lmkd_kills if result.device else None,
    "fingerprint": lambda result: result.fingerprint,
    "directory": lambda result: f"trials/{result.directory}",
}


def _words(values: Iterable[int | str | None]) -> _Cell:
    """Of each process that ended so; one of a command."""
    return " ".join(str(value) for value in values if value is not None) or None


def _latency(result: TrialResult, field: str) -> _Cell:
    latency = result.requests.latency if result.requests is not None else None
    return None if latency is None else int(getattr(latency, field))
