# SPDX-License-Identifier: Apache-2.0
"""From the trials of one variant to blocks that met its expectations or did not. Pure.

A block counts once whatever number of forks it has, and blocks whose memory was in one and the same state
are one sample: what came of them once would come of them again. One trial that is not as expected is
enough for its block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.bisect.sequential import Blocks
from orchestrator.record.result import TrialResult
from orchestrator.scenario.models import Expectation
from orchestrator.verdict.expectations import unmet_by_all, untraced
from orchestrator.verdict.judgement import Judgement, judge_trial


@dataclass(frozen=True)
class Counted:
    """What all trials came to: blocks with evidence, those with none, and the first reason of each kind."""

    blocks: Blocks = field(default_factory=Blocks)
    silent: int = 0
    repeated: int = 0
    why_not_met: str = ""
    why_silent: str = ""


def count_blocks(expectation: Expectation, rounds: Sequence[Sequence[TrialResult]]) -> Counted:
    """`rounds` are the trials of runs of other seeds each, the last attempts only."""
    groups: dict[tuple[int, int], list[TrialResult]] = {}
    for number, results in enumerate(rounds):
        for result in results:
            groups.setdefault((number, result.block), []).append(result)
    states: dict[object, bool] = {}
    silent, repeated, why_not_met, why_silent = 0, 0, "", ""
    for key, results in groups.items():
        reasons, evidence = _judged(expectation, results)
        if not evidence:
            silent += 1
            why_silent = why_silent or next(iter(reasons), "")
            continue
        state = next((result.fingerprint for result in results if result.fingerprint), key)
        repeated += state in states
        states[state] = states.get(state, True) and not reasons
        why_not_met = why_not_met or next(iter(reasons), "")
    met = sum(states.values())
    return Counted(Blocks(met, len(states) - met), silent, repeated, why_not_met, why_silent)


def _judged(expectation: Expectation, results: Sequence[TrialResult]) -> tuple[list[str], bool]:
    """Why a block is not as expected (nothing: it is), and whether it says anything; else why it does not."""
    judged = [judge_trial(expectation, result) for result in results]
    wrong = [why for trial in judged if trial.judgement is Judgement.NOT_MET for why in trial.why]
    if wrong:
        return wrong, True
    silent = [why for trial in judged if trial.judgement is Judgement.NO_EVIDENCE for why in trial.why]
    if not any(each.stage == "audit-trigger" and each.outcome.is_evidence for each in results):
        silent += untraced(expectation)
    if silent or not any(trial.judgement is Judgement.MET for trial in judged):
        return silent, False
    return unmet_by_all(expectation, results), True
