# SPDX-License-Identifier: Apache-2.0
"""A reviewer's four questions about a patch, answered from a run's evidence, whatever the patch.

The questions are those of the review of the binder patch (Carlos Llamas, 14 June 2024): what explains
the gain, was it tested under memory pressure, is it not the same while contiguous memory is there,
is it noise.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.analysis.controls import ControlGroup
from orchestrator.analysis.doubts import is_it_noise
from orchestrator.analysis.findings import Finding, finding, headline, summary
from orchestrator.analysis.inference import LEVEL
from orchestrator.analysis.paths import PHASES, Paths, path_lines, paths_of
from orchestrator.analysis.phrases import WHEN, share_text
from orchestrator.analysis.records import Answer, Comparison, TimingComparison, When
from orchestrator.analysis.samples import evident
from orchestrator.binder import KernelFigures
from orchestrator.clock import Clock
from orchestrator.record.result import TrialResult
from orchestrator.scenario.models import Scenario
from orchestrator.stage import TrialPhase
from orchestrator.text.amounts import count_of, is_factor, short

EXPLANATION = "Is there an explanation for the difference?"
PRESSURE = "Was this tested under memory pressure?"
CONTIGUOUS = "Is it not the same if there is enough contiguous memory?"
NOISE = "Might the results be noise?"
TRANSACTIONS = "BM_sendVec_binder"
"""Benchmarks of transactions begin with this, whatever their mode and size."""
_MAPS = "BM_mmap_binder"
_KIB_PER_MIB = 1024
_BY_WEIGHT: tuple[TrialPhase, ...] = ("trigger", "target", "after", "relaxed")
"""Where a path is reported first: the trigger is what the scenario is about."""


@dataclass(frozen=True)
class Case:
    """One candidate against the baseline, with all that the answers are made from."""

    scenario: Scenario
    clock: Clock
    comparison: Comparison
    trials: Sequence[TrialResult]
    controls: Sequence[ControlGroup]
    paths: tuple[Paths, Paths]

    @property
    def names(self) -> tuple[str, str]:
        """Baseline and candidate."""
        return self.comparison.baseline, self.comparison.candidate

    @property
    def timings(self) -> list[TimingComparison]:
        """What summaries are made of."""
        return headline(self.comparison.timings)

    @property
    def triggers_arrays(self) -> bool:
        """Whether the trigger's requests make the kernel allocate page arrays."""
        pages = (variant.page_bytes for variant in self.scenario.variants.values())
        return bool(self.scenario.trigger.array_bytes(KernelFigures(min(pages))))

    def timed(self, *whens: str) -> list[TimingComparison]:
        """Timings under these states of memory."""
        return [timing for timing in self.timings if timing.when in whens]


def answer_questions(
    scenario: Scenario,
    clock: Clock,
    trials: Sequence[TrialResult],
    comparisons: Sequence[Comparison],
    controls: Sequence[ControlGroup],
) -> tuple[Answer, ...]:
    """Four answers for each candidate; none for a run that has no candidate but twins."""
    own = [trial for trial in trials if trial.clock == clock]
    answers: list[Answer] = []
    for comparison in comparisons:
        if scenario.variants[comparison.candidate].twin_of is not None:
            continue
        paths = tuple(paths_of(evident(own, each)) for each in (comparison.baseline, comparison.candidate))
        case = Case(scenario, clock, comparison, own, controls, (paths[0], paths[1]))
        noise = is_it_noise(NOISE, clock, comparison, case.timings, controls)
        four = (_explanation(case), _pressure(case), _contiguous(case), noise)
        answers += four if len(comparisons) == 1 else [_of(comparison.candidate, each) for each in four]
    return tuple(answers)


def _of(candidate: str, answer: Answer) -> Answer:
    return answer.model_copy(update={"question": f"{candidate}: {answer.question}"})


def _explanation(case: Case) -> Answer:
    evidence = [*path_lines(case.names, case.paths, case.clock), *_traced_elsewhere(case)]
    if case.comparison.outcome is not None:
        evidence.insert(0, case.comparison.outcome.words)
    allocating, others = _by_allocation(case)
    if allocating:
        evidence.append(f"maps, each with a page array of its own: {summary(allocating)}")
    sentences, missing = [_difference(case), _path_sentence(case)], None
    if not any(case.paths) and case.triggers_arrays:
        missing = "how requests were satisfied was not traced; `audit: true` counts them"
    if plain := _without_arrays(case):
        evidence.append(f"the trigger's requests, which request no page array: {summary(plain)}")
    if others:
        evidence.append(f"transactions, which request no page array while they are timed: {summary(others)}")
        sentences.append(_transactions(others))
    elif missing is None and case.scenario.uses_binder:
        missing = "no transactions were measured; a benchmark of kind `binder-transaction` would"
    return Answer(question=EXPLANATION, answer=" ".join(sentences), evidence=tuple(evidence), open=missing)


