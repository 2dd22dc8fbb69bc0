# SPDX-License-Identifier: Apache-2.0
"""What all trials of a variant come to, summed up once and in the unit of its clock."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from orchestrator.analysis.audit import AuditSummary
from orchestrator.clock import Clock
from orchestrator.outcome import Outcome
from orchestrator.record.result import (
    CommandOutput,
    LatencySummary,
    Measure,
    ProcessEnd,
    RequestPaths,
    RequestSummary,
    TargetState,
    TrialResult,
    Victim,
)
from orchestrator.report.rows import variant_rows
from orchestrator.scenario.models import Expectation
from orchestrator.verdict.variant import MeasureTotals, RequestTotals, VariantVerdict, variant_verdict
from orchestrator.verdict.verdict import Verdict
from tests.unit.evidence.guest_output import judged, passed


def trial(number: int = 1, **changes: Any) -> TrialResult:
    return judged(passed(), trial=number).model_copy(update={"why": "so it was"} | changes)


def verdict(
    *trials: TrialResult, expectation: Expectation | None = None, clock: Clock = "realtime"
) -> VariantVerdict:
    return variant_verdict(trials, expectation, clock, timed=True)


def mmaps(p50_ns: int | None, ok: int = 1) -> RequestSummary:
    latency = None
    if p50_ns is not None:
        latency = LatencySummary(count=ok, p50_ns=p50_ns, p99_ns=2 * p50_ns, max_ns=3 * p50_ns)
    return RequestSummary(planned=9, succeeded=ok, failed=2, in_flight=3, errnos={}, latency=latency)


@pytest.mark.parametrize(
    ("clock", "totals"),
    [
        ("realtime", {"latency_unit": "us", "p50": 2.1, "p99": 4.1, "max": 27.0}),
        ("deterministic", {"latency_unit": "instructions", "p50": 515.5, "p99": 1031.0, "max": 6750.0}),
    ],
)
def test_latencies_are_medians_of_medians_and_the_slowest(clock: Clock, totals: dict[str, Any]) -> None:
    summaries = [mmaps(1000, 1), mmaps(2062, 10), mmaps(9000, 100), mmaps(None, 1000), None]
    found = verdict(*(trial(requests=each) for each in summaries), clock=clock).requests
    assert found == RequestTotals(noun="mmap", succeeded=1111, failed=8, in_flight=12, **totals)


def test_without_any_request_nothing_is_counted() -> None:
    assert verdict(trial(requests=None)).requests == RequestTotals(
        succeeded=0, failed=0, in_flight=0, latency_unit="us", p50=None, p99=None, max=None
    )


def paths(contiguous: int, flags: str) -> RequestPaths:
    return RequestPaths(
        gfp_flags={flags: 1}, contiguous=contiguous, fell_back=10, refused=100, insists=True,
        vmalloc_areas=None, page_orders={},
    )  # fmt: skip


def test_requests_are_of_the_traced_forks_that_gave_evidence() -> None:
    found = verdict(
        trial(page_arrays=paths(9999, "untraced")),
        trial(stage="audit-trigger", page_arrays=paths(1, "b")),
        trial(stage="audit-trigger", page_arrays=paths(2, "a")),
        trial(stage="audit-trigger", page_arrays=None),
        trial(stage="audit-trigger", page_arrays=paths(9999, "lost"), outcome=Outcome.LOST),
        trial(stage="audit-target", page_arrays=paths(9999, "benchmark")),
    )
    assert (found.contiguous, found.fell_back, found.refused) == (3, 20, 200)
    assert found.gfp_flags == ("a", "b")
    assert found.trials == 1
    nothing = verdict(trial())
    assert (nothing.contiguous, nothing.fell_back, nothing.refused, nothing.gfp_flags) == (0, 0, 0, ())


def end(status: int | None = None, signal: int | None = None) -> ProcessEnd:
    return ProcessEnd(process=0, pid=1, exit_status=status, signal=signal)


def test_processes_are_counted_by_their_end_but_not_those_that_the_oom_killer_ended() -> None:
    found = verdict(
        trial(processes=(end(0), end(signal=9), end(3))),
        trial(processes=(end(0),)),
        trial(processes=(end(signal=9), end(signal=11)), outcome=Outcome.OOM),
    )
    assert found.ends == {"exit status 0": 2, "SIGKILL": 1, "exit status 3": 1, "SIGSEGV": 1}


def test_the_first_failed_command_is_shown() -> None:
    output = CommandOutput(bytes=5, left_out=0, end="no!\n")
    found = verdict(
        trial(1, output=CommandOutput(bytes=9, left_out=0, end="fine\n")),
        trial(2, outcome=Outcome.COMMAND_FAILED, output=output),
        trial(3, outcome=Outcome.COMMAND_FAILED, output=None),
    ).failed_output
    assert found is not None
    assert (found.trial, found.why, found.directory, found.bytes, found.end) == (
        2, "so it was", "0002", 5, "no!\n",
    )  # fmt: skip
    silent = verdict(trial(outcome=Outcome.COMMAND_FAILED, output=None)).failed_output
    assert silent is not None
    assert (silent.bytes, silent.end) == (0, "")
    assert verdict(trial()).failed_output is None


def test_states_victims_and_events_are_of_the_trigger_alone() -> None:
    target = TargetState(
        reached=True, reason="", free_kb=7, usable_units=(3, 1), usable_units_before_compaction=None,
        elapsed_ms=1,
    )  # fmt: skip
    victims = tuple(Victim(role=role, pid=1, signal=9) for role in ("trigger", "bystander", "bystander"))
    fields: dict[str, Any] = {"target": target, "victims": victims, "oom_events": 2}
    found = verdict(trial(**fields), trial(target=None), trial(stage="relaxed", **fields))
    assert (found.free_kb, found.usable_units) == ((7,), ((3, 1),))
    assert (found.killed, found.oom_events) == ({"trigger": 1, "bystander": 2}, 2)
    assert found.outcomes == {Outcome.PASSED: 2}


def test_reasons_name_their_trials_those_of_the_trigger_first() -> None:
    bug = ("BUG: list",)
    found = verdict(
        trial(1, stage="target", outcome=Outcome.HANG),
        trial(2, kernel_bugs=bug),
        trial(3, outcome=Outcome.PANIC),
        trial(4, outcome=Outcome.PANIC),
        trial(5, kernel_bugs=bug),
    )
    assert found.unmet == (
        "trials 2, 5: the kernel reported a bug: BUG: list",
        "trial 3: outcome panic: so it was",
        "trial 4: outcome panic: so it was",
        "trial 1: hung: so it was",
    )
    assert not found.expected


def test_a_variant_that_was_not_run_lacks_nothing_that_was_expected() -> None:
    known = Expectation(kernel_bug=True)
    assert verdict(expectation=known).unmet == ()
    assert verdict(expectation=known).expected
    assert verdict(trial(), expectation=known).unmet == ("the kernel reported no bug in any fork",)


@pytest.mark.parametrize("model", [VariantVerdict, RequestTotals, Verdict, AuditSummary, TrialResult])
def test_a_count_that_is_not_given_is_none(model: type[BaseModel]) -> None:
    """As in a record of a program that did not count it yet; a fork is the first."""
    for name, field in model.model_fields.items():
        if field.annotation is int and not field.is_required():
            assert field.default == (name == "fork"), name


def measured(*values: float, name: str = "throughput", unit: str = "KiB/s") -> list[TrialResult]:
    return [trial(measures=(Measure(name=name, value=value, unit=unit),)) for value in values]


def test_what_the_trigger_measured_is_a_median_with_its_ends() -> None:
    (found,) = verdict(*measured(5, 1, 9), trial()).measures
    assert found == MeasureTotals(name="throughput", unit="KiB/s", median=5, least=1, most=9, trials=3)


def test_rates_of_guests_that_disturbed_one_another_are_no_figures() -> None:
    trials = [*measured(5), *measured(3, name="dropped", unit="messages")]
    found = variant_verdict(trials, None, "realtime", timed=False).measures
    assert [each.name for each in found] == ["dropped"]


def test_traced_forks_do_not_count_among_measures() -> None:
    disturbed = [each.model_copy(update={"stage": "audit-trigger"}) for each in measured(7)]
    assert verdict(*measured(5), *disturbed).measures[0].trials == 1


@pytest.mark.parametrize(
    ("values", "unit", "cell"),
    [
        ([0.0, 0.0, 28.0], "messages", "0 messages (0 to 28)"),
        ([5.0, 5.0], "messages", "5 messages"),
        ([7.0], "", "7"),
        ([60545.0, 60387.0, 60585.0], "KiB/s", "60545 KiB/s"),
    ],
)
def test_a_rare_loss_shows_beside_its_median(values: list[float], unit: str, cell: str) -> None:
    rows = dict(variant_rows([verdict(*measured(*values, name="lost_now", unit=unit))]))
    assert rows["lost now"] == [cell]
