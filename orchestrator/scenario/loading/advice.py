# SPDX-License-Identifier: Apache-2.0
"""What is valid in a scenario and probably not meant. Pure.

The main question is whether a scenario could fail at all: where memory may still hold as many usable
units as the trigger asks for, survival proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from orchestrator.binder import ELEMENT_BYTES, KernelFigures
from orchestrator.outcome import Outcome
from orchestrator.scenario.models import Fragmentation, Scenario, Target, Variant
from orchestrator.scenario.triggers.base import Need
from orchestrator.text.amounts import count_of, plural
from orchestrator.units import spaced_size

_MOVABLE = frozenset({"anonymous", "page_cache"})

_NOT_BY_MEMORY = (Outcome.PASSED, Outcome.KERNEL_CRASH, Outcome.REQUEST_FAILED, Outcome.COMMAND_FAILED)


@dataclass(frozen=True)
class Advice:
    """A warning, and the path of the key it is about."""

    path: tuple[str | int, ...]
    what: str


def most_units(scenario: Scenario, order: int, page_bytes: int) -> int:
    """The most usable units of `order` that the scenario's target allows to be left."""
    unit_bytes = page_bytes << order
    bounds = [(scenario.device.memory - scenario.device.cma) // unit_bytes]
    if scenario.fragmentation is not None:
        target = scenario.fragmentation.target
        if target.free is not None and target.free.max is not None:
            bounds.append(target.free.max // unit_bytes)
        if target.picture is not None and target.picture.free_blocks is not None:
            blocks = target.picture.free_blocks
            bounds.append(sum(count << at >> order for at, count in enumerate(blocks) if at >= order))
        # A unit of this order is 2^n units of an order n below; nothing follows from an order above.
        bounds += _at_most(target, None, order)
        bounds.append(
            sum(
                min([node.memory // unit_bytes, *_at_most(target, number, order)])
                for number, node in enumerate(scenario.device.numa_nodes)
            )
        )
    return min(bounds)


def _at_most(target: Target, node: int | None, order: int) -> list[int]:
    return [
        units.max >> (order - units.order)
        for units in target.usable_units
        if units.max is not None and units.order <= order and units.node == node
    ]


def advise(scenario: Scenario, elements: Mapping[str, int] = MappingProxyType({})) -> list[Advice]:
    """Warnings about `scenario`, at most one a key.

    `elements`: by variant the size of an element of binder's page array in bytes, where that is known;
    else it is taken to be what it was up to 6.13.
    """
    kernels = {
        name: KernelFigures(variant.page_bytes, elements.get(name, ELEMENT_BYTES))
        for name, variant in scenario.variants.items()
    }
    return [
        *_could_not_fail(scenario, kernels),
        *_other_order(scenario, kernels),
        *_nobody_to_kill(scenario),
        *_repeated_forks(scenario),
        *(_about_target(scenario, scenario.fragmentation) if scenario.fragmentation is not None else ()),
    ]


def _about_target(scenario: Scenario, fragmentation: Fragmentation) -> Iterator[Advice]:
    target, kinds = fragmentation.target, {stressor.kind for stressor in fragmentation.stressors}
    upper_bound = any(units.max is not None for units in target.usable_units)
    if upper_bound and not kinds:
        yield Advice(
            ("fragmentation", "target"),
            "there is no stressor, so this target is only verified and probably missed",
        )
    if target.hard == "required" and kinds and kinds <= _MOVABLE:
        yield Advice(
            ("fragmentation", "target", "hard"),
            "all of this pressure is movable, so compaction will undo it and the target be missed;"
            " 'forbidden' proves that it can be undone",
        )
    if scenario.device.cma and target.free is not None:
        yield Advice(
            ("device", "cma"),
            "CMA is not counted in 'free', although the guest's own MemFree counts it: binder cannot use it",
        )


def _repeated_forks(scenario: Scenario) -> Iterator[Advice]:
    if scenario.trials.forks > 1 and "deterministic" in scenario.trials.clock:
        yield Advice(
            ("trials", "forks"),
            "under the deterministic clock one fork of each variant is made:"
            " a second would repeat it bit for bit",
        )


def _nobody_to_kill(scenario: Scenario) -> Iterator[Advice]:
    expected = scenario.expectations.values()
    if any(expectation.panicked for expectation in expected):
        return
    if scenario.trigger.oom_score_adj == -1000 and (
        scenario.bystanders is None or scenario.bystanders.oom_score_adj == -1000
    ):
        yield Advice(
            ("trigger", "oom_score_adj"),
            "nothing in the guest may be killed:"
            " an OOM will end in a panic, 'System is deadlocked on memory'",
        )


def _other_order(scenario: Scenario, kernels: Mapping[str, KernelFigures]) -> Iterator[Advice]:
    """Page arrays that are smaller than those which an OOM is expected of."""
    for name, expectation in scenario.expectations.items():
        wanted = expectation.first_oom.order if expectation.first_oom is not None else None
        kernel = kernels[name]
        need, arrays = scenario.trigger.need(kernel), scenario.trigger.array_bytes(kernel)
        if wanted is None or need is None or not arrays or need.order >= wanted:
            continue
        yield Advice(
            ("expectations", name, "first_oom", "order"),
            f"a request of the trigger takes {spaced_size(max(arrays))} with variant '{name}', order"
            f" {need.order} ({count_of('byte', kernel.element_bytes)} a page):"
            f" no OOM of order {wanted} comes of it",
        )


def _could_not_fail(scenario: Scenario, kernels: Mapping[str, KernelFigures]) -> Iterator[Advice]:
    for name, variant in _meant_to_fail(scenario).items():
        need = scenario.trigger.need(kernels[name])
        if need is None:
            return
        left = most_units(scenario, need.order, variant.page_bytes)
        if left < need.units:
            continue
        yield Advice(*_could_not_fail_words(scenario, name, need, left))
        return


def _meant_to_fail(scenario: Scenario) -> dict[str, Variant]:
    """The variants whose survival would be a surprise, or would be taken for a finding.

    Those that are expected to fail; or, where nothing is expected of any variant, all of them: such a
    run compares. A variant that is expected to pass under a lower bound on usable units is a control,
    which is *meant* not to fail; under an upper bound it is there to be put to the test.
    """
    if not scenario.expectations:
        return scenario.variants
    outcomes = {name: expectation.expected_outcome for name, expectation in scenario.expectations.items()}
    failing = {name for name, outcome in outcomes.items() if outcome not in (None, *_NOT_BY_MEMORY)}
    return {name: variant for name, variant in scenario.variants.items() if name in failing}


def _could_not_fail_words(
    scenario: Scenario, name: str, need: Need, left: int
) -> tuple[tuple[str | int, ...], str]:
    trigger = scenario.trigger
    if need.order == 0 and (blame := trigger.single_pages) is not None:
        return ("trigger", blame.key), (
            f"{blame.what} takes single pages in variant '{name}', so fragmentation cannot make it fail"
        )
    asks = f"the trigger needs {need.units} of order {need.order}"
    if need.units < trigger.planned and (blame := trigger.released) is not None:
        return ("trigger", blame.key), (
            f"{blame.what} is released before the next, so {asks} at a time, however many"
            f" {plural(trigger.request or 'request')} follow:"
            f" with up to {count_of('usable unit', left)} left variant '{name}' could not fail"
        )
    if scenario.fragmentation is None:
        return ("trigger",), (
            f"memory is not fragmented: {asks} and there may be {left}, so variant '{name}' could not fail"
        )
    return ("fragmentation", "target", "usable_units"), (
        f"the target may leave {count_of('usable unit', left)} of order {need.order} and {asks}:"
        f" then variant '{name}' could not fail"
    )
