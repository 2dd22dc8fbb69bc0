# SPDX-License-Identifier: Apache-2.0
"""The backends by name, and what a scenario asks of one that it cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from orchestrator.guests.backend import Backend
from orchestrator.scenario.fields import Cross
from orchestrator.scenario.models import Device, Scenario


def _qemu(_device: Device | None = None) -> Backend:
    from orchestrator.guests.qemu.backend import QemuBackend

    return QemuBackend()


def _cuttlefish(device: Device | None = None) -> Backend:
    from orchestrator.guests.cuttlefish.backend import CuttlefishBackend

    return CuttlefishBackend(device)


BACKENDS: dict[str, Callable[[Device | None], Backend]] = {"qemu": _qemu, "cuttlefish": _cuttlefish}
"""By the word for `device.backend`, for a device, or for any (None); what a backend imports is loaded when it
is asked for."""


def backend_of(device: Device) -> Backend:
    """What runs the guests of this device."""
    return BACKENDS[device.backend](device)


def problems_of(scenario: Scenario) -> list[Cross]:
    """All that the scenario asks of its device and this cannot do, each at its key and with the reason."""
    backend = backend_of(scenario.device)
    return [*_beyond(scenario, backend), *backend.problems(scenario)]


def _beyond(scenario: Scenario, backend: Backend) -> Iterator[Cross]:
    """What the capabilities that the backend declares rule out."""
    name, can = scenario.device.backend, backend.capabilities
    if "deterministic" in scenario.trials.clock and not can.deterministic_clock:
        why = can.deterministic_clock.why_not
        yield Cross(("trials", "clock"), f"backend '{name}' has no deterministic clock: {why}", "realtime")
    if scenario.trials.fork and not can.snapshots:
        what = f"backend '{name}' takes no snapshots to fork trials from: {can.snapshots.why_not}"
        yield Cross(("trials", "fork"), f"{what}; cold trials boot for themselves", "false")
    if len(scenario.device.numa_nodes) > 1 and not can.numa_nodes:
        why = can.numa_nodes.why_not
        yield Cross(("device", "nodes"), f"backend '{name}' has no NUMA nodes: {why}", "1")
    if not can.modules and scenario.trigger.test_module is not None:
        what = f"backend '{name}' cannot load the trigger's module: {can.modules.why_not}"
        yield Cross(("trigger", "kind"), what, "binder-mmap")
    if not can.modules:
        yield from _needing_modules(scenario, f"backend '{name}' loads no driver: {can.modules.why_not}")


def _needing_modules(scenario: Scenario, why: str) -> Iterator[Cross]:
    """Distributions' kernels, whose driver is a module, and modules that would be built."""
    remedy = "build a kernel with the driver in it: `base: {source: linux-source-6.12, config: small}`"
    for name, variant in scenario.variants.items():
        if isinstance(variant.base, str):
            what = f"{why}. {variant.base} has its driver as a module"
            yield Cross(("variants", name, "base"), f"{what}; {remedy}")
        elif variant.scope is not None:
            what = f"{why}. Leave out 'scope', and patches are compiled into the kernel"
            yield Cross(("variants", name, "scope"), what)
