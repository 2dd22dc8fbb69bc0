# SPDX-License-Identifier: Apache-2.0
"""Every trial in a line, with the sentence that decided it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from orchestrator.stage import Stage
from orchestrator.text.amounts import count_of, plural
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import Judgement, judge_trial

MOST_TRIALS = 2_000
MOST_OUTPUTS = 20
_JUDGED = {
    Judgement.MET: "met",
    Judgement.NOT_MET: "NOT met",
    Judgement.NOT_JUDGED: "not judged",
    Judgement.NO_EVIDENCE: "no evidence",
}


@dataclass(frozen=True)
class TrialTable:
    """Rows, and how many more there are."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left_out: int


def trial_table(report: JudgedRun) -> TrialTable:
    """The trials of a run in the order of the plan."""
    shown = report.results[:MOST_TRIALS]
    noun = report.manifest.scenario.trigger.request
    return TrialTable(
        header=("trial", _place(report), "variant", "outcome", "judged", plural(noun or "request"), "why"),
        rows=[_row(report, result) for result in shown],
        left_out=len(report.results) - len(shown),
    )


def _place(report: JudgedRun) -> str:
    """What the trials of a run belong to."""
    return "block" if report.manifest.scenario.trials.fork else "round (cold)"


def stage_words(stage: Stage) -> str:
    """What a trial was for."""
    kind = stage.removeprefix("audit-")
    words = {"trigger": "trigger", "relaxed": "benchmarks, relaxed", "target": "benchmarks at the target"}[
        kind
    ]
    return f"{words}, traced" if stage.startswith("audit-") else words


def kernel_bugs(report: JudgedRun) -> Iterator[str]:
    """A sentence for each variant with bugs of the kernel that are no records: runs of older versions."""
    for name in report.manifest.scenario.variants:
        trials = [result for result in report.results if result.variant == name]
        found = [result.kernel_bugs[0] for result in trials if result.kernel_bugs and not result.crashes]
        if found:
            share = f"{len(found)} of {count_of('trial', len(trials))}"
            yield f"{name}: the kernel reported a bug of its own in {share}: {found[0]}"


@dataclass(frozen=True)
class OutputView:
    """What the command of one trial wrote."""

    title: str
    amount: str
    end: str
    failed: bool


def command_outputs(report: JudgedRun) -> Iterator[OutputView]:
    """The output of the first commands, failed ones first."""
    trials = [result for result in report.results if result.output is not None]
    for result in sorted(trials, key=lambda result: result.outcome is not Outcome.COMMAND_FAILED)[
        :MOST_OUTPUTS
    ]:
        output = result.output
        if output is not None:
            left_out = f", {output.left_out} of them not kept" if output.left_out else ""
            yield OutputView(
                title=f"Trial {result.trial}, {result.variant}: {result.why}",
                amount=f"{count_of('byte', output.bytes)} in trials/{result.directory}/output.log{left_out};"
                " its end:",
                end=output.end,
                failed=result.outcome is Outcome.COMMAND_FAILED,
            )


def _row(report: JudgedRun, result: TrialResult) -> tuple[str, ...]:
    clock = f" ({result.clock})" if len(report.verdict.passes) > 1 else ""
    judged = judge_trial(report.manifest.scenario.expectations.get(result.variant), result)
    succeeded = f"{result.requests.succeeded} of {result.requests.planned}" if result.requests else "-"
    why = [result.why, *result.notes, *result.kernel_bugs]
    stage = "" if result.stage == "trigger" else f", {stage_words(result.stage)}"
    return (
        str(result.trial),
        f"{result.block}{clock}",
        f"{result.variant}{stage}",
        str(result.outcome),
        _JUDGED[judged.judgement],
        succeeded,
        "; ".join(why),
    )
