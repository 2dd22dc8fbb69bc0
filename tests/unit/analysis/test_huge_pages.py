# SPDX-License-Identifier: Apache-2.0
"""Faults of huge pages come out as the rows of maintainers' tables."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analysis.huge_pages import HugePageTable, huge_page_tables
from orchestrator.record.result import BenchmarkRow, Costs, TrialResult
from tests.unit.analysis.trials import row, trial

NAME = "BM_thp_fault/2097152"


def fork(
    variant: str, block: int, *, served: int, failed: int = 0, real_ns: float = 400.0, **more: Any
) -> TrialResult:
    """One at the target that asked for `served + failed` huge pages."""
    counters = {"compact_migrate_scanned": 100, "compact_daemon_migrate_scanned": 30}
    made = BenchmarkRow(
        name=NAME, when="target", iterations=served + failed, warmup=0, real_ns=real_ns, cpu_ns=real_ns,
        failed=failed, failed_ns=1000.0 if failed else None, p99_ns=900, counters=counters,
        settings={"enabled": "madvise", "defrag": variant}, **more,
    )  # fmt: skip
    costs = Costs(
        phase="target", benchmark=NAME, elapsed_ns=1, figures={"direct_compactions": 7, "kswapd_cpu_ns": 4000}
    )
    whole = Costs(phase="target", elapsed_ns=1, figures={"direct_compactions": 99})
    return trial(variant, block, stage="target", benchmarks=(made,), costs=(costs, whole))


def table(*trials: TrialResult, clock: str = "realtime", timed: bool = True) -> HugePageTable:
    found = huge_page_tables(["first", "second"], list(trials), clock, timed=timed)  # type: ignore[arg-type]
    assert len(found) == 1
    return found[0]


def means(made: HugePageTable, name: str) -> dict[str, float | None]:
    return next(figure.means for figure in made.figures if figure.name == name)


def test_rates_are_means_of_blocks_and_times_means_of_faults() -> None:
    made = table(
        fork("first", 1, served=10, failed=30, real_ns=400),
        fork("first", 2, served=30, failed=10, real_ns=800),
    )
    assert means(made, "success") == {"first": 50.0, "second": None}
    assert means(made, "served")["first"] == 20
    assert means(made, "hugealloc_mean")["first"] == (10 * 400 + 30 * 800) / 40
    assert means(made, "fallback_mean")["first"] == 1000
    assert means(made, "both_mean")["first"] == (10 * 400 + 30 * 800 + 40 * 1000) / 80


def test_what_was_spent_is_that_of_the_benchmark_and_kcompactd_apart_from_who_asked() -> None:
    made = table(fork("first", 1, served=5))
    assert means(made, "direct_compactions")["first"] == 7
    assert means(made, "compact_daemon_migrate")["first"] == 30
    assert means(made, "compact_direct_migrate")["first"] == 70
    assert made.settings == {"enabled": {"first": "madvise"}, "defrag": {"first": "first"}}


def test_rows_of_nothing_are_left_out_but_success_never() -> None:
    names = [figure.name for figure in table(fork("first", 1, served=0, failed=3)).figures]
    assert "pages_swapped_in" not in names
    assert {"success", "served", "hugealloc_mean"} <= set(names)


def test_under_the_deterministic_clock_times_are_instructions() -> None:
    first = fork("first", 1, served=5)
    made = table(first.model_copy(update={"clock": "deterministic"}), clock="deterministic")
    (mean,) = (figure for figure in made.figures if figure.name == "hugealloc_mean")
    assert (mean.unit, mean.means["first"]) == ("instructions", 100.0)


def test_guests_that_disturbed_one_another_have_no_times() -> None:
    units = {figure.unit for figure in table(fork("first", 1, served=5), timed=False).figures}
    assert units == {"percent", "count"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"error": "no huge pages"}, "no huge pages"), ({"killed": True}, "the OOM killer ended it")],
)
def test_what_did_not_end_has_a_reason_and_no_figures(fields: dict[str, Any], words: str) -> None:
    made = table(fork("first", 1, served=5, **fields), fork("second", 1, served=5))
    assert made.errors == {"first": words}
    assert means(made, "success") == {"first": None, "second": 100.0}


def test_traced_forks_and_other_benchmarks_do_not_count() -> None:
    traced = fork("first", 1, served=5).model_copy(update={"stage": "audit-target"})
    other = trial("first", 1, stage="target", benchmarks=(row("BM_mmap_binder/4096", 5.0, when="target"),))
    assert huge_page_tables(["first"], [traced, other], "realtime", timed=True) == ()
    assert BenchmarkRow.model_validate(row("BM_mmap_binder/4096", 5.0)).is_huge_page_fault is False
