# SPDX-License-Identifier: Apache-2.0
"""How often two variants ended in an outcome, block against block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from orchestrator.analysis.inference import LEVEL, clopper_pearson, fisher_p, mcnemar_p
from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, OutcomeComparison, Share
from orchestrator.analysis.rounding import rounded
from orchestrator.analysis.samples import outcome_shares
from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from orchestrator.text.amounts import count_of

_MAJORITY = 0.5
_PERCENT = 100


def compare_outcomes(
    names: tuple[str, str],
    baseline: Sequence[TrialResult],
    candidate: Sequence[TrialResult],
    *,
    paired: bool,
) -> OutcomeComparison | None:
    """The trigger's outcomes of both variants' evidence; None when there are none to compare."""
    outcome = _counted([*baseline, *candidate])
    ours, theirs = outcome_shares(baseline, outcome), outcome_shares(candidate, outcome)
    if paired:
        both = [block for block in ours if block in theirs]
        ours, theirs = {block: ours[block] for block in both}, {block: theirs[block] for block in both}
    if not ours or not theirs:
        return None
    had, has = _having(ours), _having(theirs)
    only_baseline, only_candidate = (len(had - has), len(has - had)) if paired else (0, 0)
    p = None
    if min(len(ours), len(theirs)) >= LEAST_BLOCKS_FOR_A_CLAIM:
        without = (len(ours) - len(had), len(theirs) - len(has))
        p = mcnemar_p(only_baseline, only_candidate) if paired else (
            fisher_p((len(had), without[0]), (len(has), without[1]))
        )  # fmt: skip
    shares = _share(len(had), len(ours)), _share(len(has), len(theirs))
    return OutcomeComparison(
        outcome=outcome,
        baseline=shares[0],
        candidate=shares[1],
        only_baseline=only_baseline,
        only_candidate=only_candidate,
        p=rounded(p),
        words=_words(outcome, names, shares, p),
    )


def _counted(trials: Sequence[TrialResult]) -> Outcome:
    """The failure that occurred most; `oom` when nothing failed."""
    failures = Counter(
        trial.outcome for trial in trials if trial.stage == "trigger" and trial.outcome is not Outcome.PASSED
    )
    return failures.most_common(1)[0][0] if failures else Outcome.OOM


def _having(shares: Mapping[str, float]) -> set[str]:
    return {block for block, share in shares.items() if share > _MAJORITY}


def _share(count: int, blocks: int) -> Share:
    interval = clopper_pearson(count, blocks)
    return Share(count=count, blocks=blocks, low=rounded(interval.low), high=rounded(interval.high))


def _words(outcome: str, names: tuple[str, str], shares: tuple[Share, Share], p: float | None) -> str:
    first, second = (share.count for share in shares)
    blocks, others = (share.blocks for share in shares)
    seen = (
        f"{outcome} in {first} of {count_of('block', blocks)} with {names[0]},"
        f" in {second} of {others} with {names[1]}"
    )
    if p is None:
        return f"{seen}; too few blocks for a claim"
    if p <= LEVEL:
        return f"{seen}: a difference beyond chance (p = {p:.2g})"
    if not any(share.count for share in shares):
        most = max(share.high for share in shares) * _PERCENT
        return f"{seen}; it may still happen in up to {most:.0f} % of blocks"
    return f"{seen}: no difference shown (p = {p:.2g})"
