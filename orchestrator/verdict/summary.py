# SPDX-License-Identifier: Apache-2.0
"""A run in two lines that stand at the head of every report: the verdict, and one sentence of what was seen.

The sentence is for a manager and a maintainer alike. Each figure in it is counted in the verdict's own
records, and nothing is called the same without an interval that says so. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analysis.controls import ControlGroup
from orchestrator.analysis.inference import LEVEL
from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, Comparison
from orchestrator.outcome import Outcome
from orchestrator.text.amounts import count_of, plural
from orchestrator.verdict.judgement import Conclusion, Judgement
from orchestrator.verdict.records import Summary, Verdict
from orchestrator.verdict.summary_of_costs import cost_clauses
from orchestrator.verdict.summary_of_times import time_clauses

_SEEN = {
    Outcome.OOM: "the OOM killer was invoked",
    Outcome.PANIC: "the kernel panicked",
    Outcome.ALLOCATION_FAILURE: "the kernel reported a page allocation failure",
    Outcome.HANG: "the guest hung",
    Outcome.COMMAND_FAILED: "the trigger's command failed",
    Outcome.REQUEST_FAILED: "a request failed with another error than ENOMEM",
}
"""What a trial's outcome was, as a clause; crashes are counted by what the kernel reported."""
_NAMED = 4
"""So many variants are named one by one."""
_MOST_TIMES = 4
"""So many clauses on times have a place: transactions and mmaps, under two clocks."""


def summarise(verdict: Verdict) -> Summary:
    """The two lines of a run's verdict, whatever it came to."""
    clauses = list(_clauses(verdict)) or ["no trial gave evidence"]
    text = "; ".join(clauses)
    return Summary(headline=_headline(verdict), sentence=f"{text[:1].upper()}{text[1:]}.")


def _headline(verdict: Verdict) -> str:
    match verdict.conclusion:
        case Conclusion.MISSING:
            return "verdict missing: the evidence is short"
        case Conclusion.COMPARED_ONLY if verdict.expected:
            return "compared only: nothing was expected to fail, and nothing did"
        case Conclusion.COMPARED_ONLY:
            return "compared only: nothing was expected"
        case Conclusion.NOT_MET if verdict.expected:
            return "expectations NOT met"
        case Conclusion.NOT_MET:
            return "NOT met, although nothing was expected"
        case Conclusion.MET:
            others = verdict.only_compared
            return "expectations met" + (f"; nothing was expected of {listed(others)}" if others else "")


def _clauses(verdict: Verdict) -> Iterator[str]:
    tallies = [_tally(verdict, name) for name in verdict.variants]
    evident = [each for each in tallies if each.evident]
    yield from _crashes(verdict)
    yield from _outcomes(verdict, evident)
    yield from _failed_requests(evident)
    yield from _without_evidence(verdict, tallies)
    yield from _controls([control for each in verdict.passes for control in each.controls])
    yield from cost_clauses(verdict)
    yield from _times(verdict)
    yield from _too_few(verdict)


def _times(verdict: Verdict) -> Iterator[str]:
    clauses = [
        clause
        for each in verdict.passes
        for comparison in each.comparisons
        for clause in time_clauses(comparison, named=len(each.comparisons) > 1)
    ]
    yield from clauses[:_MOST_TIMES]
    if more := max(0, len(clauses) - _MOST_TIMES):
        yield f"the full report has {count_of('more comparison', more)} of times"


@dataclass(frozen=True)
class _Tally:
    """All trials of one variant's trigger, under every clock."""

    name: str
    outcomes: Mapping[Outcome, int]
    failed: int
    requests: int
    noun: str

    @property
    def evident(self) -> int:
        """Trials that say something about the kernel."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.is_evidence)


def _tally(verdict: Verdict, name: str) -> _Tally:
    own = [each.variants[name] for each in verdict.passes]
    outcomes = {seen: sum(each.outcomes.get(seen, 0) for each in own) for seen in Outcome}
    return _Tally(
        name=name,
        outcomes=outcomes,
        failed=sum(each.requests.failed for each in own),
        requests=sum(
            each.requests.succeeded + each.requests.failed + each.requests.in_flight for each in own
        ),
        noun=own[0].requests.noun,
    )


def _crashes(verdict: Verdict) -> Iterator[str]:
    """What the kernel reported of itself, in trials of every stage; panics alone are an outcome."""
    for fatal, words in ((True, "the kernel crashed"), (False, "the kernel reported a bug")):
        found = {name: _crashed(verdict, name, fatal=fatal) for name in verdict.variants}
        if any(found.values()):
            trials = {name: sum(each.variant == name for each in verdict.trials) for name in verdict.variants}
            counts = {name: (len(found[name]), trials[name]) for name in verdict.variants if trials[name]}
            yield _shares(words, counts, "trial")


def _crashed(verdict: Verdict, name: str, *, fatal: bool) -> set[int]:
    """Numbers of the trials in which the variant's kernel crashed, or (not `fatal`) reported a bug."""
    counted = (count for count in verdict.crashes if count.variant == name and count.crash.kind != "panic")
    trials = {trial for count in counted if count.crash.fatal is fatal for trial in count.trials}
    ended = {
        each.trial for each in verdict.trials if each.variant == name and each.outcome is Outcome.KERNEL_CRASH
    }
    return trials | ended if fatal else trials