def _traced_elsewhere(case: Case) -> tuple[str, ...]:
    """Forks are traced in the memory that others are timed in; cold trials are not."""
    traced = any(trial.audit_phases for trial in case.trials)
    if case.comparison.sample == "block" or not traced or not case.timings:
        return ()
    return ("traced were other boots than the timed ones, by the same recipes and with memory of their own",)


def _difference(case: Case) -> str:
    """What there is to explain."""
    outcome, timings = case.comparison.outcome, case.timings
    found = sum(finding(timing) is Finding.DIFFERENT for timing in timings)
    parts = [f"{found} of {count_of('timing', len(timings))}"] if found else []
    if outcome is not None and outcome.p is not None and outcome.p <= LEVEL:
        parts.insert(0, "the outcomes")
    if parts:
        verb = "differ" if len(parts) > 1 or not found or found > 1 else "differs"
        return f"{' and '.join(parts).capitalize()} {verb}."
    if any(finding(timing) is Finding.EXACT for timing in timings):
        return "Instructions differ by as much as is counted below."
    if not case.comparison.claims:
        return f"Too few {case.comparison.sample}s to say that there is a difference."
    return "No difference was shown that needs one."


def _path_sentence(case: Case) -> str:
    if not any(case.paths) and not case.triggers_arrays:
        return "Not by page arrays: the trigger's requests make none."
    if not any(case.paths):
        return "Not from this run: it does not know how page arrays were allocated."
    if all(case.paths) and all(share.all_contiguous for paths in case.paths for share in paths.values()):
        return (
            "Both variants got contiguous memory for every page array, so both took the same path"
            " through the allocator."
        )
    paths = "; ".join(map(_path_of, case.names, case.paths))
    return f"The path of the page arrays: {paths}."


def _path_of(name: str, paths: Paths) -> str:
    """How one variant fared in the first phase in which contiguous memory was short."""
    if not paths:
        return f"how {name}'s were allocated is not known"
    phase = next((each for each in _BY_WEIGHT if each in paths and not paths[each].all_contiguous), None)
    if phase is None:
        return f"{name} got contiguous memory for every one"
    share = paths[phase]
    how = f"{share_text(share.contiguous, share.requests)} of {name}'s were contiguous"
    how += f", {share_text(share.fell_back, share.requests)} came from vmalloc" if share.fell_back else ""
    how += f", {share.refused} failed" if share.refused else ""
    how += f", with {count_of('OOM kill', share.oom_kills)}" if share.oom_kills else ""
    return f"{WHEN[phase]} {how}"


def _by_allocation(case: Case) -> tuple[list[TimingComparison], list[TimingComparison]]:
    """Timings that request a page array each time, and those that only do so before they are timed."""
    others = [timing for timing in case.timings if timing.name.startswith(TRANSACTIONS)]
    apart = [*others, *_without_arrays(case), *_of_programs(case)]
    return [timing for timing in case.timings if timing not in apart], others


def _of_programs(case: Case) -> list[TimingComparison]:
    """Figures of commands, of which nobody knows what they ask of the kernel."""
    return [each for each in case.timings if each.when != "trigger" and not each.name.startswith("BM_")]


def _without_arrays(case: Case) -> list[TimingComparison]:
    """Timings of what requests no page array: other benchmarks, and triggers of such a kind."""
    benchmarks = [timing for timing in case.timings if timing.name.startswith("BM_")]
    none = [timing for timing in benchmarks if not timing.name.startswith((TRANSACTIONS, _MAPS))]
    return none if case.triggers_arrays else [*none, *case.timed("trigger")]


def _transactions(timings: Sequence[TimingComparison]) -> str:
    """BM_sendVec maps twice, once in each process, before anything is timed."""
    found = [timing for timing in timings if finding(timing) is Finding.DIFFERENT]
    if found:
        share = f"{len(found)} of {count_of('timing', len(timings))}"
        return (
            f"Transactions differ in {share}, which how page arrays are requested does not explain: they are"
            " requested before the timed part, once in each process."
        )
    return "Transactions cannot gain by it: their two page arrays are requested before anything is timed."


