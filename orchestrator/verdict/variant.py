# SPDX-License-Identifier: Apache-2.0
"""What all trials of one variant came to under one clock. Pure; no guest needed."""

from __future__ import annotations

import signal
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from orchestrator.analysis.page_requests import OrderTotal, order_totals
from orchestrator.clock import ICOUNT_SHIFT, Clock
from orchestrator.evidence.process_end import short_words
from orchestrator.frozen import Frozen
from orchestrator.memory.sample import NodeState
from orchestrator.oom.records import MemoryEvent
from orchestrator.outcome import Outcome
from orchestrator.record.result import ProcessEnd, TrialResult
from orchestrator.scenario.models import Expectation
from orchestrator.text.amounts import noun_for
from orchestrator.verdict.expectations import BUG_REPORTED, unmet_by_all, untraced
from orchestrator.verdict.judgement import Judgement, judge_trial

LatencyUnit = Literal["us", "instructions"]

_LATENCY_UNITS: dict[Clock, tuple[LatencyUnit, float]] = {
    "realtime": ("us", 1e-3),
    # Guest time is a count of instructions then, 2^shift ns each; it says nothing about seconds.
    "deterministic": ("instructions", 1 / (1 << ICOUNT_SHIFT)),
}


class RequestTotals(Frozen):
    """The trigger's requests in all of a variant's trials."""

    noun: str = Field("request", description="what one of them is, in the singular: `mmap`, `fork`")
    succeeded: int = 0
    failed: int = 0
    in_flight: int = Field(0, description="begun and not ended when the trigger was killed")
    latency_unit: LatencyUnit = Field(
        "us",
        description="of the next three: guest microseconds, or instructions under the deterministic clock",
    )
    p50: float | None = Field(None, description="median over the trials of each trial's median")
    p99: float | None = Field(None, description="the same of the 99th percentile")
    max: float | None = Field(None, description="the slowest request of all")
    fell_back: int | None = Field(
        None, description="of those that succeeded: allocated by vmalloc; null of a trigger that cannot know"
    )


class MeasureTotals(Frozen):
    """What the trigger measured itself in all of a variant's trials, under one name."""

    name: str = Field(description="as the trials' results have it")
    unit: str = Field("", description="what it is a number of: `KiB/s`, `messages`; a second is the guest's")
    median: float = Field(description="over the trials that have it")
    least: float = Field(description="of them")
    most: float = Field(description="of them")
    trials: int = Field(description="that have it")


class FailedOutput(Frozen):
    """What the command of a trial wrote before it failed."""

    trial: int
    why: str = Field(description="how the command ended, as a sentence")
    directory: str = Field(description="of the trial, under trials/; its `output.log` has all that was kept")
    bytes: int = Field(description="how much the command wrote")
    end: str = Field(description="the end of it")


class VariantVerdict(Frozen):
    """What all trials of one variant came to."""

    trials: int
    outcomes: dict[Outcome, int]
    oom_events: int
    requests: RequestTotals
    measures: tuple[MeasureTotals, ...] = Field((), description="what the trigger measured itself")
    page_requests: tuple[OrderTotal, ...] = Field(
        (),
        description="requests to the page allocator by order, from traced forks; none of a trigger whose page"
        " arrays are the point",
    )
    contiguous: int = Field(0, description="page-array requests allocated as contiguous memory")
    fell_back: int = Field(0, description="page-array requests allocated by vmalloc")
    refused: int = Field(0, description="page-array requests that failed")
    gfp_flags: tuple[str, ...] = Field((), description="flags of the page-array requests: which variant ran")
    killed: dict[str, int] = Field(
        default_factory=dict, description="processes killed by the kernel, by role"
    )
    ends: dict[str, int] = Field(
        default_factory=dict,
        description="how the trigger's processes ended, and how many of them so (`exit status 3`, `SIGSEGV`);"
        " without those that the OOM killer ended",
    )
    failed_output: FailedOutput | None = Field(
        None, description="of the first trial whose command failed: what it wrote"
    )
    free_kb: tuple[int, ...] = Field((), description="free memory at the target, per trial")
    usable_units: tuple[tuple[int, ...], ...] = Field((), description="per trial, indexed by order")
    nodes: tuple[tuple[NodeState, ...], ...] = Field(
        (), description="per trial, the NUMA nodes at the target, where there is more than one"
    )
    first_oom: MemoryEvent | None = None
    expected: bool = Field(description="something was expected of it; false: it was compared only")
    unmet: tuple[str, ...] = Field((), description="what was not as expected")