def _outcomes(verdict: Verdict, tallies: Sequence[_Tally]) -> Iterator[str]:
    unit, seen = _unit(verdict), False
    for outcome, words in _SEEN.items():
        counts = {each.name: (each.outcomes[outcome], each.evident) for each in tallies}
        if any(count for count, _ in counts.values()):
            seen = True
            yield _shares(words, counts, unit) + _chance(verdict, outcome, counts)
    if tallies and not seen and not any(each.outcomes[Outcome.KERNEL_CRASH] for each in tallies):
        counts = {each.name: (each.outcomes[Outcome.PASSED], each.evident) for each in tallies}
        what = "the trigger" if verdict.triggered else "the benchmarks"
        yield _shares(f"{what} ran to {'its' if verdict.triggered else 'their'} end", counts, unit)


def _unit(verdict: Verdict) -> str:
    """What one trial stands for: a state of memory of its own where that is known, else just a trial."""
    if len(verdict.passes) > 1:
        return "trial"
    only = verdict.passes[0]
    alone = not only.cold and only.forks == 1 and only.paired
    each_its_own = verdict.triggered and alone and only.distinct_states == only.blocks
    fits = all(sum(each.outcomes.values()) <= only.blocks for each in only.variants.values())
    return "memory state" if each_its_own and fits else "trial"


def _shares(words: str, counts: Mapping[str, tuple[int, int]], unit: str) -> str:
    """`with A the kernel crashed in 1 of 3 trials, with B and C in 0 of 3`."""
    groups: dict[tuple[int, int], list[str]] = {}
    for name, shown in sorted(counts.items(), key=lambda item: item[1][0] == 0):
        groups.setdefault(shown, []).append(name)
    parts: list[str] = []
    for (count, of), names in groups.items():
        each = " each" if len(names) > 1 else ""
        clause, noun = ("", "") if parts else (f" {words}", f" {unit if of == 1 else plural(unit)}")
        parts.append(f"with {listed(names)}{clause} in {count} of {of}{noun}{each}")
    return ", ".join(parts)


def _chance(verdict: Verdict, outcome: Outcome, counts: Mapping[str, tuple[int, int]]) -> str:
    """What the exact test says of these very counts, where there is one."""
    comparisons = [each for only in verdict.passes for each in only.comparisons]
    found = comparisons[0].outcome if len(comparisons) == 1 and len(counts) == 2 else None
    if found is None or found.p is None or found.outcome != outcome:
        return ""
    tested = [(share.count, share.blocks) for share in (found.baseline, found.candidate)]
    if tested != list(counts.values()) or tested[0][0] == tested[1][0]:
        return ""
    return f" ({'beyond' if found.p <= LEVEL else 'may be'} chance, p = {found.p:.2g})"


def _failed_requests(tallies: Sequence[_Tally]) -> Iterator[str]:
    for each in tallies:
        if each.failed:
            yield f"with {each.name} {each.failed} of {count_of(each.noun, each.requests)} failed"


def _without_evidence(verdict: Verdict, tallies: Sequence[_Tally]) -> Iterator[str]:
    none = [each.name for each in tallies if not each.evident]
    if verdict.missing:
        whys = ", ".join(_whys(verdict))
        yield f"{count_of('trial', len(verdict.missing))} gave no evidence ({whys})"
    elif none:
        yield f"of {listed(none)} no trial of the trigger is there"


def _whys(verdict: Verdict) -> Iterator[str]:
    """Why trials gave no evidence, each reason with its count."""
    counts = Counter(str(each.outcome) for each in verdict.trials if each.judgement is Judgement.NO_EVIDENCE)
    counts["not run"] = sum(line.endswith(" was not run") for line in verdict.missing)
    counts["of the proof boot"] = len(verdict.missing) - counts.total()
    yield from (f"{count} {why}" for why, count in counts.items() if count > 0)


def _controls(controls: Sequence[ControlGroup]) -> Iterator[str]:
    for control in controls:
        if control.identical is False:
            yield f"{control.first} and {control.second} run one and the same driver and are not identical"


def _too_few(verdict: Verdict) -> Iterator[str]:
    """Said once, of the comparison that rests on least."""
    few: list[Comparison] = [
        each for one in verdict.passes for each in one.comparisons if not each.claims and each.blocks
    ]
    if few:
        least = min(few, key=lambda each: each.blocks)
        unit = "boot" if least.sample == "boot" else "memory state"
        are = "is" if least.blocks == 1 else "are"
        yield (
            f"{count_of(unit, least.blocks)} {are} too few for a claim beyond these counts,"
            f" which takes {LEAST_BLOCKS_FOR_A_CLAIM}"
        )


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; of many the first, and how many more there are."""
    shown = list(names) if len(names) <= _NAMED else [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
