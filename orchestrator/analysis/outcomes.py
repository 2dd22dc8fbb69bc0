# SPDX-License-Identifier: Apache-2.0
"""How often two variants ended in an outcome, block against block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.analysis.inference import LEVEL, clopper_pearson, fisher_p, mcnemar_p
from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, OutcomeComparison, Sample, Share
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
    sample: Sample = "block",
) -> OutcomeComparison | None:
    """The trigger's outcomes of both variants' evidence; None when there are none to compare."""
    outcome = _commonest_failure([*baseline, *candidate])
    ours, theirs = _blocks_of(baseline, outcome), _blocks_of(candidate, outcome)
    if paired:
        common = ours.every & theirs.every
        ours, theirs = ours.among(common), theirs.among(common)
    if not ours.every or not theirs.every:
        return None
    p = _p_value(ours, theirs, paired=paired)
    shares = ours.share, theirs.share
    return OutcomeComparison(
        outcome=outcome,
        baseline=shares[0],
        candidate=shares[1],
        only_baseline=len(ours.having - theirs.having) if paired else 0,
        only_candidate=len(theirs.having - ours.having) if paired else 0,
        p=rounded(p),
        sample=sample,
        words=_words(outcome, names, shares, p, sample),
    )


@dataclass(frozen=True)
class _Blocks:
    """A variant's blocks by name: every one, and those `having` the outcome in most of their trials."""

    every: frozenset[str]
    having: frozenset[str]

    def among(self, names: frozenset[str]) -> _Blocks:
        """Of these blocks alone."""
        return _Blocks(self.every & names, self.having & names)

    @property
    def counts(self) -> tuple[int, int]:
        """How many have the outcome, and how many have not."""
        return len(self.having), len(self.every - self.having)

    @property
    def share(self) -> Share:
        """Those having it among all, with its interval."""
        count, blocks = len(self.having), len(self.every)
        interval = clopper_pearson(count, blocks)
        return Share(count=count, blocks=blocks, low=rounded(interval.low), high=rounded(interval.high))


def _blocks_of(trials: Sequence[TrialResult], outcome: Outcome) -> _Blocks:
    shares = outcome_shares(trials, outcome)
    return _Blocks(
        frozenset(shares), frozenset(block for block, share in shares.items() if share > _MAJORITY)
    )


def _p_value(ours: _Blocks, theirs: _Blocks, *, paired: bool) -> float | None:
    """That chance alone makes such a difference; None where there are too few blocks to say."""
    if min(len(ours.every), len(theirs.every)) < LEAST_BLOCKS_FOR_A_CLAIM:
        return None
    if paired:
        return mcnemar_p(len(ours.having - theirs.having), len(theirs.having - ours.having))
    return fisher_p(ours.counts, theirs.counts)


def _commonest_failure(trials: Sequence[TrialResult]) -> Outcome:
    """The failure that occurred most; `oom` when nothing failed."""
    failures = Counter(
        trial.outcome for trial in trials if trial.stage == "trigger" and trial.outcome is not Outcome.PASSED
    )
    return failures.most_common(1)[0][0] if failures else Outcome.OOM


def _words(
    outcome: str, names: tuple[str, str], shares: tuple[Share, Share], p: float | None, sample: Sample
) -> str:
    first, second = (share.count for share in shares)
    blocks, others = (share.blocks for share in shares)
    seen = (
        f"{outcome} in {first} of {count_of(sample, blocks)} with {names[0]},"
        f" in {second} of {others} with {names[1]}"
    )
    if p is None:
        return f"{seen}; too few {sample}s for a claim"
    if p <= LEVEL:
        return f"{seen}: a difference beyond chance (p = {p:.2g})"
    if not any(share.count for share in shares):
        most = max(share.high for share in shares) * _PERCENT
        return f"{seen}; it may still happen in up to {most:.0f} % of {sample}s"
    return f"{seen}: no difference shown (p = {p:.2g})"
