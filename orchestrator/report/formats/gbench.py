# SPDX-License-Identifier: Apache-2.0
"""The benchmarks of a run as Google Benchmark's JSON, so that its compare.py reads them.

Field names and aggregates are those of release 1.7 (src/json_reporter.cc, src/statistics.cc). A
repetition is a block, never a fork or an iteration: those share a boot and are no samples. Of cold
trials it is a boot.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import InputError
from orchestrator.plan import are_paired, shares_boot
from orchestrator.record.result import BenchmarkRow, TrialResult
from orchestrator.report.rows import device_lines, warnings
from orchestrator.scenario.models import Scenario
from orchestrator.text.amounts import plural
from orchestrator.text.nearest import nearest
from orchestrator.text.plain import json_plain, one_line
from orchestrator.verdict.judged_run import JudgedRun

_ERROR = "_error"


@dataclass(frozen=True)
class BenchmarkFigure:
    """What one fork gave, in nanoseconds an iteration; `error` instead of figures where there are none."""

    run_name: str
    block: int
    iterations: int
    real_ns: float
    cpu_ns: float
    error: str | None = None
    label: str = ""
    counter: tuple[str, float] | None = None
    """A figure that is no time, by what it counts: Google Benchmark's form for those."""


def render_gbench(report: JudgedRun, variant: str | None = None) -> str:
    """The JSON text: of one variant, or of all with `VARIANT/` before each name.

    Raises InputError for an unknown variant.
    """
    variants = list(report.manifest.scenario.variants)
    if variant is not None and variant not in variants:
        close = nearest(variant, variants)
        raise InputError(
            f"the run has no variant '{one_line(variant)}'; it has: {', '.join(variants)}",
            hint=f"did you mean '{close}'?" if close else "",
        )
    figures = figures_by_name(report, variant)
    benchmarks = [
        line for family, (name, own) in enumerate(figures.items()) for line in _benchmark(family, name, own)
    ]
    document = {"context": _context(report, variant), "benchmarks": benchmarks}
    return json_plain(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def figures_by_name(report: JudgedRun, variant: str | None) -> dict[str, list[BenchmarkFigure]]:
    """What every fork gave, by benchmark: of one variant, or of all with `VARIANT/` before each name.

    Forks with tracing are left out, for it disturbs times.
    """
    variants = list(report.manifest.scenario.variants)
    figures: dict[str, list[BenchmarkFigure]] = {}
    for result in sorted(report.results, key=lambda each: (variants.index(each.variant), each.block)):
        if variant in (None, result.variant) and not result.stage.startswith("audit-"):
            for figure in _figures(report, result, prefixed=variant is None):
                figures.setdefault(figure.run_name, []).append(figure)
    return figures


def _context(report: JudgedRun, variant: str | None) -> dict[str, Any]:
    """`host_name` and load are left out: they say nothing about the guest, and reports are passed on."""
    manifest = report.manifest
    return {
        "date": manifest.started.isoformat(timespec="seconds"),
        "executable": one_line(manifest.command),
        "num_cpus": manifest.scenario.device.cpus,
        "mhz_per_cpu": 0,
        "cpu_scaling_enabled": False,
        "caches": [],
        "library_build_type": "release",
        "oomlab_version": manifest.oomlab_version,
        "oomlab_scenario": report.verdict.scenario,
        "oomlab_variant": variant or "all",
        "oomlab_conclusion": report.verdict.conclusion.value,
        "oomlab_foremost": "; ".join(map(one_line, report.verdict.foremost)),
        "oomlab_accelerator": ", ".join(each.accelerator for each in report.verdict.passes),
        "oomlab_built_from": "; ".join(f"{name}: {tree}" for name, tree in report.verdict.built_from.items()),
        "oomlab_repetition": _repetition(manifest.scenario),
        "oomlab_devices": "; ".join(map(one_line, device_lines(report.verdict))),
        "oomlab_warnings": "; ".join(map(one_line, warnings(report.verdict))),
    }


def _repetition(scenario: Scenario) -> str:
    """What one repetition is, and whether those of two variants are of one memory."""
    if not scenario.trials.fork:
        return "a boot of the variant's own (cold trials): repetitions of two variants are NOT paired"
    words = "a block (one boot); the median over its forks"
    if not are_paired(scenario, scenario.variants):
        groups = "; ".join(", ".join(names) for names in shares_boot(scenario))
        words += f". Repetitions are paired among variants of one boot alone: {groups}"
    return words


def _figures(report: JudgedRun, result: TrialResult, *, prefixed: bool) -> Iterator[BenchmarkFigure]:
    clocks = report.manifest.scenario.trials.clock
    before = f"{result.variant}/" if prefixed else ""
    after = f"/clock:{result.clock}" if len(clocks) > 1 else ""
    for row in result.benchmarks:
        yield _from_row(f"{before}{one_line(row.name)}/when:{row.when}{after}", result.block, row)
    trigger = report.manifest.scenario.trigger
    latency = result.requests.latency if result.requests is not None else None
    timed = result.clock == "deterministic" or report.manifest.scenario.trials.timing
    if trigger.request is not None and latency is not None and timed:
        argument = f"/{trigger.argument}" if trigger.argument else ""
        yield BenchmarkFigure(
            f"{before}trigger_{trigger.request}_p50{argument}/when:trigger{after}",
            result.block,
            latency.count,
            latency.p50_ns,
            0.0,
            label=f"median of the {plural(trigger.request)} that succeeded; CPU time is not measured",
        )


def _from_row(name: str, block: int, row: BenchmarkRow) -> BenchmarkFigure:
    error = row.error or ("the kernel killed the benchmark" if row.killed and not row.iterations else None)
    counter = None if row.value is None else (one_line(row.unit) or "value", row.value)
    return BenchmarkFigure(
        name, block, row.iterations, row.real_ns, row.cpu_ns, error and one_line(error), counter=counter
    )


def _benchmark(family: int, name: str, figures: Sequence[BenchmarkFigure]) -> Iterator[dict[str, Any]]:
    """Repetitions (one a block), errors under a name of their own, then the aggregates."""
    blocks: dict[int, list[BenchmarkFigure]] = {}
    for figure in figures:
        if figure.error is None:
            blocks.setdefault(figure.block, []).append(figure)
    common = {
        "family_index": family, "per_family_instance_index": 0, "run_name": name,
        "repetitions": len(blocks), "threads": 1,
    }  # fmt: skip
    for index, own in enumerate(blocks.values()):
        yield {"name": name, **common, "run_type": "iteration", "repetition_index": index} | _times(own)
    for figure in figures:
        if figure.error is not None:
            # compare.py would take the time of a repetition without one for zero: not under this name.
            yield {
                "name": name + _ERROR, **common, "run_type": "iteration", "error_occurred": True,
                "error_message": figure.error, "iterations": 0, "real_time": 0.0, "cpu_time": 0.0,
                "time_unit": "ns",
            }  # fmt: skip
    yield from _aggregates(name, common, list(blocks.values()))


def _times(figures: Sequence[BenchmarkFigure]) -> dict[str, Any]:
    times: dict[str, Any] = {
        "iterations": sum(figure.iterations for figure in figures),
        "real_time": _median([figure.real_ns for figure in figures]),
        "cpu_time": _median([figure.cpu_ns for figure in figures]),
        "time_unit": "ns",
    }
    counters = [figure.counter for figure in figures if figure.counter is not None]
    if counters:
        times[_counter_key(counters[0][0])] = _median([value for _, value in counters])
    return times | ({"label": figures[0].label} if figures[0].label else {})


def _counter_key(unit: str) -> str:
    """Never a key that the format has itself."""
    return f"counter: {unit}"


def _median(values: Sequence[float]) -> float:
    """Of the largest numbers, too, whose sum is none any more."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] / 2 + ordered[len(ordered) // 2] / 2


def _cv(values: Sequence[float]) -> float:
    mean = statistics.fmean(values)
    return statistics.stdev(values) / mean if mean else 0.0


_AGGREGATES: Mapping[str, tuple[str, Callable[[Sequence[float]], float]]] = {
    "mean": ("time", statistics.fmean),
    "median": ("time", _median),
    "stddev": ("time", statistics.stdev),
    "cv": ("percentage", _cv),
}


def _aggregates(
    name: str, common: Mapping[str, Any], blocks: Sequence[Sequence[BenchmarkFigure]]
) -> Iterator[dict[str, Any]]:
    """As Google Benchmark: from two repetitions on; `iterations` is their number, cv a fraction."""
    if len(blocks) < 2:
        return
    times = [_times(own) for own in blocks]
    for aggregate, (unit, function) in _AGGREGATES.items():
        try:
            real, cpu = (function([each[field] for each in times]) for field in ("real_time", "cpu_time"))
        except OverflowError:
            continue
        if math.isfinite(real) and math.isfinite(cpu):
            yield {
                "name": f"{name}_{aggregate}", **common, "run_type": "aggregate",
                "aggregate_name": aggregate, "aggregate_unit": unit, "iterations": len(blocks),
                "real_time": real, "cpu_time": cpu, "time_unit": "ns",
            }  # fmt: skip
