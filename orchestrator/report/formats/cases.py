# SPDX-License-Identifier: Apache-2.0
"""A run as tests: one case for each trial, for the formats that test runners and CI systems read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.clock import Clock
from orchestrator.oom.explain import explain
from orchestrator.outcome import Outcome
from orchestrator.plan import plan_blocks
from orchestrator.record.result import TrialResult
from orchestrator.report.rows import few, headline
from orchestrator.stage import Mode, Stage
from orchestrator.verdict.attempts import TrialKey, trial_key
from orchestrator.verdict.expectations import unmet_by_all, untraced
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import Conclusion, Judgement, judge_trial

_SHOWN_CONSOLE_BYTES = 4096


@dataclass(frozen=True)
class ReportCase:
    """One test. At most one of the last three is set.

    `failures` say what is not as expected, `error` why it is no evidence, `skipped` why it is not judged.
    """

    name: str
    result: TrialResult | None = None
    failures: tuple[str, ...] = ()
    error: str | None = None
    skipped: str | None = None

    @property
    def passed(self) -> bool:
        """Neither a failure nor an error; it may have been skipped."""
        return not self.failures and self.error is None

    @property
    def timed_out(self) -> bool:
        """A failure that is a hang."""
        return bool(self.failures) and self.result is not None and self.result.outcome is Outcome.HANG


@dataclass(frozen=True)
class Suite:
    """The cases of one variant under one clock; the last suite is of the run as a whole."""

    name: str
    variant: str | None
    cases: tuple[ReportCase, ...]

    @property
    def passed(self) -> bool:
        """No case is a failure or an error."""
        return all(case.passed for case in self.cases)

    @property
    def skipped(self) -> str | None:
        """Why no case at all was judged; that of the first says it for all."""
        whys = [case.skipped for case in self.cases]
        return whys[0] if whys and None not in whys else None


def suites_of(report: JudgedRun) -> list[Suite]:
    """All suites; a case fails or is an error if and only if the verdict is "not met" or missing.

    Trials that were planned and never ran are errors: a run that was cut short has not passed. What is
    not judged, because it was traced or nothing was expected of it, is skipped.
    """
    scenario = report.manifest.scenario
    clocks = scenario.trials.clock
    results = {trial_key(result): result for result in report.results}
    keys = sorted({*_planned(report), *results}, key=lambda key: (key.block, key.fork, _STAGES[key.stage]))
    suites = []
    for clock in clocks:
        for variant in scenario.variants:
            own = [key for key in keys if (key.clock, key.variant) == (clock, variant)]
            name = f"{scenario.name}.{variant}" + (f".{clock}" if len(clocks) > 1 else "")
            suites.append(Suite(name, variant, tuple(_case(report, key, results.get(key)) for key in own)))
    return [*suites, Suite(f"{scenario.name}.run", None, tuple(_whole(report)))]


_STAGES: dict[Stage, int] = {
    "relaxed": 0, "target": 1, "trigger": 2, "audit-relaxed": 3, "audit-target": 4, "audit-trigger": 5,
}  # fmt: skip


def _planned(report: JudgedRun) -> Iterator[TrialKey]:
    for block in plan_blocks(report.manifest.scenario):
        for trial in block.trials:
            # A verdict can do without traced trials.
            if trial.mode is not Mode.PROOF and not trial.stage.startswith("audit-"):
                yield TrialKey(trial.mode, trial.clock, trial.block, trial.variant, trial.fork, trial.stage)


def _case(report: JudgedRun, key: TrialKey, result: TrialResult | None) -> ReportCase:
    cold = not report.manifest.scenario.trials.fork
    name = f"round {key.block}, cold" if cold else f"block {key.block}, fork {key.fork}"
    name += "" if key.stage == "trigger" else f", {key.stage}"
    if result is None:
        return ReportCase(name, error="was not run")
    judged = judge_trial(report.manifest.scenario.expectations.get(key.variant), result)
    match judged.judgement:
        case Judgement.NOT_MET:
            return ReportCase(name, result, failures=judged.why)
        case Judgement.NO_EVIDENCE:
            return ReportCase(name, result, error="; ".join(judged.why))
        case Judgement.NOT_JUDGED:
            return ReportCase(name, result, skipped=f"not judged: {'; '.join(judged.why)}")
        case Judgement.MET:
            return ReportCase(name, result)


def _whole(report: JudgedRun) -> Iterator[ReportCase]:
    verdict = report.verdict
    yield ReportCase(
        "evidence is complete",
        error="; ".join(few([*verdict.advice, *verdict.missing])) if verdict.missing else None,
    )
    if verdict.conclusion is Conclusion.COMPARED_ONLY:
        yield ReportCase("verdict", skipped=headline(verdict).removeprefix("Verdict: "))
    for each in verdict.passes:
        yield from _variants(report, each.clock)
        for control in each.controls:
            name = f"{control.first} and its twin {control.second}, {each.clock}"
            failures = (control.difference or "not identical",) if control.identical is False else ()
            yield ReportCase(name, failures=failures)


def _variants(report: JudgedRun, clock: Clock) -> Iterator[ReportCase]:
    """What all trials of a variant together are to show."""
    for name, expectation in report.manifest.scenario.expectations.items():
        own = [result for result in report.results if (result.variant, result.clock) == (name, clock)]
        if unknown := untraced(expectation):
            traced = any(result.stage == "audit-trigger" and result.outcome.is_evidence for result in own)
            yield ReportCase(f"{name} was traced, {clock}", failures=() if traced else tuple(unknown))
        if expectation.kernel_bug:
            yield ReportCase(
                f"{name} has a kernel bug, {clock}", failures=tuple(unmet_by_all(expectation, own))
            )


def summary_of(result: TrialResult) -> str:
    """A trial in one line: outcome, what succeeded, who was killed."""
    parts = [f"{result.outcome}: {result.why}"]
    if result.requests is not None:
        requests = result.requests
        parts.append(f"{requests.succeeded} of {requests.count(requests.planned)} succeeded")
    if result.victims:
        parts.append(f"killed: {', '.join(victim.role for victim in result.victims)}")
    return "; ".join(parts)


def evidence_of(report: JudgedRun, case: ReportCase) -> list[str]:
    """What proves a case that did not pass: sentences, the first OOM, the end of the console."""
    lines = [*case.failures] + ([case.error] if case.error is not None else [])
    result = case.result
    if result is None:
        return lines
    lines.append(summary_of(result))
    if result.first_oom is not None:
        lines += explain(result.first_oom, report.page_sizes[result.variant])
    lines += (f"kernel bug: {bug}" for bug in result.kernel_bugs)
    lines += (f"note: {note}" for note in result.notes)
    if result.output is not None and result.output.end:
        lines += [f"end of trials/{result.directory}/output.log:", *result.output.end.splitlines()]
    tail = report.console_tail(result, _SHOWN_CONSOLE_BYTES)
    if tail:
        lines += [f"end of trials/{result.directory}/console.log:", *tail.splitlines()]
    return lines
