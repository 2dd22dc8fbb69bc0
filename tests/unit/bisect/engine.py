# SPDX-License-Identifier: Apache-2.0
"""Stands in for runs of one variant: each block ends as it is told, round after round."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.outcome import Outcome
from orchestrator.record.directory import create_run_directory
from orchestrator.record.result import TrialResult
from orchestrator.run.engine import RunOptions
from orchestrator.run.observer import Observer
from orchestrator.scenario.kernel_base import SourceBase
from orchestrator.scenario.loading.loader import LoadedScenario
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.verdict import Verdict
from tests.unit.evidence.guest_output import judged, passed
from tests.unit.search.test_search import _verdict


class Engine:
    """`outcomes` are those of all blocks in order; an exception among them is raised in its place."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome | Exception] = []
        self.seeds: list[int] = []
        self.rounds: list[int] = []
        self.missing: tuple[str, ...] = ()
        self.tree: Path | None = None
        self.variant = ""

    def run(self, loaded: LoadedScenario, _: Observer, options: RunOptions) -> JudgedRun:
        scenario = loaded.scenario
        ((self.variant, variant),) = scenario.variants.items()
        assert isinstance(variant.base, SourceBase)
        assert variant.base.revision is None
        assert (variant.scope, variant.patches) == (None, ())
        self.tree = Path(variant.base.source)
        assert len(scenario.trials.clock) == 1
        assert (scenario.trials.forks, scenario.trials.timing, scenario.benchmarks) == (1, False, ())
        assert not scenario.audit
        self.seeds.append(scenario.trials.seed)
        self.rounds.append(scenario.trials.blocks)
        results = [self._trial(block + 1) for block in range(scenario.trials.blocks)]
        assert options.out is not None
        run = create_run_directory(options.out, scenario.name)
        manifest: Any = None  # no step looks at it
        return JudgedRun(run, manifest, self._verdict(results), results=tuple(results))

    def _trial(self, block: int) -> TrialResult:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        update = {
            "outcome": outcome,
            "why": f"it ended as {outcome}",
            "fingerprint": f"{self.seeds[-1]} {block}",
            "variant": self.variant,
        }
        return judged(passed(), block=block).model_copy(update=update)

    def _verdict(self, results: Sequence[TrialResult]) -> Verdict:
        verdict = _verdict({self.variant: results[0].outcome}, len(results))
        return verdict.model_copy(update={"missing": self.missing})
