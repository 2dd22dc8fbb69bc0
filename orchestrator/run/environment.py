# SPDX-License-Identifier: Apache-2.0
"""What a scenario needs on this host before its first guest can boot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.clock import Clock
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.guests.backend import Backend, Launcher
from orchestrator.guests.registry import backend_of
from orchestrator.host.capacity import Capacity, Share, find_capacity
from orchestrator.host.facts import HostFacts, host_facts
from orchestrator.host.programs import require
from orchestrator.kernels.images import GuestImages, image_needs, prepare_images
from orchestrator.kernels.lock import Lock
from orchestrator.kernels.modules import TEST_MODULES
from orchestrator.kernels.pins import Pins
from orchestrator.kernels.variants import VariantRecipe
from orchestrator.plan import PlannedBlock, modules_of
from orchestrator.run.guest_files import guest_files
from orchestrator.run.kernel_needs import require_kernels
from orchestrator.run.observer import Observer
from orchestrator.run.watch import PhaseBudgets
from orchestrator.scenario.models import Scenario


@dataclass(frozen=True)
class Environment:
    """What a scenario needs on this host: images by variant, accelerators by clock. Plain data."""

    scenario: Scenario
    images: Mapping[str, GuestImages]
    accelerators: Mapping[Clock, AcceleratorReport]
    host: HostFacts = field(default_factory=host_facts)

    @property
    def backend(self) -> Backend:
        """What runs the scenario's guests."""
        return backend_of(self.scenario.device)

    def launcher(self, planned: PlannedBlock) -> Launcher:
        """The boot of one block (or shell, or proof)."""
        (module, *_) = modules_of(self.scenario, planned.variants)
        accelerator = self.accelerators[planned.clock]
        return self.backend.launcher(self.scenario, planned, self.images[module], accelerator)

    @property
    def elements(self) -> dict[str, int]:
        """By variant the size of an element of binder's page array, bytes, where it is known."""
        found = {}
        for name in self.scenario.variants:
            (module,) = modules_of(self.scenario, (name,))
            element = self.images[module].manifest.elements.get(module)
            if element is not None and element.size_bytes is not None:
                found[name] = element.size_bytes
        return found

    @property
    def budgets(self) -> PhaseBudgets:
        """The scenario's deadlines in this host's seconds."""
        deadlines = self.scenario.deadlines
        slowdown = max(report.slowdown for report in self.accelerators.values())
        return PhaseBudgets(
            deadlines.boot * slowdown, deadlines.target * slowdown, deadlines.trigger * slowdown,
            silence_s=(PhaseBudgets.silence_s + 2 * self.scenario.trigger.pause_s) * slowdown,
            benchmark_s=deadlines.benchmarks * slowdown,
        )  # fmt: skip


def open_environment(
    scenario: Scenario,
    observer: Observer,
    *,
    pins: Pins | None = None,
    lock: Lock | None = None,
    clocks: Sequence[Clock] = (),
    accept: Callable[[Mapping[str, GuestImages]], None] = lambda _images: None,
    here: bool = True,
) -> Environment:
    """Fetch, build and probe what the scenario needs. Raises OomlabError when that fails.

    `pins` and `lock` say which kernels, as `prepare_images` takes them. `clocks` are those its guests will
    run under, if not the scenario's own. `accept` raises for images that are not to be booted. With `here`
    false they will be booted on another machine: nothing is asked of this one but to make them.
    """
    arch, recipes = scenario.device.arch, variant_recipes(scenario)
    backend, files = backend_of(scenario.device), guest_files(scenario)
    require(
        (
            *(backend.needs(arch) if here else ()),
            *(() if pins is not None else image_needs(arch, recipes, files)),
        )
    )
    if here:
        backend.require_version(arch)  # to fail now, not after minutes of downloads
    images = prepare_images(arch, recipes, files=files, progress=observer.progress, pins=pins, lock=lock)
    for remark in require_kernels(scenario, images):
        observer.progress(remark)
    accept(images)
    if not here:
        return Environment(scenario, images, {})
    first = next(iter(images.values()))
    accelerators = {
        clock: backend.accelerator(arch, clock, first, observer.progress)
        for clock in clocks or scenario.trials.clock
    }
    return Environment(scenario, images, accelerators)


def capacity_for(scenario: Scenario, share: Share) -> Capacity:
    """What this host can hold of the scenario's guests; HostError when that is none."""
    backend = backend_of(scenario.device)
    return find_capacity(
        scenario.device.memory,
        share=share,
        overhead_bytes=backend.overhead_bytes,
        forks=scenario.trials.fork,
        measured=bool(backend.capabilities.private_memory),
    )


def variant_recipes(scenario: Scenario) -> list[VariantRecipe]:
    """The scenario's variants as the kernels room wants them: a twin needs nothing of its own."""
    bases, module = scenario.bases, TEST_MODULES.get(scenario.trigger.test_module or "")
    return [
        VariantRecipe(
            name, bases[name], variant.scope, tuple(variant.patches), variant.settings_words, module
        )
        for name, variant in scenario.variants.items()
        if variant.twin_of is None
    ]
