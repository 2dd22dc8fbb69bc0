# SPDX-License-Identifier: Apache-2.0
"""What sets one kernel apart from another for memory: the record, read from a configuration."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field

from orchestrator.arch import ArchName
from orchestrator.frozen import Frozen
from orchestrator.kernels.traits.config import KernelConfig
from orchestrator.kernels.traits.page_array import Element, unknown
from orchestrator.units import KIB, MIB

Feature = Literal["absent", "off", "on"]
"""Not compiled in; there and off; there and on."""
Linkage = Literal["absent", "module", "built in"]
HugePages = Literal["absent", "never", "madvise", "always"]

DEFAULT_PROACTIVENESS = 20
"""vm.compaction_proactiveness where nobody sets it (mm/compaction.c)."""


class KernelTraits(Frozen):
    """A kernel's traits; null is unknown, and `unknown` says why."""

    page_size_bytes: int | None = Field(None, description="size of an order-0 page")
    numa: bool | None = Field(None, description="NUMA")
    nodes: int | None = Field(None, description="most NUMA nodes it can have (NODES_SHIFT); 1 without NUMA")
    page_shuffle: Feature | None = Field(None, description="SHUFFLE_PAGE_ALLOCATOR, page_alloc.shuffle=")
    mglru: Feature | None = Field(None, description="LRU_GEN, LRU_GEN_ENABLED")
    psi: Feature | None = Field(None, description="PSI, PSI_DEFAULT_DISABLED, psi=")
    cma: bool | None = Field(None, description="CMA")
    cma_bytes: int | None = Field(
        None, description="the reserved area of the contiguous memory allocator; 0: none"
    )
    init_on_alloc: bool | None = Field(None, description="INIT_ON_ALLOC_DEFAULT_ON, init_on_alloc=")
    thp: HugePages | None = Field(
        None, description="transparent huge pages of anonymous memory, transparent_hugepage="
    )
    zram: Linkage | None = Field(None, description="ZRAM")
    compaction: bool | None = Field(None, description="COMPACTION")
    compaction_proactiveness: int | None = Field(None, description="vm.compaction_proactiveness")
    binder: Linkage | None = Field(None, description="ANDROID_BINDER_IPC, the driver in C")
    binder_rust: Linkage | None = Field(None, description="ANDROID_BINDER_IPC_RUST, the driver in Rust")
    binderfs: bool | None = Field(None, description="ANDROID_BINDERFS")
    memcg: Feature | None = Field(None, description="MEMCG, cgroup_disable=memory")
    va_bits: int | None = Field(None, description="bits of a process's addresses that the kernel uses")
    element: Element = Field(
        unknown("nobody has looked"), description="of the binder driver's page array, by `binder_alloc.pages`"
    )
    unknown: dict[str, str] = Field(default_factory=dict, description="by trait, why it is not known")

    def with_drivers(self, built_in: Collection[str]) -> KernelTraits:
        """The same, where options of the driver are known to be built in by other means."""
        names = {"ANDROID_BINDER_IPC": "binder", "ANDROID_BINDER_IPC_RUST": "binder_rust"}
        found = {names[each]: "built in" for each in built_in if each in names}
        rest = {name: why for name, why in self.unknown.items() if name not in found}
        return self.model_copy(update={**found, "unknown": rest})


def traits_of(
    config: KernelConfig | None,
    arch: ArchName,
    element: Element,
    *,
    page_size_bytes: int | None = None,
    why_not: str = "it comes without its configuration",
) -> KernelTraits:
    """The traits by a configuration (`why_not`: there is none), an element that was found elsewhere, and
    the page size, which may be known from elsewhere, too."""
    read = _read(config, arch) if config is not None else {}
    if page_size_bytes is not None:
        read["page_size_bytes"] = page_size_bytes
    reason = f"{config.name} does not say" if config is not None else why_not
    missing = [name for name in _FROM_CONFIG if read.get(name) is None]
    known = {name: value for name, value in read.items() if value is not None}
    return KernelTraits.model_validate(
        known | {"element": element, "unknown": dict.fromkeys(missing, reason)}
    )


