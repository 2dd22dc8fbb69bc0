# SPDX-License-Identifier: Apache-2.0
"""What a run says: per variant and about the scenario's expectations. Pure; no guest needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.errors import ExitCode
from orchestrator.expectations import unmet
from orchestrator.oom.records import MemoryEvent
from orchestrator.outcome import Outcome
from orchestrator.recipe import Mode
from orchestrator.result import TrialResult
from orchestrator.scenario.models import Expectation, Scenario


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MmapTotals(_Frozen):
    """mmaps of all of a variant's trials; latencies are the medians over its trials."""

    ok: int = 0
    failed: int = 0
    unfinished: int = 0
    p50_us: float | None = None
    p99_us: float | None = None
    max_us: float | None = None


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


class Verdict(_Frozen):
    """The whole run in one object; every report is made from it."""

    scenario: str
    expectations_met: bool | None = Field(description="null: the evidence is short")
    clock: str
    accelerator: str
    cpu_model: str
    variants: dict[str, VariantVerdict]
    repeated: int = Field(0, description="trials without evidence that were run again")
    missing: tuple[str, ...] = Field((), description="why evidence is short")
    disagreements: tuple[str, ...] = Field((), description="where console and /proc/vmstat differ")

    @property
    def exit_code(self) -> ExitCode:
        """The command line's answer."""
        if self.expectations_met is None:
            return ExitCode.VERDICT_MISSING
        return ExitCode.MET if self.expectations_met else ExitCode.NOT_MET


def compute_verdict(
    scenario: Scenario, results: Sequence[TrialResult], *, clock: str, accelerator: str, cpu_model: str
) -> Verdict:
    """The verdict of a run from its trials' results (all attempts, in order)."""
    final = _last_attempts(results)
    trials = {key: result for key, result in final.items() if result.mode != Mode.PROOF}
    variants = {
        name: _variant(
            [result for result in trials.values() if result.variant == name],
            scenario.expectations.get(name),
        )
        for name in scenario.variants
    }
    missing = _missing(scenario, final)
    met = None if missing else not any(verdict.unmet for verdict in variants.values())
    return Verdict(
        scenario=scenario.name,
        expectations_met=met,
        clock=clock,
        accelerator=accelerator,
        cpu_model=cpu_model,
        variants=variants,
        repeated=len(results) - len(final),
        missing=tuple(missing),
        disagreements=tuple(
            f"trial {result.trial} ({result.variant}): {result.disagreement}"
            for result in trials.values()
            if result.disagreement
        ),
    )


_Key = tuple[str, int, str]


def _last_attempts(results: Sequence[TrialResult]) -> dict[_Key, TrialResult]:
    return {(result.mode, result.block, result.variant): result for result in results}


def _missing(scenario: Scenario, final: Mapping[_Key, TrialResult]) -> list[str]:
    """Why the evidence does not suffice for a yes or no; empty when it does."""
    missing = []
    for (mode, block, name), result in final.items():
        what = "the proof boot" if mode == Mode.PROOF else f"block {block} of {name}"
        proven = mode == Mode.PROOF and result.outcome is Outcome.PASSED
        if not proven and (mode == Mode.PROOF or not result.outcome.is_evidence):
            missing.append(f"{what}: {result.outcome} ({result.why})")
    for name in scenario.variants:
        for block in range(1, scenario.trials.blocks + 1):
            if (Mode.TRIAL, block, name) not in final:
                missing.append(f"block {block} of {name} was not run")
    return missing


def _variant(results: Sequence[TrialResult], expectation: Expectation | None) -> VariantVerdict:
    requests = [result.requests for result in results if result.requests is not None]
    targets = [result.target for result in results if result.target is not None]
    evidence = [result for result in results if result.outcome.is_evidence]
    return VariantVerdict(
        trials=len(results),
        outcomes=dict(Counter(result.outcome for result in results)),
        oom_events=sum(result.oom_events for result in results),
        mmaps=_mmap_totals(results),
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


def _mmap_totals(results: Sequence[TrialResult]) -> MmapTotals:
    summaries = [result.mmaps for result in results if result.mmaps is not None]
    latencies = [summary.latency for summary in summaries if summary.latency is not None]

    def median_us(values_ns: list[int]) -> float | None:
        return round(sorted(values_ns)[len(values_ns) // 2] / 1000, 1) if values_ns else None

    return MmapTotals(
        ok=sum(summary.ok for summary in summaries),
        failed=sum(summary.failed for summary in summaries),
        unfinished=sum(summary.unfinished for summary in summaries),
        p50_us=median_us([latency.p50_ns for latency in latencies]),
        p99_us=median_us([latency.p99_ns for latency in latencies]),
        max_us=max((latency.max_ns / 1000 for latency in latencies), default=None),
    )
