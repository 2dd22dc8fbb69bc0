# SPDX-License-Identifier: Apache-2.0
"""What a trial, and a run, comes to beside what was expected. Pure; no guest needed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from pydantic import Field

from orchestrator.clock import Clock
from orchestrator.errors import ExitCode
from orchestrator.frozen import Frozen
from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from orchestrator.scenario.models import Expectation
from orchestrator.stage import Stage
from orchestrator.verdict.expectations import (
    judged_when_traced,
    unmet,
    unmet_by_benchmarks,
    unmet_when_traced,
)


class Conclusion(StrEnum):
    """What a run says. No truth value decides anything: `met` is said only where something was judged."""

    MET = "met"
    """Something was expected, all evidence is there, and all of it is as expected."""
    NOT_MET = "not-met"
    """Something is not as expected; a hang or a kernel bug never is."""
    COMPARED_ONLY = "compared-only"
    """All evidence is there, and nothing was expected that it could meet."""
    MISSING = "missing"
    """The evidence is short."""

    @property
    def exit_code(self) -> ExitCode:
        """The command line's answer."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Conclusion.MET: ExitCode.MET,
    Conclusion.NOT_MET: ExitCode.NOT_MET,
    Conclusion.COMPARED_ONLY: ExitCode.MET,
    Conclusion.MISSING: ExitCode.VERDICT_MISSING,
}


class Judgement(StrEnum):
    """What one trial says."""

    MET = "met"
    NOT_MET = "not-met"
    NOT_JUDGED = "not-judged"
    NO_EVIDENCE = "no-evidence"


class JudgedTrial(Frozen):
    """One trial beside what was expected of it."""

    trial: int = Field(description="its place in the plan")
    clock: Clock = Field(description="what time passed in the guest")
    block: int = Field(description="its block")
    variant: str = Field(description="name of the variant")
    fork: int = Field(description="which of the variant's forks of this block, from 1")
    stage: Stage = Field(description="what the fork was for; those that begin with `audit-` are traced")
    outcome: Outcome = Field(description="how it ended")
    judgement: Judgement = Field(
        description="`met`, `not-met`, `not-judged` (nothing was expected that it could show), `no-evidence`"
    )
    why: tuple[str, ...] = Field((), description="why it is not met or not judged, a sentence each")


NOTHING_EXPECTED = "nothing is expected of this variant"
TRACED = "it was traced, and tracing disturbs what a trial comes to"
UNTRACED = "it was to be traced, and the device did not let the agent trace"


def judge_trial(expectation: Expectation | None, result: TrialResult) -> JudgedTrial:
    """One trial's last attempt beside what the scenario expects of its variant."""
    judgement, why = _judgement(expectation, result)
    return JudgedTrial(
        trial=result.trial,
        clock=result.clock,
        block=result.block,
        variant=result.variant,
        fork=result.fork,
        stage=result.stage,
        outcome=result.outcome,
        judgement=judgement,
        why=tuple(why),
    )


def _why_left_out(result: TrialResult) -> str:
    return TRACED if can_trace(result) else UNTRACED


def can_trace(result: TrialResult) -> bool:
    """False on a device that keeps its tracing to itself: there a trial of the audit traced nothing."""
    return result.device is None or "tracefs" not in result.device.lacks


def _judgement(expectation: Expectation | None, result: TrialResult) -> tuple[Judgement, Sequence[str]]:
    traced = result.stage.startswith("audit-")
    if not result.outcome.is_evidence:
        if traced:  # a verdict can do without
            return Judgement.NOT_JUDGED, [_why_left_out(result)]
        return Judgement.NO_EVIDENCE, [f"{result.outcome}: {result.why}"]
    if wrong := _wrong(expectation, result):
        return Judgement.NOT_MET, wrong
    if traced and not (result.stage == "audit-trigger" and judged_when_traced(expectation)):
        return Judgement.NOT_JUDGED, [_why_left_out(result)]
    if expectation is None:
        return Judgement.NOT_JUDGED, [NOTHING_EXPECTED]
    return Judgement.MET, []


def _wrong(expectation: Expectation | None, result: TrialResult) -> list[str]:
    if result.stage == "trigger":
        return unmet(expectation, result)
    if result.stage == "audit-trigger":
        return unmet_when_traced(expectation, result)
    return unmet_by_benchmarks(expectation, result)
