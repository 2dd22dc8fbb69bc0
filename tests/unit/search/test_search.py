# SPDX-License-Identifier: Apache-2.0
"""A search over simulated runs: what it tries, what it keeps, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator.commands.search import is_search
from orchestrator.errors import ExitCode, HostError, InputError
from orchestrator.outcome import Outcome
from orchestrator.record.directory import RunDirectory, create_run_directory
from orchestrator.report.console.live import PlainObserver
from orchestrator.report.console.search import print_search
from orchestrator.run.engine import RunOptions
from orchestrator.run.observer import Observer
from orchestrator.scenario.loading.loader import LoadedScenario
from orchestrator.search import search as module
from orchestrator.search.bisection import Direction
from orchestrator.search.result import SEARCH_FILE, SearchResult
from orchestrator.search.search import Search, SearchOptions
from orchestrator.search.varied import parse_varied
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.variant import RequestTotals, VariantVerdict
from orchestrator.verdict.verdict import PassVerdict, Verdict

SCENARIO = Path("binder-order3")


class Engine:
    """Stands in for runs: kcalloc ends in OOM from `threshold` mmaps on, kvcalloc never does."""

    def __init__(self, threshold: int) -> None:
        self.threshold = threshold
        self.before: Callable[[int], None] = lambda _: None
        self.counts: list[int] = []

    def run(self, loaded: LoadedScenario, _: Observer, options: RunOptions) -> JudgedRun:
        scenario = loaded.scenario
        assert not scenario.expectations
        assert not scenario.trials.timing
        assert options.out is not None
        count = int(options.overrides[-1].removeprefix("trigger.count="))
        assert scenario.trigger.model_dump()["count"] == count
        self.before(len(self.counts) + 1)
        self.counts.append(count)
        outcomes = {
            "kcalloc": Outcome.OOM if count >= self.threshold else Outcome.PASSED,
            "kvcalloc": Outcome.PASSED,
        }
        run = create_run_directory(options.out, scenario.name)
        manifest: Any = None  # no search looks at it
        return JudgedRun(run, manifest, _verdict(outcomes, scenario.trials.blocks))


def _verdict(outcomes: dict[str, Outcome], blocks: int) -> Verdict:
    variants = {
        name: VariantVerdict(
            trials=blocks, outcomes={outcome: blocks}, oom_events=0, requests=RequestTotals(), expected=False
        )
        for name, outcome in outcomes.items()
    }
    each = PassVerdict(
        clock="realtime", accelerator="tcg", cpu_model="x", variants=variants, blocks=blocks,
        distinct_states=blocks, paired=True, forks=1,
    )  # fmt: skip
    return Verdict(
        scenario="x", conclusion=Conclusion.COMPARED_ONLY, expectations_met=None, clock="realtime",
        accelerator="tcg", cpu_model="x", variants=variants, passes=(each,),
    )  # fmt: skip


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine(threshold=128)
    monkeypatch.setattr(module, "run_scenario", engine.run)
    monkeypatch.setattr(module, "capacity_for", lambda _scenario, _share: None)
    return engine


def search(out: Path, **options: int) -> SearchResult:
    work = Search(
        SCENARIO,
        parse_varied("trigger.count=20..600"),
        SearchOptions("oomlab search", out, **options),  # type: ignore[arg-type]
    )
    path, result = work.run(PlainObserver(Console(quiet=True)))
    assert result == RunDirectory(path).load(path / SEARCH_FILE, SearchResult)
    assert is_search(path)
    return result


def test_the_tipping_point_is_found(engine: Engine, tmp_path: Path) -> None:
    result = search(tmp_path / "s")
    kcalloc, kvcalloc = result.variants["kcalloc"], result.variants["kvcalloc"]
    assert kcalloc.clear is not None
    assert kcalloc.certain is not None
    assert kcalloc.clear < engine.threshold <= kcalloc.certain <= kcalloc.clear + result.step
    assert kvcalloc.direction is Direction.NEVER
    assert result.margins[0].at_least == 600 - kcalloc.certain
    assert (result.ended, result.exit_code, result.step) == ("finished", ExitCode.MET, 5)
    assert [point.value for point in result.points] == engine.counts
    assert (result.points[0].variants["kcalloc"].trials, result.blocks) == (3, 3)
    assert all((tmp_path / "s" / point.run).is_dir() for point in result.points)


def test_the_budget_ends_it(engine: Engine, tmp_path: Path) -> None:
    result = search(tmp_path / "s", points=4)
    assert len(engine.counts) == 4
    assert (result.ended, result.exit_code) == ("budget", ExitCode.VERDICT_MISSING)


def test_what_is_known_survives_an_interrupt(engine: Engine, tmp_path: Path) -> None:
    def interrupt(point: int) -> None:
        if point == 4:
            raise KeyboardInterrupt

    engine.before = interrupt
    result = search(tmp_path / "s")
    assert (result.ended, result.exit_code, len(result.points)) == ("interrupted", ExitCode.INTERRUPTED, 3)
    assert result.variants["kcalloc"].certain is not None


def test_what_is_known_survives_a_failure(engine: Engine, tmp_path: Path) -> None:
    def fail(point: int) -> None:
        if point == 3:
            raise HostError("the disk is full")

    engine.before = fail
    with pytest.raises(HostError):
        search(tmp_path / "s")
    result = RunDirectory(tmp_path / "s").load(tmp_path / "s" / SEARCH_FILE, SearchResult)
    assert (result.ended, len(result.points)) == ("failed", 2)


def test_both_ends_must_be_valid_before_anything_is_run(engine: Engine) -> None:
    with pytest.raises(InputError, match=r"device\.memory"):
        Search(SCENARIO, parse_varied("device.memory=1MiB..512MiB"), SearchOptions("x"))
    with pytest.raises(InputError, match="cuont"):
        Search(SCENARIO, parse_varied("trigger.cuont=1..5"), SearchOptions("x"))
    assert engine.counts == []


def test_the_report_has_every_value_and_the_margin(engine: Engine, tmp_path: Path) -> None:
    result = search(tmp_path / "s", points=5)
    console = Console(record=True, width=100, file=StringIO())
    print_search(result, console)
    text = console.export_text()
    assert all(point.text in text for point in result.points)
    assert result.margins[0].text in text
    assert "raise --points" in text
    assert engine.counts == [point.value for point in result.points]