def variant_verdict(
    results: Sequence[TrialResult], expectation: Expectation | None, clock: Clock, *, timed: bool,
    falls_back: bool | None = None, triggered: bool = True,
) -> VariantVerdict:  # fmt: skip
    """`results` are the last attempts of one variant under `clock`.

    Counted are the trials of the trigger; how its page arrays were asked for and got is known from the traced
    forks of the same blocks. Expectations hold for all of them.
    `timed` is False where guests disturbed one another: then there are no latencies.
    `triggered` is False where the scenario has no trigger: then those of its benchmarks are counted.
    `falls_back` is the trigger's word on its page requests (TriggerKind).
    """
    loaded = [
        result for result in results
        if (result.stage == "trigger" if triggered else not result.stage.startswith("audit-"))
    ]  # fmt: skip
    traced = [result for result in results if result.stage == "audit-trigger" and result.outcome.is_evidence]
    arrays = [result.page_arrays for result in traced if result.page_arrays is not None]
    targets = [result.target for result in loaded if result.target is not None]
    return VariantVerdict(
        trials=len(loaded),
        outcomes=dict(Counter(result.outcome for result in loaded)),
        oom_events=sum(result.oom_events for result in loaded),
        requests=_request_totals(loaded, clock, timed=timed),
        measures=tuple(_measure_totals(loaded, timed=timed)),
        page_requests=() if falls_back is None else order_totals(traced, falls_back=falls_back),
        contiguous=sum(each.contiguous for each in arrays),
        fell_back=sum(each.fell_back for each in arrays),
        refused=sum(each.refused for each in arrays),
        gfp_flags=tuple(sorted({flags for each in arrays for flags in each.gfp_flags})),
        killed=dict(Counter(victim.role for result in loaded for victim in result.victims)),
        ends=dict(Counter(short_words(end) for result in loaded for end in _own_ends(result))),
        failed_output=next(map(_failed_output, filter(_command_failed, loaded)), None),
        free_kb=tuple(target.free_kb for target in targets),
        usable_units=tuple(target.usable_units for target in targets),
        nodes=tuple(target.nodes for target in targets if target.nodes),
        first_oom=next((result.first_oom for result in loaded if result.first_oom), None),
        expected=expectation is not None,
        unmet=tuple(_all_unmet(expectation, results, is_traced=bool(traced))),
    )


def _all_unmet(
    expectation: Expectation | None, results: Sequence[TrialResult], *, is_traced: bool
) -> Iterator[str]:
    """What single trials do not meet, what nothing proves without a trace, and what all of them miss."""
    yield from _unmet(expectation, results)
    if not is_traced:
        yield from untraced(expectation)
    if results:
        yield from unmet_by_all(expectation, results)


def _own_ends(result: TrialResult) -> list[ProcessEnd]:
    """Whom the OOM killer ended is listed among the killed."""
    by_the_oom_killer = result.outcome is Outcome.OOM
    return [end for end in result.processes if not (by_the_oom_killer and end.signal == signal.SIGKILL)]


def _command_failed(result: TrialResult) -> bool:
    return result.outcome is Outcome.COMMAND_FAILED


def _failed_output(result: TrialResult) -> FailedOutput:
    output = result.output
    return FailedOutput(
        trial=result.trial,
        why=result.why,
        directory=result.directory,
        bytes=output.bytes if output else 0,
        end=output.end if output else "",
    )


def _unmet(expectation: Expectation | None, results: Sequence[TrialResult]) -> list[str]:
    """A sentence for each difference, the trigger's trials first; one for a crash in many trials."""
    judged = [judge_trial(expectation, result) for result in results]
    found: dict[str, list[str]] = {}
    for each in sorted(judged, key=lambda each: each.stage != "trigger"):
        if each.judgement is Judgement.NOT_MET:
            for sentence in each.why:
                key = sentence if sentence.startswith(BUG_REPORTED) else f"{each.trial} {sentence}"
                found.setdefault(key, [sentence]).append(str(each.trial))
    return [
        f"{noun_for('trial', len(trials))} {', '.join(trials)}: {sentence}"
        for sentence, *trials in found.values()
    ]


def _measure_totals(results: Sequence[TrialResult], *, timed: bool) -> Iterator[MeasureTotals]:
    """In the order in which they first appear; rates only where guests did not disturb one another."""
    found: dict[tuple[str, str], list[float]] = {}
    for result in results:
        for measure in result.measures:
            if timed or not measure.unit.endswith("/s"):
                found.setdefault((measure.name, measure.unit), []).append(measure.value)
    for (name, unit), values in found.items():
        yield MeasureTotals(
            name=name, unit=unit, median=statistics.median(values), least=min(values), most=max(values),
            trials=len(values),
        )  # fmt: skip


def _request_totals(results: Sequence[TrialResult], clock: Clock, *, timed: bool) -> RequestTotals:
    """`timed` is False where guests disturbed one another: then there are no latencies."""
    summaries = [result.requests for result in results if result.requests is not None]
    latencies = [summary.latency for summary in summaries if timed and summary.latency is not None]
    unit, per_ns = _LATENCY_UNITS[clock]

    def median(values_ns: list[int]) -> float | None:
        return round(statistics.median(values_ns) * per_ns, 1) if values_ns else None

    return RequestTotals(
        noun=summaries[0].noun if summaries else "request",
        succeeded=sum(summary.succeeded for summary in summaries),
        failed=sum(summary.failed for summary in summaries),
        in_flight=sum(summary.in_flight for summary in summaries),
        latency_unit=unit,
        p50=median([latency.p50_ns for latency in latencies]),
        p99=median([latency.p99_ns for latency in latencies]),
        max=round(max(latency.max_ns for latency in latencies) * per_ns, 1) if latencies else None,
        fell_back=_told_sum([summary.fell_back for summary in summaries]),
    )


def _told_sum(counts: Sequence[int | None]) -> int | None:
    """None where none of them is told."""
    told = [count for count in counts if count is not None]
    return sum(told) if told else None
