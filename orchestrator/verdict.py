# SPDX-License-Identifier: Apache-2.0
"""What a run says: per variant and about the scenario's expectations. Pure; no guest needed."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.analysis.comparison import Answer, Comparison
from orchestrator.attempts import TrialKey, last_attempts, trial_key
from orchestrator.control_group import ControlGroup, TranscriptCheck, control_groups
from orchestrator.errors import ExitCode
from orchestrator.expectations import unmet
from orchestrator.guests.qemu.accelerator import AcceleratorReport
from orchestrator.guests.qemu.machine import ICOUNT_SHIFT, Clock
from orchestrator.oom.records import MemoryEvent
from orchestrator.outcome import Outcome
from orchestrator.plan import forks_of, plan_blocks, shares_kernel
from orchestrator.recipe import Mode
from orchestrator.result import BlockResult, TrialResult
from orchestrator.scenario.models import Expectation, Scenario


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


LatencyUnit = Literal["us", "instructions"]

_LATENCY_UNITS: dict[Clock, tuple[LatencyUnit, float]] = {
    "realtime": ("us", 1e-3),
    # Guest time is a count of instructions then, 2^shift ns each; it says nothing about seconds.
    "deterministic": ("instructions", 1 / (1 << ICOUNT_SHIFT)),
}


class MmapTotals(_Frozen):
    """mmaps of all of a variant's trials."""

    ok: int = 0
    failed: int = 0
    unfinished: int = Field(0, description="in flight when the trigger died")
    latency_unit: LatencyUnit = Field(
        "us",
        description="of the next three: guest microseconds, or instructions under the deterministic clock",
    )
    p50: float | None = Field(None, description="median over the trials of each trial's median")
    p99: float | None = Field(None, description="the same of the 99th percentile")
    max: float | None = Field(None, description="the slowest mmap of all")


class VariantVerdict(_Frozen):
    """What all trials of one variant came to."""

    trials: int
    outcomes: dict[Outcome, int]
    oom_events: int
    mmaps: MmapTotals
    contiguous: int = Field(0, description="page-array requests served by contiguous memory")
    fell_back: int = Field(0, description="page-array requests that fell back to vmalloc")
    gfp_flags: tuple[str, ...] = Field((), description="flags of the page-array requests: which variant ran")
    killed: dict[str, int] = Field(
        default_factory=dict, description="processes killed by the kernel, by role"
    )
    free_kb: tuple[int, ...] = Field((), description="free memory at the target, per trial")
    usable_units: tuple[tuple[int, ...], ...] = Field((), description="per trial, indexed by order")
    first_oom: MemoryEvent | None = None
    unmet: tuple[str, ...] = Field((), description="what was not as expected")


class PassVerdict(_Frozen):
    """All trials under one clock: figures of different clocks never meet in one comparison."""

    clock: Clock = Field(description="what time passed in the guests")
    accelerator: str = Field(description="what ran the guests")
    cpu_model: str = Field(description="CPU that QEMU gave the guests")
    variants: dict[str, VariantVerdict] = Field(description="by name, in the order of the scenario")
    blocks: int = Field(description="blocks that reached their target")
    distinct_states: int | None = Field(
        description="different places of free memory among them: blocks with equal ones are one sample"
    )
    paired: bool = Field(description="all variants fork from the same blocks")
    forks: int = Field(
        description="trials of each variant from a block; one under the deterministic clock, whatever the"
        " scenario says: a second would repeat the first"
    )
    controls: tuple[ControlGroup, ...] = Field((), description="variants and their twins: A/A; below")
    comparisons: tuple[Comparison, ...] = Field(
        (), description="every variant against the first one (twins aside); below"
    )
    answers: tuple[Answer, ...] = Field((), description="the reviewer's four questions; below")
    private_memory_median_kb: int | None = Field(
        None, description="memory of the host that was one fork's alone when its trigger ended: the median"
    )
    private_memory_largest_kb: int | None = Field(None, description="the same of the fork that took most")


