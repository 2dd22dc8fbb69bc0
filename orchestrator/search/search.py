# SPDX-License-Identifier: Apache-2.0
"""A whole search: one run of the engine for every value that the planner asks for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator import __version__
from orchestrator.errors import InputError
from orchestrator.host.capacity import ALL_OF_IT, Share
from orchestrator.outcome import Outcome
from orchestrator.record.directory import RunDirectory, create_run_directory, require_unused
from orchestrator.run.asked import load_runnable
from orchestrator.run.engine import Prepared, RunOptions, prepare_run, run_scenario
from orchestrator.run.environment import capacity_for, variant_recipes
from orchestrator.run.observer import Observer
from orchestrator.scenario.loading.document import read_document
from orchestrator.scenario.loading.files import find_scenario, read_scenario_text
from orchestrator.scenario.loading.loader import LoadedScenario
from orchestrator.search.bisection import Points, next_value, tipping
from orchestrator.search.result import SEARCH_FILE, Ended, Point, SearchResult, Tried
from orchestrator.search.varied import Varied, with_first_entries
from orchestrator.search.wording import describe, margin
from orchestrator.text.plain import named
from orchestrator.verdict.variant import VariantVerdict
from orchestrator.verdict.verdict import Verdict

_STEPS = 100
"""Without a step of the user's an interval is not searched for closer than a hundredth of the range."""


@dataclass(frozen=True)
class SearchOptions:
    """What is asked for beside scenario and range."""

    command: str
    out: Path | None = None
    overrides: Sequence[str] = ()
    patches: Sequence[Path] = ()
    share: Share = ALL_OF_IT
    blocks: int = 3
    points: int = 16
    step: int | None = None
    force: bool = False
    """As `RunOptions.force`: asked once, of the first value's run."""
    artefacts_from: Path | None = None
    """As `RunOptions.artefacts_from`, for every value."""


