# SPDX-License-Identifier: Apache-2.0
"""Google Benchmark's JSON: the fields that compare.py reads, with blocks for repetitions."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import InputError
from orchestrator.host.process import Argument, run
from orchestrator.record.result import BenchmarkRow
from orchestrator.report.formats.gbench import render_gbench
from orchestrator.verdict.judged_run import JudgedRun
from tests.unit.report.factory import Made, run_report

_COMPARE = Path("/usr/share/benchmark/compare.py")
_PYTHON = Path("/usr/bin/python3")


def benchmarks(report: JudgedRun, variant: str | None = None) -> list[dict[str, Any]]:
    document = json.loads(render_gbench(report, variant))
    assert set(document) == {"context", "benchmarks"}
    assert {"date", "executable", "num_cpus", "library_build_type"} <= set(document["context"])
    lines: list[dict[str, Any]] = document["benchmarks"]
    return lines


def test_a_repetition_is_a_block_and_forks_are_none(tmp_path: Path) -> None:
    lines = benchmarks(run_report(tmp_path / "run", Made(blocks=3, forks=4)), "kcalloc")
    own = [line for line in lines if line["run_name"] == "BM_sendVec_binder/4096/when:after"]
    single = [line for line in own if line["run_type"] == "iteration"]
    assert [line["repetition_index"] for line in single] == [0, 1, 2]
    assert {line["repetitions"] for line in own} == {3}
    assert all(line["name"] == line["run_name"] and line["iterations"] == 4000 for line in single)
    assert all({"real_time", "cpu_time", "time_unit", "threads", "family_index"} <= set(line) for line in own)
    times = [line["real_time"] for line in single]
    aggregates = {line["aggregate_name"]: line for line in own if line["run_type"] == "aggregate"}
    assert aggregates["mean"]["real_time"] == statistics.fmean(times)
    assert aggregates["median"]["name"] == "BM_sendVec_binder/4096/when:after_median"
    assert aggregates["stddev"]["real_time"] == statistics.stdev(times)
    assert aggregates["cv"]["aggregate_unit"] == "percentage"
    assert aggregates["cv"]["real_time"] == pytest.approx(statistics.stdev(times) / statistics.fmean(times))


def test_without_a_variant_all_of_them_are_there_for_filters(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=2, clocks=("realtime", "deterministic")))
    names = {line["run_name"] for line in benchmarks(report)}
    assert "kcalloc/BM_sendVec_binder/4/when:relaxed/clock:deterministic" in names
    assert {name.partition("/")[0] for name in names} == {"kcalloc", "kvcalloc"}
    alone = {line["run_name"] for line in benchmarks(report, "kvcalloc")}
    assert {f"kvcalloc/{name}" for name in alone} < names


def test_the_largest_times_make_no_traceback(tmp_path: Path) -> None:
    """Forks whose sum is infinite, and blocks whose mean is."""
    report = run_report(tmp_path / "run", Made(blocks=2, forks=2))
    largest = {"real_ns": 1.7e308, "cpu_ns": 1.7e308}
    results = tuple(
        result.model_copy(
            update={"benchmarks": tuple(row.model_copy(update=largest) for row in result.benchmarks)}
        )
        for result in report.results
    )
    lines = benchmarks(replace(report, results=results), "kcalloc")
    assert [line["real_time"] for line in lines if line["run_type"] == "iteration"].count(1.7e308) > 1


def test_the_triggers_maps_are_there_without_benchmarks(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1, benchmarks=False))
    (line,) = benchmarks(report, "kvcalloc")
    assert line["name"] == "trigger_mmap_p50/4194304/when:trigger"
    assert line["iterations"] == 600


def test_times_under_tracing_are_left_out(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1))
    traced = tuple(
        each.model_copy(update={"stage": f"audit-{each.stage}", "fork": 2}) for each in report.results
    )
    with_traced = JudgedRun(
        report.directory, report.manifest, report.verdict, results=report.results + traced
    )
    assert render_gbench(with_traced) == render_gbench(report)


def test_a_benchmark_without_figures_is_no_time_of_zero(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=2))
    row = BenchmarkRow(
        name="BM_sendVec_binder/4", when="relaxed", iterations=0, warmup=0, real_ns=0, cpu_ns=0,
        error="the driver said no",
    )  # fmt: skip
    results = tuple(
        each.model_copy(update={"benchmarks": (row,)})
        if each.stage == "relaxed" and each.block == 1
        else each
        for each in report.results
    )
    changed = JudgedRun(report.directory, report.manifest, report.verdict, results=results)
    lines = [line for line in benchmarks(changed, "kcalloc") if line["run_name"].endswith("/4/when:relaxed")]
    (good,) = (line for line in lines if line["name"] == line["run_name"])
    (bad,) = (line for line in lines if line.get("error_occurred"))
    assert good["real_time"] > 0
    assert bad["error_message"] == "the driver said no"
    assert bad["name"] == f"{good['name']}_error"


def test_an_unknown_variant_is_told_with_the_nearest(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1))
    with pytest.raises(InputError) as refused:
        render_gbench(report, "kcaloc")
    assert "kcalloc, kvcalloc" in refused.value.message
    assert "'kcalloc'" in refused.value.hint


@pytest.mark.skipif(not _COMPARE.is_file(), reason="libbenchmark-tools is not installed")
def test_the_real_compare_reads_both_ways(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=9))
    files = {name: tmp_path / f"{name}.json" for name in ("all", "kcalloc", "kvcalloc")}
    for name, file in files.items():
        file.write_text(render_gbench(report, None if name == "all" else name))
    modes: tuple[list[Argument], ...] = (
        ["benchmarks", files["kcalloc"], files["kvcalloc"]],
        ["filters", files["all"], "^kcalloc/", "^kvcalloc/"],
    )
    for mode in modes:
        deadline = Deadline.after(60, "compare.py")
        output = run([_PYTHON, _COMPARE, "--no-color", *mode], deadline=deadline).stdout.decode()
        assert "BM_sendVec_binder/65536/when:target_pvalue" in output
        assert "U Test, Repetitions: 9 vs 9" in output
        assert "OVERALL_GEOMEAN" in output