class Verdict(_Frozen):
    """The whole run in one object; every report is made from it.

    `clock`, `accelerator`, `cpu_model` and `variants` repeat those of the first pass.
    """

    scenario: str
    expectations_met: bool | None = Field(description="null: the evidence is short")
    clock: Clock
    accelerator: str
    cpu_model: str
    variants: dict[str, VariantVerdict]
    passes: tuple[PassVerdict, ...] = Field(description="one for each clock; below")
    repeated: int = Field(0, description="attempts without evidence that were made again")
    missing: tuple[str, ...] = Field((), description="why evidence is short")
    disagreements: tuple[str, ...] = Field((), description="where console and /proc/vmstat differ")
    inexact_pairs: tuple[str, ...] = Field(
        (), description="blocks that a resumed run had to raise again and whose memory came out otherwise"
    )

    @property
    def exit_code(self) -> ExitCode:
        """The command line's answer."""
        if self.expectations_met is None:
            return ExitCode.VERDICT_MISSING
        return ExitCode.MET if self.expectations_met else ExitCode.NOT_MET


def compute_verdict(
    scenario: Scenario,
    blocks: Sequence[BlockResult],
    results: Sequence[TrialResult],
    *,
    accelerators: Mapping[Clock, AcceleratorReport],
    check_transcripts: TranscriptCheck = lambda _one, _other: None,
) -> Verdict:
    """The verdict of a run from what its blocks and trials came to (all attempts, in order).

    `check_transcripts` compares what the guests of an A/A control said, which results do not hold.
    """
    final = last_attempts(results)
    superseded = [result for result in results if final[trial_key(result)] is not result]
    trials = [result for result in final.values() if result.mode != Mode.PROOF]
    missing = _missing(scenario, final)
    passes = tuple(
        _pass(scenario, clock, blocks, trials, accelerators[clock], check_transcripts)
        for clock in scenario.trials.clock
    )
    unmet = [bool(verdict.unmet) for each in passes for verdict in each.variants.values()]
    unmet += [control.identical is False for each in passes for control in each.controls]
    return Verdict(
        scenario=scenario.name,
        expectations_met=None if missing else not any(unmet),
        clock=passes[0].clock,
        accelerator=passes[0].accelerator,
        cpu_model=passes[0].cpu_model,
        variants=passes[0].variants,
        passes=passes,
        repeated=sum(block.attempt > 1 for block in blocks)
        + sum(result.outcome is not Outcome.INTERRUPTED for result in superseded),
        missing=tuple(missing),
        disagreements=tuple(
            f"trial {result.trial} ({result.variant}): {result.disagreement}"
            for result in trials
            if result.disagreement
        ),
        inexact_pairs=tuple(_inexact_pairs(scenario, trials)),
    )


def _inexact_pairs(scenario: Scenario, trials: Sequence[TrialResult]) -> Iterator[str]:
    """Blocks that were raised again when the run was resumed, and came out otherwise."""
    bases = {name: variant.base for name, variant in scenario.variants.items()}
    states: dict[tuple[Clock, int, str], set[str]] = {}
    for result in trials:
        if result.fingerprint is not None:
            key = (result.clock, result.block, bases[result.variant])
            states.setdefault(key, set()).add(result.fingerprint)
    for (clock, block, _), fingerprints in states.items():
        if len(fingerprints) > 1:
            yield f"block {block} ({clock}): its trials continue from {len(fingerprints)} memory states"


def _pass(
    scenario: Scenario,
    clock: Clock,
    blocks: Sequence[BlockResult],
    trials: Sequence[TrialResult],
    accelerator: AcceleratorReport,
    check_transcripts: TranscriptCheck,
) -> PassVerdict:
    frozen = [block for block in blocks if block.clock == clock and block.frozen]
    # A block that was raised again for a resumed run is still one block.
    prints = list({(block.block, block.variants): block.fingerprint for block in frozen}.values())
    median_kb, largest_kb = _private_memory([result for result in trials if result.clock == clock])
    return PassVerdict(
        clock=clock,
        accelerator=accelerator.accelerator,
        cpu_model=accelerator.cpu_model,
        variants={
            name: _variant(
                [result for result in trials if result.variant == name and result.clock == clock],
                scenario.expectations.get(name),
                clock,
                timed=clock == "deterministic" or scenario.trials.timing,
            )
            for name in scenario.variants
        },
        blocks=len({block.block for block in frozen}),
        distinct_states=None if None in prints else len(set(prints)),
        paired=len(shares_kernel(scenario)) == 1,
        forks=forks_of(scenario, clock),
        controls=control_groups(scenario, clock, trials, check_transcripts),
        private_memory_median_kb=median_kb,
        private_memory_largest_kb=largest_kb,
    )


