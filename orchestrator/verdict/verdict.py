# SPDX-License-Identifier: Apache-2.0
"""What a run says: per variant and about the scenario's expectations. Pure; no guest needed."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from orchestrator.analysis.answers import answer_questions
from orchestrator.analysis.audit import summarise_audit
from orchestrator.analysis.controls import ControlGroup, TranscriptCheck, control_groups
from orchestrator.analysis.costs import cost_lines
from orchestrator.analysis.huge_pages import huge_page_tables
from orchestrator.analysis.picture_table import PictureTable, picture_table
from orchestrator.analysis.variants import compare_variants
from orchestrator.clock import Clock
from orchestrator.evidence.crash_count import count_crashes, crash_lines
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.outcome import Outcome
from orchestrator.plan import are_paired, forks_of, shares_boot
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode
from orchestrator.verdict.alike import without_effect
from orchestrator.verdict.attempts import inexact_pairs, last_attempts, missing_evidence, trial_key
from orchestrator.verdict.costs import expected_costs
from orchestrator.verdict.devices import device_summary
from orchestrator.verdict.judgement import Conclusion, judge_trial
from orchestrator.verdict.kernels import compare_kernels
from orchestrator.verdict.records import PassVerdict, SharedKernel, Verdict
from orchestrator.verdict.settings import settings_seen, without_change
from orchestrator.verdict.summary import summarise
from orchestrator.verdict.target_advice import target_advice
from orchestrator.verdict.variant import variant_verdict

__all__ = ["PassVerdict", "SharedKernel", "Verdict", "compute_verdict"]


def compute_verdict(
    scenario: Scenario,
    blocks: Sequence[BlockResult],
    results: Sequence[TrialResult],
    *,
    accelerators: Mapping[Clock, AcceleratorReport],
    check_transcripts: TranscriptCheck = lambda _one, _other: None,
    taken: Mapping[str, str | None] = MappingProxyType({}),
    artefacts: Mapping[str, ArtefactManifest] = MappingProxyType({}),
) -> Verdict:
    """The verdict of a run from what its blocks and trials came to (all attempts, in order).

    `check_transcripts` compares what the guests of an A/A control said, which results do not hold.
    `taken` names the variants whose expectations `--patch` took, and from which of the file's variants.
    `artefacts` are the kernels that ran, by base.
    """
    final = last_attempts(results)
    superseded = [result for result in results if final[trial_key(result)] is not result]
    trials = [result for result in final.values() if result.mode != Mode.PROOF]
    missing = missing_evidence(scenario, final)
    passes = tuple(
        _pass(scenario, clock, blocks, trials, accelerators[clock], check_transcripts)
        for clock in scenario.trials.clock
    )
    conclusion = _conclusion(scenario, passes, taken, missing=bool(missing))
    doubted = conclusion in (Conclusion.NOT_MET, Conclusion.COMPARED_ONLY)
    comparisons = [comparison for each in passes for comparison in each.comparisons]
    crashes = count_crashes(scenario.variants, trials)
    settings = settings_seen(scenario, trials)
    verdict = Verdict(
        scenario=scenario.name,
        triggered=scenario.trigger.runs,
        fragmented=scenario.fragmentation is not None,
        conclusion=conclusion,
        expectations_met=_AS_BEFORE.get(conclusion),
        expectations_from=dict(taken),
        # Where both variants were expected to end so, it is no news that they did.
        foremost=(
            *crash_lines(scenario.variants, crashes, trials),
            *without_change(settings),
            *(without_effect(scenario, trials, comparisons) if doubted else ()),
        ),
        settings=settings,
        crashes=crashes,
        clock=passes[0].clock,
        accelerator=passes[0].accelerator,
        cpu_model=passes[0].cpu_model,
        variants=passes[0].variants,
        passes=passes,
        trials=tuple(judge_trial(scenario.expectations.get(each.variant), each) for each in trials),
        repeated=sum(block.attempt > 1 for block in blocks)
        + sum(result.outcome is not Outcome.INTERRUPTED for result in superseded),
        missing=tuple(missing),
        advice=target_advice(scenario, trials) if missing else (),
        disagreements=tuple(
            f"trial {result.trial} ({result.variant}): {result.disagreement}"
            for result in trials
            if result.disagreement
        ),
        kernels=compare_kernels(scenario, artefacts),
        built_from={
            variant.name: made.built.words
            for made in artefacts.values()
            for variant in made.variants
            if made.built is not None
        },
        inexact_pairs=tuple(inexact_pairs(scenario, trials)),
    )
    return verdict.model_copy(update={"summary": summarise(verdict)})


_AS_BEFORE = {Conclusion.MET: True, Conclusion.NOT_MET: False}


def _conclusion(
    scenario: Scenario, passes: Sequence[PassVerdict], taken: Collection[str], *, missing: bool
) -> Conclusion:
    if missing:
        return Conclusion.MISSING
    unmet = [bool(verdict.unmet) for each in passes for verdict in each.variants.values()]
    unmet += [control.identical is False for each in passes for control in each.controls]
    if any(unmet):
        return Conclusion.NOT_MET
    # A patch is to mend something. Where nothing was expected to fail, none can be seen to have done so.
    failing = any(expectation.is_failure for expectation in scenario.expectations.values())
    stated = any(failing or name not in taken for name in scenario.expectations)
    return Conclusion.MET if stated else Conclusion.COMPARED_ONLY


def _pass(
    scenario: Scenario,
    clock: Clock,
    blocks: Sequence[BlockResult],
    trials: Sequence[TrialResult],
    accelerator: AcceleratorReport,
    check_transcripts: TranscriptCheck,
) -> PassVerdict:
    frozen = [block for block in blocks if block.clock == clock and block.frozen]
    # A block that was re-created for a resumed run is still one block.
    prints = list({(block.block, block.variants): block.fingerprint for block in frozen}.values())
    cold = _cold_at_target(clock, trials)
    prints += [result.fingerprint for result in cold]
    timed = clock == "deterministic" or scenario.trials.timing
    median_kb, largest_kb, missing = _private_memory([result for result in trials if result.clock == clock])
    controls = control_groups(scenario, clock, trials, check_transcripts)
    comparisons = compare_variants(scenario, clock, trials, twins_identical=_identical(controls))
    return PassVerdict(
        clock=clock,
        accelerator=accelerator.accelerator,
        cpu_model=accelerator.cpu_model,
        variants={
            name: variant_verdict(
                [result for result in trials if result.variant == name and result.clock == clock],
                scenario.expectations.get(name),
                clock,
                timed=timed,
                falls_back=scenario.trigger.falls_back,
                triggered=scenario.trigger.runs,
            )
            for name in scenario.variants
        },
        cold=not scenario.trials.fork,
        blocks=len({block.block for block in frozen}),
        boots=len(cold),
        distinct_states=None if None in prints else len(set(prints)),
        paired=are_paired(scenario, scenario.variants),
        kernels=tuple(_kernels(scenario, frozen)) if scenario.trials.fork else (),
        forks=forks_of(scenario, clock),
        huge_pages=huge_page_tables(list(scenario.variants), trials, clock, timed=timed),
        audit=summarise_audit(scenario.variants, trials, clock, timed=timed),
        costs=cost_lines(
            list(scenario.variants), trials, clock, timed=timed, expected=expected_costs(scenario)
        ),
        controls=controls,
        comparisons=comparisons,
        answers=answer_questions(scenario, clock, trials, comparisons, controls),
        picture=_picture(scenario, [result for result in trials if result.clock == clock]),
        device=device_summary(scenario, [each for each in trials if each.clock == clock], accelerator),
        private_memory_median_kb=median_kb,
        private_memory_largest_kb=largest_kb,
        private_memory_missing=missing,
    )


def _kernels(scenario: Scenario, frozen: Sequence[BlockResult]) -> Iterator[SharedKernel]:
    first = next(iter(scenario.variants.values()))
    for place, names in enumerate(shares_boot(scenario)):
        own = {block.block for block in frozen if set(block.variants) & set(names)}
        same = place > 0 and scenario.variants[names[0]].image == first.image
        yield SharedKernel(variants=names, blocks=len(own), same_image=same)


def _cold_at_target(clock: Clock, trials: Sequence[TrialResult]) -> list[TrialResult]:
    own = (result for result in trials if result.cold and result.clock == clock)
    return [result for result in own if result.target is not None and result.target.reached]


def _picture(scenario: Scenario, trials: Sequence[TrialResult]) -> PictureTable | None:
    target = scenario.fragmentation.target if scenario.fragmentation is not None else None
    if target is None or target.picture is None:
        return None
    tables = [table for trial in trials if (table := picture_table(target.picture, trial.memory)) is not None]
    return max(tables, key=lambda table: abs(table.worst_percent or 0), default=None)


def _identical(controls: Sequence[ControlGroup]) -> bool | None:
    """None where no control says so or otherwise."""
    known = [control.identical for control in controls if control.identical is not None]
    return all(known) if known else None


def _private_memory(trials: Sequence[TrialResult]) -> tuple[int | None, int | None, int]:
    """Median and maximum in kB, and how many triggers ended without a figure; None where no figure is.

    A guest may power off 40 ms after its trigger: on a busy host before anybody has looked at its QEMU.
    """
    measured_kb = [result.private_memory_kb for result in trials if result.private_memory_kb is not None]
    if not measured_kb:
        return None, None, 0
    missing = sum(result.private_memory_kb is None and bool(result.vmstat_delta) for result in trials)
    return round(statistics.median(measured_kb)), max(measured_kb), missing
