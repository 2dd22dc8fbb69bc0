# SPDX-License-Identifier: Apache-2.0
"""One step: what is checked out is built and run, in rounds of blocks, until the answer can be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.bisect.answer import Answer
from orchestrator.bisect.blocks import Counted, count_blocks
from orchestrator.bisect.commit import head_of, top_of
from orchestrator.bisect.place import append_line, new_step, place_for
from orchestrator.bisect.result import StepResult
from orchestrator.bisect.sequential import Blocks, Trust
from orchestrator.bisect.wording import result_line
from orchestrator.errors import BuildBroken, DeadlinePassed, InputError
from orchestrator.host.capacity import ALL_OF_IT, Share
from orchestrator.record.result import TrialResult
from orchestrator.run.asked import load_runnable
from orchestrator.run.engine import RunOptions, run_scenario
from orchestrator.run.observer import Observer
from orchestrator.scenario.expectation import Expectation
from orchestrator.scenario.loading.loader import LoadedScenario
from orchestrator.scenario.loading.trees import Tree, TreeAlone
from orchestrator.text.amounts import count_of
from orchestrator.verdict.expectations import untraced
from orchestrator.verdict.judged_run import JudgedRun


@dataclass(frozen=True)
class StepOptions:
    """What is asked for beside the scenario."""

    command: str
    tree: Path
    variant: str | None = None
    out: Path | None = None
    overrides: Sequence[str] = ()
    trust: Trust = field(default_factory=Trust)
    most_blocks: int = 24
    share: Share = ALL_OF_IT


class Step:
    """One revision of one tree under one scenario."""

    def __init__(self, scenario: Path, options: StepOptions) -> None:
        """Raises InputError for whatever is wrong at every revision: the scenario, the tree, the options."""
        if options.most_blocks < options.trust.fewest:
            raise InputError(
                f"--blocks {options.most_blocks}: no answer can be trusted so far before"
                f" {count_of('block', options.trust.fewest)}",
                hint="ask for more blocks, or for less trust (--error)",
            )
        self._options = options
        tree = options.tree.resolve()
        self._commit = head_of(tree)
        self._place = place_for(top_of(tree), options.out)
        alone = TreeAlone(Tree(str(tree), None, f"--tree {options.tree}"), options.variant)
        self._loaded = _reduced(load_runnable(scenario, options.overrides, trees=alone))
        if not self._loaded.scenario.expectations:
            raise InputError(
                f"the scenario expects nothing of variant '{self.variant}', so no revision is good or bad",
                hint=f"say what a good kernel does: --set expectations.{self.variant}.outcome=passed,"
                " or choose another with --variant",
            )

    @property
    def variant(self) -> str:
        """The variant that the tree stands for."""
        return next(iter(self._loaded.scenario.variants))

    @property
    def expectation(self) -> Expectation:
        """What a good revision meets."""
        return self._loaded.scenario.expectations[self.variant]

    def run(self, observer: Observer) -> StepResult:
        """The answer. OomlabError where it is none that a further revision would not get, too."""
        directory = new_step(self._place, self._commit.short)
        try:
            result = self._rounds(directory, observer)
        except (BuildBroken, DeadlinePassed) as error:
            for line in (*error.evidence, *([error.hint] if error.hint else [])):
                observer.progress(line)
            result = StepResult(self._commit, Answer.SKIP, error.message, directory)
        append_line(self._place, result_line(result))
        return result

    def _rounds(self, directory: Path, observer: Observer) -> StepResult:
        trust, rounds = self._options.trust, list[Sequence[TrialResult]]()
        made, counted, answer = 0, Counted(), None
        while answer is None and (more := self._more(made, counted.blocks)):
            judged = self._run(directory / f"round-{len(rounds) + 1}", more, len(rounds), observer)
            made += more
            rounds.append(judged.results)
            before, counted = counted, count_blocks(self.expectation, rounds)
            answer = trust.answer(counted.blocks)
            if answer is None and counted.blocks == before.blocks:
                break  # a round that told nothing new is followed by others like it
            if judged.verdict.missing and not counted.silent:
                return StepResult(self._commit, Answer.SKIP, judged.verdict.missing[0], directory, counted)
        outcomes = Counter(
            result.outcome for results in rounds for result in results if result.stage == "trigger"
        )
        why = "".join(_reasons(answer, counted, self._options))
        return StepResult(
            self._commit, answer or Answer.SKIP, why, directory, counted, tuple(outcomes.most_common())
        )

    def _more(self, made: int, blocks: Blocks) -> int:
        """How many blocks the next round makes: as few as may decide; 0 where so many are not allowed."""
        fewest = self._options.trust.fewest_more(blocks)
        return fewest if made + fewest <= self._options.most_blocks else 0

    def _run(self, out: Path, blocks: int, number: int, observer: Observer) -> JudgedRun:
        scenario = self._loaded.scenario
        seed = (scenario.trials.seed + number) % 2**64
        trials = scenario.trials.model_copy(update={"blocks": blocks, "seed": seed})
        loaded = replace(self._loaded, scenario=scenario.model_copy(update={"trials": trials}))
        options = RunOptions(
            command=self._options.command,
            out=out,
            overrides=self._options.overrides,
            share=self._options.share,
        )
        return run_scenario(loaded, observer, options)


def _reduced(loaded: LoadedScenario) -> LoadedScenario:
    """One clock, one fork, guests side by side; traces only where an expectation is shown by them."""
    scenario = loaded.scenario
    trials = scenario.trials.model_copy(
        update={"clock": scenario.trials.clock[:1], "forks": 1, "timing": False}
    )
    audit = any(untraced(expectation) for expectation in scenario.expectations.values())
    plain = scenario.model_copy(update={"trials": trials, "benchmarks": (), "audit": audit})
    return replace(loaded, scenario=plain)


def _reasons(answer: Answer | None, counted: Counted, options: StepOptions) -> Iterator[str]:
    if answer is Answer.BAD:
        yield counted.why_not_met
    elif answer is None and not counted.blocks.count:
        yield f"no block said anything: {counted.why_silent}"
    elif answer is None:
        most = count_of("block", options.most_blocks)
        yield f"no answer with an error of {options.trust.error:g} within {most}"
        if counted.silent:
            yield f"; {counted.silent} of them said nothing: {counted.why_silent}"
        if counted.repeated:
            yield f"; {counted.repeated} of them repeated a memory state, which counts once"