def _private_memory(trials: Sequence[TrialResult]) -> tuple[int, int] | tuple[None, None]:
    """Median and maximum in kB; no figures where the host gave none."""
    measured_kb = [result.private_memory_kb for result in trials if result.private_memory_kb is not None]
    if not measured_kb:
        return None, None
    return round(statistics.median(measured_kb)), max(measured_kb)


def _missing(scenario: Scenario, final: Mapping[TrialKey, TrialResult]) -> list[str]:
    """Why the evidence does not suffice for a yes or no; empty when it does."""
    missing = []
    for (mode, clock, block, name, fork, _), result in final.items():
        what = "the proof boot" if mode == Mode.PROOF else _trial_name(scenario, clock, block, name, fork)
        proven = mode == Mode.PROOF and result.outcome is Outcome.PASSED
        if not proven and (mode == Mode.PROOF or not result.outcome.is_evidence):
            missing.append(f"{what}: {result.outcome} ({result.why})")
    for planned in plan_blocks(scenario):
        for trial in planned.trials:
            key = TrialKey(trial.mode, trial.clock, trial.block, trial.variant, trial.fork)
            if key not in final:
                missing.append(f"{_trial_name(scenario, *key[1:5])} was not run")
    return missing


def _trial_name(scenario: Scenario, clock: Clock, block: int, variant: str, fork: int) -> str:
    name = f"block {block} of {variant}"
    name += f", fork {fork}" if scenario.trials.forks > 1 else ""
    return name + (f" ({clock})" if len(scenario.trials.clock) > 1 else "")


def _variant(
    results: Sequence[TrialResult], expectation: Expectation | None, clock: Clock, *, timed: bool
) -> VariantVerdict:
    requests = [result.requests for result in results if result.requests is not None]
    targets = [result.target for result in results if result.target is not None]
    evidence = [result for result in results if result.outcome.is_evidence]
    return VariantVerdict(
        trials=len(results),
        outcomes=dict(Counter(result.outcome for result in results)),
        oom_events=sum(result.oom_events for result in results),
        mmaps=_mmap_totals(results, clock, timed=timed),
        contiguous=sum(request.contiguous for request in requests),
        fell_back=sum(request.fell_back for request in requests),
        gfp_flags=tuple(sorted({flags for request in requests for flags in request.gfp_flags})),
        killed=dict(Counter(victim.role for result in results for victim in result.victims)),
        free_kb=tuple(target.free_kb for target in targets),
        usable_units=tuple(target.usable_units for target in targets),
        first_oom=next((result.first_oom for result in results if result.first_oom), None),
        unmet=_unmet(expectation, evidence),
    )


def _unmet(expectation: Expectation | None, evidence: Sequence[TrialResult]) -> tuple[str, ...]:
    return tuple(
        f"trial {result.trial}: {sentence}" for result in evidence for sentence in unmet(expectation, result)
    )


def _mmap_totals(results: Sequence[TrialResult], clock: Clock, *, timed: bool) -> MmapTotals:
    """`timed` is False where guests disturbed one another: then there are no latencies."""
    summaries = [result.mmaps for result in results if result.mmaps is not None]
    latencies = [summary.latency for summary in summaries if timed and summary.latency is not None]
    unit, per_ns = _LATENCY_UNITS[clock]

    def median(values_ns: list[int]) -> float | None:
        return round(statistics.median(values_ns) * per_ns, 1) if values_ns else None

    return MmapTotals(
        ok=sum(summary.ok for summary in summaries),
        failed=sum(summary.failed for summary in summaries),
        unfinished=sum(summary.unfinished for summary in summaries),
        latency_unit=unit,
        p50=median([latency.p50_ns for latency in latencies]),
        p99=median([latency.p99_ns for latency in latencies]),
        max=round(max(latency.max_ns for latency in latencies) * per_ns, 1) if latencies else None,
    )
