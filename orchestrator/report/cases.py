# SPDX-License-Identifier: Apache-2.0
"""A run as tests: one case for each trial, for the formats that test runners and CI systems read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.attempts import TrialKey, trial_key
from orchestrator.expectations import unmet, unmet_when_traced, untraced
from orchestrator.guests.qemu.machine import Clock
from orchestrator.oom.explain import explain
from orchestrator.outcome import Outcome
from orchestrator.plan import plan_blocks
from orchestrator.recipe import Mode
from orchestrator.report.rows import few
from orchestrator.report.source import RunReport
from orchestrator.result import Stage, TrialResult

_SHOWN_CONSOLE_BYTES = 4096


@dataclass(frozen=True)
class Case:
    """One test. At most one of `failures` (it is not as expected) and `error` (it says nothing) is set."""

    name: str
    result: TrialResult | None = None
    failures: tuple[str, ...] = ()
    error: str | None = None

    @property
    def passed(self) -> bool:
        """Neither a failure nor an error."""
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
    cases: tuple[Case, ...]

    @property
    def passed(self) -> bool:
        """All cases passed."""
        return all(case.passed for case in self.cases)


def suites_of(report: RunReport) -> list[Suite]:
    """All suites; their cases pass if and only if the verdict's expectations are met.

    Trials that were planned and never ran are errors: a run that was cut short has not passed.
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


def _planned(report: RunReport) -> Iterator[TrialKey]:
    for block in plan_blocks(report.manifest.scenario):
        for trial in block.trials:
            # A verdict can do without traced trials.
            if trial.mode is not Mode.PROOF and not trial.stage.startswith("audit-"):
                yield TrialKey(trial.mode, trial.clock, trial.block, trial.variant, trial.fork, trial.stage)


def _case(report: RunReport, key: TrialKey, result: TrialResult | None) -> Case:
    name = f"block {key.block}, fork {key.fork}" + ("" if key.stage == "trigger" else f", {key.stage}")
    if result is None:
        return Case(name, error="was not run")
    expectation = report.manifest.scenario.expectations.get(key.variant)
    if key.stage == "audit-trigger" and result.outcome.is_evidence:
        return Case(name, result, tuple(unmet_when_traced(expectation, result)))
    if not result.outcome.is_evidence and not key.stage.startswith("audit-"):
        return Case(name, result, error=f"{result.outcome}: {result.why}")
    if key.stage != "trigger":
        return Case(name, result)  # expectations are about the trigger
    return Case(name, result, tuple(unmet(expectation, result)))


def _whole(report: RunReport) -> Iterator[Case]:
    missing = report.verdict.missing
    yield Case("evidence is complete", error="; ".join(few(missing)) if missing else None)
    for each in report.verdict.passes:
        traced = {result.variant for result in report.results if _tells_of_requests(result, each.clock)}
        for name in each.variants:
            if unknown := untraced(report.manifest.scenario.expectations.get(name)):
                what = f"{name} was traced, {each.clock}"
                yield Case(what, failures=() if name in traced else tuple(unknown))
        for control in each.controls:
            name = f"{control.first} and its twin {control.second}, {each.clock}"
            failures = (control.difference or "not identical",) if control.identical is False else ()
            yield Case(name, failures=failures)


def _tells_of_requests(result: TrialResult, clock: Clock) -> bool:
    return result.stage == "audit-trigger" and result.clock == clock and result.outcome.is_evidence


def summary_of(result: TrialResult) -> str:
    """A trial in one line: outcome, what was served, who was killed."""
    parts = [f"{result.outcome}: {result.why}"]
    if result.mmaps is not None:
        parts.append(f"{result.mmaps.ok} of {result.mmaps.planned} mmaps served")
    if result.victims:
        parts.append(f"killed: {', '.join(victim.role for victim in result.victims)}")
    return "; ".join(parts)


def evidence_of(report: RunReport, case: Case) -> list[str]:
    """What proves a case that did not pass: sentences, the first OOM, the end of the console."""
    lines = [*case.failures] + ([case.error] if case.error is not None else [])
    result = case.result
    if result is None:
        return lines
    lines.append(summary_of(result))
    if result.first_oom is not None:
        lines += explain(result.first_oom, report.page_sizes.get(result.variant, 4096))
    lines += (f"kernel bug: {bug}" for bug in result.kernel_bugs)
    lines += (f"note: {note}" for note in result.notes)
    if result.output is not None and result.output.end:
        lines += [f"end of trials/{result.directory}/output.log:", *result.output.end.splitlines()]
    tail = report.console_tail(result, _SHOWN_CONSOLE_BYTES)
    if tail:
        lines += [f"end of trials/{result.directory}/console.log:", *tail.splitlines()]
    return lines
