# SPDX-License-Identifier: Apache-2.0
"""A target that was missed: what stressors took until then, and what of the scenario would be met. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.outcome import Outcome
from orchestrator.record.result import TargetState, TrialResult
from orchestrator.scenario.fragmentation import Fragmentation, UsableUnits
from orchestrator.scenario.models import Scenario
from orchestrator.text.amounts import count_of
from orchestrator.units import KIB, MIB

_KIB_PER_MIB = MIB // KIB


def target_advice(scenario: Scenario, trials: Sequence[TrialResult]) -> tuple[str, ...]:
    """Sentences on the first trial whose target was missed, of a guest that could say by how much.

    Not escaped: the reason is the guest's word.
    """
    wanted = scenario.fragmentation
    for trial in trials:
        if trial.outcome is Outcome.TARGET_MISSED and wanted is not None and trial.target is not None:
            if trial.target.reached:
                continue
            page_kb = scenario.variants[trial.variant].page_bytes // KIB
            taken = _taken(trial.target, page_kb)
            return (
                *([f"until the target was missed the stressors took {taken}"] if taken else []),
                *_changes(wanted, trial.target, scenario.deadlines.target),
            )
    return ()


def _taken(target: TargetState, page_kb: int) -> str:
    return ", ".join(
        f"{name} {kb / _KIB_PER_MIB:.1f} MiB ({count_of('page', kb // page_kb)})"
        for name, kb in target.taken_kb.items()
    )


def _changes(wanted: Fragmentation, target: TargetState, deadline_s: float) -> Iterator[str]:
    for bound in wanted.target.usable_units:
        yield from _units(bound, _observed(bound, target))
    yield from _free(wanted, target)
    if target.reason == "deadline":
        yield f"`deadlines.target: {2 * deadline_s:g}s` gives the stressors twice the time"
    if target.reason == "compactable":
        yield (
            "compaction repaired the state each time: put `pipes`, whose pages cannot be moved, first among"
            " `fragmentation.stressors`, or say `fragmentation.target.hard: unchecked`"
        )


def _observed(bound: UsableUnits, target: TargetState) -> int | None:
    units: Sequence[int] | None = target.usable_units
    if bound.node is not None:
        units = next((node.usable_units for node in target.nodes if node.node == bound.node), None)
    return units[bound.order] if units is not None and bound.order < len(units) else None


def _units(bound: UsableUnits, there: int | None) -> Iterator[str]:
    if there is None:
        return
    node = "" if bound.node is None else f", node: {bound.node}"
    for side, limit, missed in (
        ("max", bound.max, bound.max is not None and there > bound.max),
        ("min", bound.min, bound.min is not None and there < bound.min),
    ):
        if missed:
            yield (
                f"usable units at order {bound.order}{bound.of_node} came to {there}, {side} is {limit}:"
                f" `fragmentation.target.usable_units: {{order: {bound.order}{node}, {side}: {there}}}`"
                " would have been met"
            )


def _free(wanted: Fragmentation, target: TargetState) -> Iterator[str]:
    """In whole MiB, rounded to the side that is met."""
    free = wanted.target.free
    if free is None:
        return
    for side, limit, missed, mib in (
        ("min", free.min, free.min is not None and target.free_kb < free.min // KIB,
         target.free_kb // _KIB_PER_MIB),
        ("max", free.max, free.max is not None and target.free_kb > free.max // KIB,
         -(-target.free_kb // _KIB_PER_MIB)),
    ):  # fmt: skip
        if missed and limit is not None:
            yield (
                f"{target.free_kb / _KIB_PER_MIB:.1f} MiB were free, {side} is {limit / MIB:g} MiB:"
                f" `fragmentation.target.free.{side}: {mib}MiB` would have been met"
            )
