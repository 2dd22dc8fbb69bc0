# SPDX-License-Identifier: Apache-2.0
"""Holds a trial's result against what the scenario expects of its variant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.evidence.process_end import short_words
from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from orchestrator.scenario.models import Expectation
from orchestrator.text.amounts import count_of
from orchestrator.verdict.costs import unmet_costs

_NORETRY = "noretry"
BUG_REPORTED = "the kernel reported a bug: "
"""Begins the sentence on a crash that nobody expected; it is the same for the same crash."""


def unmet(expectation: Expectation | None, result: TrialResult) -> list[str]:
    """What in `result` is not as expected, one sentence each; empty when all is.

    Even where nothing is expected of a variant, a hang, a panic, a failed command and a kernel bug are not.
    """
    if expectation is None:
        return [*_faults(result), *_bugs(result)]
    return [
        *_outcome(expectation, result),
        *_first_oom(expectation, result),
        *_requests(expectation, result),
        *_counters(expectation, result),
        *unmet_costs(expectation, result),
        *_victims(expectation, result),
        *_command(expectation, result),
        *(() if _crash_expected(expectation) else _bugs(result)),
    ]


def unmet_when_traced(expectation: Expectation | None, result: TrialResult) -> list[str]:
    """The same of a traced trial, for what only a trace can show; its outcome and figures are disturbed."""
    if expectation is None:
        return list(_bugs(result))
    return [*_orders(expectation, result), *(() if _crash_expected(expectation) else _bugs(result))]


def judged_when_traced(expectation: Expectation | None) -> bool:
    """Whether a traced trial is what shows that something is as expected."""
    return expectation is not None and expectation.max_order_without_noretry is not None


def untraced(expectation: Expectation | None) -> list[str]:
    """What of a variant's expectation cannot be met where no traced trial of it gave evidence."""
    if not judged_when_traced(expectation):
        return []
    return ["max_order_without_noretry: no trial was traced"]


def unmet_by_benchmarks(expectation: Expectation | None, result: TrialResult) -> list[str]:
    """The same of a fork for benchmarks alone: no hang, no panic, no kernel bug."""
    costs = [] if expectation is None else unmet_costs(expectation, result)
    if expectation is not None and _crash_expected(expectation) and result.kernel_bugs:
        return [*costs]
    return [*_faults(result), *costs, *_bugs(result)]


def unmet_by_all(expectation: Expectation | None, results: Sequence[TrialResult]) -> list[str]:
    """What all forks of a variant together leave to be desired."""
    expected = expectation is not None and expectation.kernel_bug
    if not expected or any(result.kernel_bugs for result in results):
        return []
    return ["the kernel reported no bug in any fork"]


def _outcome(expectation: Expectation, result: TrialResult) -> Iterator[str]:
    wanted = expectation.expected_outcome
    crash_expected = expectation.panicked or expectation.kernel_bug
    if wanted is None:
        # A panic is what such a crash may well end in.
        crashed = result.outcome in (Outcome.KERNEL_CRASH, Outcome.PANIC)
        yield from () if crash_expected and crashed else _faults(result)
    elif result.outcome is not wanted:
        yield f"outcome {result.outcome} instead of {wanted}: {result.why}"
    if expectation.panicked is not None and result.panicked != expectation.panicked:
        yield "panicked" if result.panicked else "did not panic"


def _first_oom(expectation: Expectation, result: TrialResult) -> Iterator[str]:
    wanted, seen = expectation.first_oom, result.first_oom
    if wanted is None:
        return
    if seen is None:
        yield "no OOM report on the console to compare with first_oom"
        return
    if wanted.order is not None and seen.order != wanted.order:
        yield f"first OOM at order {seen.order} instead of {wanted.order}"
    if wanted.caller is not None and wanted.caller != seen.stack_first_caller:
        yield f"first OOM from {seen.stack_first_caller or 'an unknown caller'} instead of {wanted.caller}"
    trigger = seen.trigger.comm if seen.trigger else None
    if wanted.trigger is not None and trigger != wanted.trigger:
        yield f"OOM killer first invoked by {trigger or 'an unknown process'} instead of {wanted.trigger}"


def _requests(expectation: Expectation, result: TrialResult) -> Iterator[str]:
    if expectation.requests_failed is None:
        return
    if result.requests is None:
        yield "no count of requests reached the host"
    elif (failed := result.requests.failed) != expectation.requests_failed:
        yield f"{result.requests.count(failed)} failed instead of {expectation.requests_failed}"


def _orders(expectation: Expectation, result: TrialResult) -> Iterator[str]:
    limit = expectation.max_order_without_noretry
    if limit is None:
        return
    if result.page_arrays is None:
        yield "no trace of the trigger's requests reached the host"
        return
    for request, count in result.page_arrays.page_orders.items():
        order = int(request.split()[1])
        if order > limit and not request.endswith(_NORETRY):
            found = f"{count_of('page request', count)} of order {order}"
            yield f"{found} without __GFP_NORETRY, expected up to {limit}"


def _counters(expectation: Expectation, result: TrialResult) -> Iterator[str]:
    if expectation.vmstat and not result.vmstat_delta:
        # Something always moves: no counters are no counters that stood still.
        yield "no counters of /proc/vmstat over the trigger reached the host"
        return
    for name, bounds in expectation.vmstat.items():
        moved = result.vmstat_delta.get(name, 0)
        if bounds.min is not None and moved < bounds.min:
            yield f"{name} rose by {moved}, at least {bounds.min} expected"
        if bounds.max is not None and moved > bounds.max:
            yield f"{name} rose by {moved}, at most {bounds.max} expected"


def _victims(expectation: Expectation, result: TrialResult) -> Iterator[str]:
    if expectation.killed is not None and all(victim.role != expectation.killed for victim in result.victims):
        killed = ", ".join(sorted({victim.role for victim in result.victims})) or "nobody"
        yield f"the kernel killed {killed} instead of the {expectation.killed}"


def _command(expectation: Expectation, result: TrialResult) -> Iterator[str]:
    """How the trigger's command ended: it is the trigger's only process that the agent started."""
    if expectation.exit_status is None and expectation.signal is None:
        return
    wanted = expectation.signal or f"exit status {expectation.exit_status}"
    seen = short_words(result.processes[0]) if result.processes else "a command that was not seen to end"
    if seen != wanted:
        yield f"{seen} instead of {wanted}"


def _faults(result: TrialResult) -> Iterator[str]:
    """What no trigger should come to unless the scenario says that it will."""
    if result.outcome is Outcome.HANG:
        yield f"hung: {result.why}"
    elif result.outcome is Outcome.COMMAND_FAILED:
        yield f"the command failed: {result.why}"
    elif result.outcome.is_fault and not (result.outcome is Outcome.KERNEL_CRASH and result.kernel_bugs):
        yield f"outcome {result.outcome}: {result.why}"


def _crash_expected(expectation: Expectation) -> bool:
    """By its name, or as the bug of which it is known that it ends nothing."""
    return expectation.kernel_bug or expectation.outcome is Outcome.KERNEL_CRASH


def _bugs(result: TrialResult) -> Iterator[str]:
    # A half-patched kernel (kvfree under a spinlock, say) does all that is asked of it and still is broken.
    if result.kernel_bugs:
        yield f"{BUG_REPORTED}{result.kernel_bugs[0]}"
