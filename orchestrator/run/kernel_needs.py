# SPDX-License-Identifier: Apache-2.0
"""What a scenario needs of its kernels, held against what they have, before anything boots.

What is needed and not there is an error; what only costs figures, or is not known, is a remark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from orchestrator.arch import ArchName
from orchestrator.errors import InputError
from orchestrator.guests.backend import Backend
from orchestrator.guests.registry import backend_of
from orchestrator.kernels.features import (
    BINDER_DRIVER,
    NULL_BLOCK_DEVICE,
    ZRAM,
    Feature,
    KernelFeatures,
    KernelNeed,
)
from orchestrator.kernels.images import GuestImages
from orchestrator.kernels.nodes import too_few_nodes
from orchestrator.scenario.benchmark import HugePageFault
from orchestrator.scenario.device import Variant
from orchestrator.scenario.models import Scenario
from orchestrator.text.amounts import count_of
from orchestrator.units import spaced_size

_OF_GUESTS = (
    KernelNeed(Feature(("BLK_DEV_INITRD",)), "the guest's root file system"),
    KernelNeed(Feature(("BINFMT_ELF",)), "programs"),
    KernelNeed(Feature(("PRINTK",)), "the console, which carries OOM reports"),
    KernelNeed(Feature(("PROC_FS",)), "/proc, where memory is read"),
    KernelNeed(Feature(("SYSFS",)), "/sys, where the watchdog is"),
    KernelNeed(Feature(("DEVTMPFS",)), "/dev"),
)
"""Of any guest; the backend adds what its devices need. What a kernel that is built for guests has:
images/kernel/guest.config."""
_FIGURES = (
    KernelNeed(Feature(("COMPACTION",)), "no compaction, and no figures of it", figures_only=True),
    KernelNeed(Feature(("DEBUG_FS",)), "no fragmentation indexes", figures_only=True),
    KernelNeed(Feature(("PROC_PAGE_MONITOR",)), "no fingerprints of memory states", figures_only=True),
    KernelNeed(Feature(("SYNTH_EVENTS",)), "no allocation audit", figures_only=True),
    KernelNeed(Feature(("HIST_TRIGGERS",)), "no allocation audit", figures_only=True),
)
_HUGE_PAGES = KernelNeed(Feature(("TRANSPARENT_HUGEPAGE",)), "the benchmark thp")
_HINT = (
    "of a kernel that is given: its modules go with it as `modules:`; of one that is built: `options:`;"
    " or leave out of the scenario what needs it"
)
_OF_STRESSORS = {
    "page_cache": KernelNeed(NULL_BLOCK_DEVICE, "the stressor page_cache"),
    "ballast": KernelNeed(Feature(("HUGETLBFS",)), "the stressor ballast"),
    "slab": KernelNeed(Feature(("POSIX_MQUEUE",)), "the stressor slab"),
    "high_order": KernelNeed(Feature(("UNIX",)), "the stressor high_order"),
}


def needs_of(scenario: Scenario) -> Iterator[KernelNeed]:
    """All of them, those that any guest has first."""
    device, target = scenario.device, scenario.fragmentation.target if scenario.fragmentation else None
    yield from _OF_GUESTS
    yield from backend_of(device).kernel_needs(device.arch)
    yield from _of_loads(scenario)
    for stressor in scenario.fragmentation.stressors if scenario.fragmentation else ():
        if stressor.kind in _OF_STRESSORS:
            yield _OF_STRESSORS[stressor.kind]
    if target is not None and target.picture is not None:
        yield from _of_picture(target.picture.model_dump(exclude_none=True))
    if target is not None and target.hard == "forbidden":
        yield KernelNeed(Feature(("COMPACTION",)), "`hard: forbidden`, which has the kernel compact")
    if device.zram is not None:
        yield KernelNeed(Feature(("SWAP",)), "device.zram")
        yield KernelNeed(ZRAM, "device.zram")
    if len(device.numa_nodes) > 1:
        yield KernelNeed(Feature(("NUMA",)), "device.nodes: without it all memory is one node")
    if device.cma:
        yield KernelNeed(Feature(("CMA",)), "device.cma")
    yield from _FIGURES


def _of_loads(scenario: Scenario) -> Iterator[KernelNeed]:
    """Of the trigger and the benchmarks."""
    if scenario.trigger.uses_binder:
        yield KernelNeed(BINDER_DRIVER, f"the trigger {scenario.trigger.kind}")
    if scenario.trigger.test_module is not None:
        purpose = f"the trigger {scenario.trigger.kind}, whose requests a module makes"
        yield KernelNeed(Feature(("MODULES",)), purpose)
    for option in scenario.trigger.kernel_options:
        yield KernelNeed(Feature((option,)), f"the trigger {scenario.trigger.kind}")
    if any(benchmark.uses_binder for benchmark in scenario.benchmarks):
        yield KernelNeed(BINDER_DRIVER, "binder benchmarks")
    if any(isinstance(benchmark, HugePageFault) for benchmark in scenario.benchmarks):
        yield _HUGE_PAGES


def needs_driver(scenario: Scenario) -> bool:
    """Whether anything in it opens the driver under test."""
    return scenario.uses_binder


def _of_variant(variant: Variant) -> Iterator[KernelNeed]:
    if variant.zram is not None:
        yield KernelNeed(Feature(("SWAP",)), "the variant's zram")
        yield KernelNeed(ZRAM, "the variant's zram")


def _of_picture(lines: Iterable[str]) -> Iterator[KernelNeed]:
    wanted = set(lines)
    if wanted & {"active_file", "inactive_file"}:
        yield KernelNeed(NULL_BLOCK_DEVICE, "the picture's file pages")
    if "slab_unreclaimable" in wanted:
        yield KernelNeed(Feature(("POSIX_MQUEUE",)), "the picture's slab_unreclaimable")


def all_needs(backend: Backend, arch: ArchName) -> Iterator[KernelNeed]:
    """What any scenario might need of a kernel on such devices, those that any guest has first."""
    yield from _OF_GUESTS
    yield from backend.kernel_needs(arch)
    yield KernelNeed(BINDER_DRIVER, "the trigger binder-mmap and binder benchmarks")
    yield _HUGE_PAGES
    yield KernelNeed(Feature(("INET",)), "the trigger network over UDP and TCP")
    yield from _OF_STRESSORS.values()
    yield KernelNeed(Feature(("SWAP",)), "device.zram")
    yield KernelNeed(ZRAM, "device.zram")
    yield KernelNeed(Feature(("CMA",)), "device.cma")
    yield KernelNeed(Feature(("NUMA",)), "device.nodes")
    yield from _FIGURES


def require_kernels(scenario: Scenario, images: Mapping[str, GuestImages]) -> list[str]:
    """The remarks on the scenario's kernels, by variant. InputError that names all that is missing."""
    needs = list(needs_of(scenario))
    modules = backend_of(scenario.device).capabilities.modules
    remarks: list[str] = []
    faults: list[str] = []
    for name, guest in images.items():
        features = guest.features
        if features is None:
            continue
        own_faults, own_remarks = judge_kernel([*needs, *_of_variant(scenario.variants[name])], features)
        if guest.binder == "module" and not modules and needs_driver(scenario):
            own_faults.append(f"its binder driver is a module, and none can be loaded: {modules.why_not}")
        faults += [f"{name}: {text}" for text in (*own_faults, *_too_few_nodes(scenario, guest))]
        remarks += [f"{name}: {text}" for text in own_remarks]
        assumed = scenario.variants[name].page_bytes
        if guest.page_size_bytes != assumed:
            remarks.append(
                f"{name}: its pages are of {spaced_size(guest.page_size_bytes)}: an order of the scenario is"
                f" {guest.page_size_bytes // assumed} times as much memory as with {spaced_size(assumed)}"
            )
    if faults:
        raise InputError(
            f"{count_of('thing', len(faults))} that the scenario needs and its kernels do not have"
            if faults[1:]
            else faults[0],
            hint=_HINT,
            evidence=faults if faults[1:] else (),
        )
    return remarks


def _too_few_nodes(scenario: Scenario, guest: GuestImages) -> Iterator[str]:
    """Of a kernel with NUMA; whether it has that is a need like any other."""
    traits = guest.manifest.traits
    if traits is not None and traits.numa:
        why = too_few_nodes(traits, len(scenario.device.numa_nodes))
        if why is not None:
            yield f"it {why}"


def judge_kernel(needs: Iterable[KernelNeed], features: KernelFeatures) -> tuple[list[str], list[str]]:
    """What stands against a kernel, and what is to be known of it; each thing once."""
    faults: dict[str, None] = {}
    remarks: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for need in needs:
        there = features.has(need.feature)
        if there is None:
            unknown[need.feature.named] = None
        elif not there and need.figures_only:
            remarks[f"{features.why_not(need.feature)}: {need.purpose}"] = None
        elif not there:
            faults[f"{features.why_not(need.feature)}, which is needed for {need.purpose}"] = None
    if unknown:
        names = ", ".join(unknown)
        remarks[f"it comes without its configuration: whether it has {names} shows when it boots"] = None
    return list(faults), list(remarks)
