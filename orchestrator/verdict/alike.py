# SPDX-License-Identifier: Apache-2.0
"""Whether a patch changed anything that a run shows. Pure; no guest needed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from orchestrator.analysis.findings import Finding, finding
from orchestrator.analysis.records import Comparison
from orchestrator.record.result import RequestSummary, TrialResult
from orchestrator.scenario.device import Variant
from orchestrator.scenario.models import Scenario

_SAME_COUNT = 0.25
"""Numbers of requests within this share are alike: how far a dying trigger comes is partly chance."""
_SAME_TIME = 0.01
"""Counted instructions within this share are alike: a line number more in a warning costs some, too."""

_End = tuple[object, ...]


def without_effect(
    scenario: Scenario, trials: Sequence[TrialResult], comparisons: Sequence[Comparison]
) -> Iterator[str]:
    """A sentence for each patch that changed nothing: what was patched ended as what was not.

    `trials` are the last attempts, `comparisons` those of all clocks.
    """
    variants = {name: each for name, each in scenario.variants.items() if each.twin_of is None}
    for patched, variant in variants.items():
        plain = next((name for name, other in variants.items() if _is_below(other, variant)), None)
        if plain is None or not _alike(scenario, trials, plain, patched):
            continue
        if any(_differ(each, {plain, patched}) for each in comparisons):
            continue
        figures = "; ".join(f"{name}: {_ends(trials, name)}" for name in (plain, patched))
        if len(variants) == 2:
            yield f"the patch changes nothing here: both variants ended alike ({figures})"
        else:
            yield f"{patched} changes nothing here: it ended like {plain} ({figures})"


def _is_below(plain: Variant, patched: Variant) -> bool:
    """The one is the other without a patch or two, and with the same settings."""
    told = [(each.settings, each.command_line) for each in (plain, patched)]
    return plain.base == patched.base and told[0] == told[1] and set(plain.patches) < set(patched.patches)


def _alike(scenario: Scenario, trials: Sequence[TrialResult], plain: str, patched: str) -> bool:
    for clock in scenario.trials.clock:
        ours, theirs = (
            [trial for trial in trials if trial.clock == clock and trial.variant == name]
            for name in (plain, patched)
        )
        if not _ended(ours) or _ended(ours) != _ended(theirs) or not _asked_alike(ours, theirs):
            return False
        if not all(map(_near, _counts(ours), _counts(theirs))):
            return False
    return True


def _ended(trials: Sequence[TrialResult]) -> Mapping[_End, int]:
    """How often the trigger ended how; empty without evidence."""
    return Counter(
        (
            trial.outcome,
            trial.panicked,
            bool(trial.kernel_bugs),
            trial.first_oom and (trial.first_oom.order, trial.first_oom.stack_first_caller),
            frozenset(victim.role for victim in trial.victims),
        )
        for trial in trials
        if trial.stage == "trigger" and trial.outcome.is_evidence
    )


def _asked_alike(ours: Sequence[TrialResult], theirs: Sequence[TrialResult]) -> bool:
    """The same gfp flags, as far as both were traced, and the kernel's own complaints in as many forks."""
    flags = [
        {flag for trial in trials if trial.page_arrays is not None for flag in trial.page_arrays.gfp_flags}
        for trials in (ours, theirs)
    ]
    bugs = [sum(bool(trial.kernel_bugs) for trial in trials) for trials in (ours, theirs)]
    return (not all(flags) or flags[0] == flags[1]) and bugs[0] == bugs[1]


def _requests(trials: Sequence[TrialResult]) -> list[RequestSummary]:
    return [trial.requests for trial in trials if trial.stage == "trigger" and trial.requests is not None]


def _counts(trials: Sequence[TrialResult]) -> tuple[int, int]:
    """How many succeeded and how many failed, all the trigger's trials together."""
    found = _requests(trials)
    return sum(each.succeeded for each in found), sum(each.failed for each in found)


def _near(one: int, other: int) -> bool:
    return math.isclose(one, other, rel_tol=_SAME_COUNT)


def _differ(comparison: Comparison, names: set[str]) -> bool:
    """Whether their times were shown to differ."""
    if {comparison.baseline, comparison.candidate} != names:
        return False
    return any(
        finding(timing) is Finding.DIFFERENT
        or (finding(timing) is Finding.EXACT and abs(timing.ratio - 1) > _SAME_TIME)
        for timing in comparison.timings
    )


def _ends(trials: Sequence[TrialResult], name: str) -> str:
    own = [trial for trial in trials if trial.variant == name and trial.stage == "trigger"]
    outcomes = Counter(str(trial.outcome) for trial in own)
    words = ", ".join(f"{count} x {outcome}" for outcome, count in outcomes.items())
    counts = zip(_counts(own), ("succeeded", "failed"), strict=True)
    mmaps = ", ".join(f"{_requests(own)[0].count(count)} {what}" for count, what in counts if count)
    return f"{words}, {mmaps}" if mmaps else words