def _pressure(case: Case) -> Answer:
    state, whens = _state(case), dict.fromkeys(timing.when for timing in case.timings)
    evidence = [case.comparison.outcome.words] if case.comparison.outcome is not None else []
    evidence += [f"{WHEN[when]}: {summary(case.timed(when))}" for when in WHEN if when in whens]
    evidence += list(_slowdowns(case))
    missing = None
    if case.scenario.fragmentation is None:
        text = "No: memory was left as the boot leaves it."
        missing = "a `fragmentation` target would bring memory to a measured state before anything is run"
    else:
        text = f"Yes: {state}." if state else "No trial reached its target."
        if not {"target", "after"} & set(whens):
            missing = "no benchmark ran under pressure; `when: [relaxed, target, after]` makes it a column"
        elif "relaxed" not in whens:
            missing = "no benchmark ran with the pressure released; `when: [relaxed, target]` would compare"
    return Answer(question=PRESSURE, answer=text, evidence=tuple(evidence), open=missing)


def _state(case: Case) -> str:
    """What was free when the trigger began, by the median over the trials."""
    targets = [trial.target for trial in case.trials if trial.target is not None and trial.target.reached]
    if not targets:
        return ""
    free_mib = statistics.median(target.free_kb for target in targets) / _KIB_PER_MIB
    text = f"everything but `relaxed` ran with {free_mib:.0f} MiB free"
    order = _request_order(case.scenario)
    units = [
        target.usable_units[order]
        for target in targets
        if order is not None and order < len(target.usable_units)
    ]
    if units:
        requests = count_of("request", round(statistics.median(units)))
        text += f", in which {requests} of order {order} could be satisfied"
    return text


def _request_order(scenario: Scenario) -> int | None:
    pages = (variant.page_bytes for variant in scenario.variants.values())
    need = scenario.trigger.need(KernelFigures(min(pages)))
    return None if need is None else need.order


def _slowdowns(case: Case) -> Iterator[str]:
    """By how much pressure slowed either variant: medians under pressure over medians without."""
    relaxed = {timing.name: timing for timing in case.timed("relaxed")}
    families: dict[tuple[str, When], list[tuple[float, float]]] = {}
    for timing in case.timed("target", "after"):
        if (calm := relaxed.get(timing.name)) is not None:
            times = timing.baseline / calm.baseline, timing.candidate / calm.candidate
            families.setdefault((timing.name.partition("/")[0], timing.when), []).append(times)
    for (name, when), pairs in families.items():
        ours, theirs = (_times(column) for column in zip(*pairs, strict=True))
        first, second = case.names
        yield f"{name} {WHEN[when]} takes {ours} as long as relaxed with {first}, {theirs} with {second}"


def _times(factors: Sequence[float]) -> str:
    least_and_most = (min(factors), max(factors))
    ends = dict.fromkeys(short(each) if is_factor(each) else f"{each:.2f}" for each in least_and_most)
    return f"{' to '.join(ends)} times"


def _contiguous(case: Case) -> Answer:
    whole, short = _phases(case, all_contiguous=True), _phases(case, all_contiguous=False)
    evidence = [f"{WHEN[phase]} (contiguous for both): {summary(case.timed(phase))}" for phase in whole]
    evidence += [f"{WHEN[phase]} (not always contiguous): {summary(case.timed(phase))}" for phase in short]
    evidence += _traced_elsewhere(case) if whole or short else ()
    missing = None
    if whole:
        where = " and ".join(WHEN[phase] for phase in whole)
        text = f"With contiguous memory for every request of both ({where}): {summary(case.timed(*whole))}."
        if not case.timed(*whole):
            missing = "nothing was timed there; benchmarks with `when: [relaxed]` are"
    elif not any("relaxed" in paths for paths in case.paths) and case.timed("relaxed"):
        text = f"With the pressure released: {summary(case.timed('relaxed'))}."
        missing = "whether contiguous memory was there for every request was not traced then"
    else:
        asked = case.triggers_arrays or any(case.paths)
        why = "in no phase was contiguous memory there for every request of both"
        text = f"This run cannot say: {why if asked else 'nothing in it requests page arrays'}."
        if case.scenario.uses_binder:
            missing = "a benchmark of kind `binder-mmap` with `when: [relaxed]` asks with pressure released"
    return Answer(question=CONTIGUOUS, answer=text, evidence=tuple(evidence), open=missing)


def _phases(case: Case, *, all_contiguous: bool) -> list[TrialPhase]:
    """Phases in which both requested page arrays and were, or were not, served contiguous ones throughout."""
    both = [phase for phase in PHASES if all(phase in paths for paths in case.paths)]
    return [
        phase for phase in both
        if all(paths[phase].all_contiguous for paths in case.paths) is all_contiguous
    ]  # fmt: skip
