# SPDX-License-Identifier: Apache-2.0
"""Kernels as they would be run, for `images show`: what they are made of, and what sets them apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from orchestrator.arch import ArchName
from orchestrator.bases import find_base
from orchestrator.frozen import Frozen
from orchestrator.guests.registry import BACKENDS
from orchestrator.kernels.base import KernelRequest, Progress
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.examined import Examined, examine, examine_image
from orchestrator.kernels.features import KernelFeatures
from orchestrator.kernels.phone import PHONE, phone_traits
from orchestrator.kernels.traits.on_device import Settings, on_device
from orchestrator.kernels.traits.table import KernelTable, kernel_table
from orchestrator.kernels.traits.traits import KernelTraits
from orchestrator.kernels.variants import by_kernel
from orchestrator.paths import cache_dir
from orchestrator.run.environment import variant_recipes
from orchestrator.run.kernel_needs import all_needs, judge_kernel
from orchestrator.scenario.models import Scenario
from orchestrator.verdict.kernels import request_words, settings_of


class ShownKernels(Frozen):
    """Some kernels of one architecture, and how they differ from a phone's."""

    kernels: tuple[Examined, ...]
    lacks: dict[str, tuple[str, ...]] = Field(
        description="by name, what of scenarios each cannot do, or what nobody knows of it"
    )
    table: KernelTable = Field(description="as the device of the scenario sets them, where it is one's")


def show_base(name: str, arch: str, progress: Progress) -> ShownKernels:
    """A base by name, fetched if need be. InputError for an unknown one, HostError if it cannot be had."""
    kernel = examine(Cache(cache_dir()), KernelRequest(*find_base(name, arch)), progress)
    return _shown([kernel], Settings(), {}, tuple(BACKENDS))


def show_scenario(scenario: Scenario, progress: Progress) -> ShownKernels:
    """All kernels of a scenario, fetched or built if need be, as its device sets them."""
    groups = by_kernel(scenario.device.arch, variant_recipes(scenario))
    cache = Cache(cache_dir())
    requests = dict.fromkeys(group.request for group in groups)
    kernels = [examine(cache, request, progress) for request in requests]
    asks = {
        kernel.name: request_words(scenario, kernel.page_size_bytes, kernel.traits.element)
        for kernel in kernels
        if kernel.page_size_bytes is not None
    }
    return _shown(kernels, settings_of(scenario.device), asks, (scenario.device.backend,))


def show_file(path: Path) -> ShownKernels:
    """A kernel image as it lies there. InputError for what is none."""
    return _shown([examine_image(path)], Settings(), {}, tuple(BACKENDS))


def _shown(
    kernels: Sequence[Examined], settings: Settings, asks: dict[str, str], backends: Sequence[str]
) -> ShownKernels:
    traits: dict[str, KernelTraits] = {kernel.name: on_device(kernel.traits, settings) for kernel in kernels}
    table = kernel_table(traits, phone_traits(kernels[0].arch), PHONE, asks)
    return ShownKernels(
        kernels=tuple(kernels),
        lacks={kernel.name: tuple(lacks_of(kernel.arch, kernel.features, backends)) for kernel in kernels},
        table=table,
    )


def lacks_of(arch: ArchName, features: KernelFeatures, backends: Sequence[str]) -> Iterator[str]:
    """Under the first backend, and what stands against the kernel under another one alone."""
    said: set[str] = set()
    for name in backends:
        faults, remarks = judge_kernel(all_needs(BACKENDS[name](None), arch), features)
        if not said:
            yield from (*faults, *remarks)
        else:
            yield from (f"under backend {name}: {fault}" for fault in faults if fault not in said)
        said |= {"", *faults, *remarks}
