# SPDX-License-Identifier: Apache-2.0
"""The kernels of a run beside a phone's, as the run's device sets them, and what its trigger asks of each."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.binder import ELEMENT_BYTES, KernelFigures
from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.kernels.phone import PHONE, phone_traits
from orchestrator.kernels.traits.on_device import Settings, on_device
from orchestrator.kernels.traits.page_array import Element
from orchestrator.kernels.traits.table import KernelTable, kernel_table
from orchestrator.scenario.models import Device, Scenario
from orchestrator.units import spaced_size


def settings_of(device: Device) -> Settings:
    """What a device says to its kernel; CMA always, because oomlab always says it."""
    return Settings(device.cmdline, device.sysctls, int(device.cma))


def compare_kernels(scenario: Scenario, artefacts: Mapping[str, ArtefactManifest]) -> KernelTable | None:
    """The table; None for a run that recorded no traits. `artefacts` are those of the run, by base."""
    settings = settings_of(scenario.device)
    told = {name: each.traits for name, each in artefacts.items() if each.traits is not None}
    if not told:
        return None
    return kernel_table(
        {name: on_device(traits, settings) for name, traits in told.items()},
        phone_traits(scenario.device.arch),
        PHONE,
        {name: _asks(scenario, artefacts[name]) for name in told},
    )


def _asks(scenario: Scenario, artefacts: ArtefactManifest) -> str:
    """What the trigger's requests come to: one sentence, or one for each element that variants have."""
    by_words: dict[str, list[str]] = {}
    for name, element in artefacts.elements.items():
        by_words.setdefault(request_words(scenario, artefacts.page_size_bytes, element), []).append(name)
    by_words.pop("", None)
    if len(by_words) == 1:
        return next(iter(by_words))
    return "; ".join(f"{', '.join(names)}: {words}" for words, names in by_words.items())


def request_words(scenario: Scenario, page_bytes: int, element: Element) -> str:
    """What a request of the trigger comes to in a kernel; empty where it makes no page array."""
    kernel = KernelFigures(page_bytes, element.size_bytes or ELEMENT_BYTES)
    arrays, need = scenario.trigger.array_bytes(kernel), scenario.trigger.need(kernel)
    if not arrays or need is None:
        return ""
    assumed = "" if element.size_bytes else f", if an element has {ELEMENT_BYTES} bytes"
    return f"a request of this trigger takes {spaced_size(max(arrays))}: order {need.order}{assumed}"