_FROM_CONFIG = tuple(name for name in KernelTraits.model_fields if name not in ("element", "unknown"))


def _read(config: KernelConfig, arch: ArchName) -> dict[str, object]:
    numa, cma, compaction = config.on("NUMA"), config.on("CMA"), config.on("COMPACTION")
    return {
        "page_size_bytes": _page_size_bytes(config, arch),
        "numa": numa,
        "nodes": _nodes(config, numa),
        "page_shuffle": _feature(config.on("SHUFFLE_PAGE_ALLOCATOR"), on=False),
        "mglru": _feature(config.on("LRU_GEN"), on=config.on("LRU_GEN_ENABLED")),
        "psi": _feature(config.on("PSI"), on=not config.on("PSI_DEFAULT_DISABLED")),
        "cma": cma,
        "cma_bytes": _cma_bytes(config, cma),
        "init_on_alloc": config.on("INIT_ON_ALLOC_DEFAULT_ON"),
        "thp": _huge_pages(config),
        "zram": _linkage(config, "ZRAM"),
        "compaction": compaction,
        "compaction_proactiveness": DEFAULT_PROACTIVENESS if compaction else None,
        "binder": _linkage(config, "ANDROID_BINDER_IPC"),
        "binder_rust": _linkage(config, "ANDROID_BINDER_IPC_RUST"),
        "binderfs": config.on("ANDROID_BINDERFS"),
        "memcg": _feature(config.on("MEMCG"), on=True),
        "va_bits": _va_bits(config, arch),
    }


def _page_size_bytes(config: KernelConfig, arch: ArchName) -> int | None:
    """arch/arm64/Kconfig has a choice of three; x86 has one size."""
    if arch == "x86_64":
        return 4 * KIB
    sizes = (size for size in (4, 16, 64) if config.value(f"ARM64_{size}K_PAGES") == "y")
    return next((size * KIB for size in sizes), None)


def _nodes(config: KernelConfig, numa: bool | None) -> int | None:
    if numa is False:
        return 1
    shift = config.number("NODES_SHIFT")
    return 1 << shift if numa and shift is not None and 0 <= shift < KIB else None


def _cma_bytes(config: KernelConfig, cma: bool | None) -> int | None:
    """The area that is reserved where the command line says nothing (kernel/dma/contiguous.c)."""
    if cma is False:
        return 0
    size = config.number("CMA_SIZE_MBYTES") if config.on("CMA_SIZE_SEL_MBYTES") is not False else None
    return None if size is None else size * MIB


def _huge_pages(config: KernelConfig) -> HugePages | None:
    if config.on("TRANSPARENT_HUGEPAGE") is False:
        return "absent"
    choices: tuple[HugePages, ...] = ("always", "madvise", "never")
    for choice in choices:
        if config.on(f"TRANSPARENT_HUGEPAGE_{choice.upper()}"):
            return choice
    return None


def _va_bits(config: KernelConfig, arch: ArchName) -> int | None:
    if arch == "arm64":
        chosen = (bits for bits in (36, 39, 42, 47, 48, 52) if config.value(f"ARM64_VA_BITS_{bits}") == "y")
        return config.number("ARM64_VA_BITS") or next(chosen, None)
    return {4: 48, 5: 57}.get(config.number("PGTABLE_LEVELS") or 0)


def _linkage(config: KernelConfig, option: str) -> Linkage | None:
    linkages: dict[str | None, Linkage] = {"y": "built in", "m": "module", "n": "absent"}
    return linkages.get(config.value(option))


def _feature(there: bool | None, *, on: bool | None) -> Feature | None:
    if there is False:
        return "absent"
    return None if there is None or on is None else ("on" if on else "off")