class Search:
    """The values of one scenario, tried one after the other."""

    def __init__(self, scenario: Path, varied: Varied, options: SearchOptions) -> None:
        """Raises ScenarioInvalid when the scenario is not valid at either end of the range."""
        self._source = find_scenario(scenario)
        document = read_document(read_scenario_text(self._source), str(self._source))
        self.options = options
        data = document.data if isinstance(document.data, dict) else {}
        self._varied = replace(varied, field=with_first_entries(varied.field, data))
        self._step = options.step or max(1, (varied.high - varied.low) // _STEPS)
        self._ends = [self._loaded(value) for value in (varied.low, varied.high)]
        section, _, key = self._varied.field.partition(".")
        if section == "trigger":
            self._varied = replace(self._varied, noun=self._ends[0].scenario.trigger.noun_of(key))
        self._points: list[Point] = []

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants."""
        return tuple(self._ends[0].scenario.variants)

    def prepare(self, observer: Observer) -> Prepared:
        """The kernels, for a search that is made elsewhere. InputError where values differ in them."""
        low, high = (variant_recipes(end.scenario) for end in self._ends)
        if low != high:
            raise InputError(
                f"each value of {self._varied.field} has kernels of its own, and those are made here",
                hint="search without --host",
            )
        options = RunOptions(
            command=self.options.command,
            out=self.options.out,
            overrides=self.options.overrides,
            artefacts_from=self.options.artefacts_from,
            force=self.options.force,
        )
        return prepare_run(self._ends[0], observer, options)

    def run(self, observer: Observer) -> tuple[Path, SearchResult]:
        """Try values until all is known, the budget is spent, or the user has had enough.

        What is known is in `search.json` after every value. Ctrl-C ends the search, not with an
        exception but with what there is; OomlabError of a run is raised, after the file is written.
        """
        require_unused(self.options.out)
        for loaded in self._ends:
            capacity_for(loaded.scenario, self.options.share)
        directory = create_run_directory(self.options.out, f"search-{self._ends[0].scenario.name}")
        ended: Ended = "failed"
        try:
            ended = self._try_values(directory, observer)
        except KeyboardInterrupt:
            ended = "interrupted"
        finally:
            result = self._result(ended)
            directory.save(directory.path / SEARCH_FILE, result)
        return directory.path, result

    def _try_values(self, directory: RunDirectory, observer: Observer) -> Ended:
        while (value := self._next()) is not None:
            if len(self._points) == self.options.points:
                return "budget"
            self._try(value, directory, observer)
        return "finished"

    def _next(self) -> int | None:
        return next_value(self._varied.low, self._varied.high, self._step, map(self._seen, self.variants))

    def _seen(self, variant: str) -> Points:
        return {point.value: point.variants[variant].seen for point in self._points}

    def _try(self, value: int, directory: RunDirectory, observer: Observer) -> None:
        number, text = len(self._points) + 1, self._varied.text(value)
        out = directory.path / "points" / f"{number:04d}"
        observer.progress(f"point {number}: {self._varied.field}={text}")
        started = time.monotonic()
        loaded = self._loaded(value)
        options = RunOptions(
            command=self.options.command,
            out=out,
            overrides=self._overrides(value),
            share=self.options.share,
            force=self.options.force or number > 1,
            artefacts_from=self.options.artefacts_from,
        )
        verdict = run_scenario(loaded, observer, options).verdict
        point = _point(value, text, out.relative_to(directory.path), time.monotonic() - started, verdict)
        self._points.append(point)
        directory.save(directory.path / SEARCH_FILE, self._result("running"))
        observer.progress(f"point {number}: {self._varied.field}={text}: {point_line(point)}")

    def _overrides(self, value: int) -> list[str]:
        own = [f"trials.blocks={self.options.blocks}", "trials.timing=false"]
        return [*own, *self.options.overrides, self._varied.override(value)]

    def _loaded(self, value: int) -> LoadedScenario:
        """The scenario at one value, one clock, with nothing expected of it."""
        loaded = load_runnable(self._source, self._overrides(value), self.options.patches)
        trials = loaded.scenario.trials
        first_clock = trials.model_copy(update={"clock": trials.clock[:1]})
        plain = loaded.scenario.model_copy(update={"expectations": {}, "trials": first_clock, "audit": False})
        return replace(loaded, scenario=plain, taken={})

    def _result(self, ended: Ended) -> SearchResult:
        varied = self._varied
        found = {name: tipping(self._seen(name)) for name in self.variants}
        first, *others = found.items()
        return SearchResult(
            oomlab_version=__version__,
            command=self.options.command,
            scenario=self._ends[0].scenario.name,
            scenario_file=named(str(self._source)),
            overrides=tuple(self.options.overrides),
            field=varied.field,
            low=varied.low,
            high=varied.high,
            unit_bytes=varied.unit_bytes,
            noun=varied.noun,
            step=self._step,
            blocks=self._ends[0].scenario.trials.blocks,
            cold=not self._ends[0].scenario.trials.fork,
            points=tuple(self._points),
            variants={name: describe(each, varied) for name, each in found.items()},
            margins=tuple(margin(first, other, varied) for other in others),
            ended=ended,
        )


def _point(value: int, text: str, run: Path, host_seconds: float, verdict: Verdict) -> Point:
    return Point(
        value=value,
        text=text,
        run=str(run),
        host_seconds=round(host_seconds, 1),
        distinct_states=verdict.passes[0].distinct_states,
        variants={name: _tried(variant) for name, variant in verdict.variants.items()},
    )


def _tried(variant: VariantVerdict) -> Tried:
    evidence = sum(count for outcome, count in variant.outcomes.items() if outcome.is_evidence)
    return Tried(trials=evidence, ooms=variant.outcomes.get(Outcome.OOM, 0), outcomes=variant.outcomes)


def point_line(point: Point) -> str:
    """A value's trials in short."""
    return ", ".join(
        f"{name} {tried.ooms} of {tried.trials} OOM" if tried.trials else f"{name} no evidence"
        for name, tried in point.variants.items()
    )
