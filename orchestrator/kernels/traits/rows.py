# SPDX-License-Identifier: Apache-2.0
"""What is said of each trait: its name, its value, and what it means for memory where it is not a phone's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.kernels.traits.traits import KernelTraits
from orchestrator.units import spaced_size

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Row:
    """One line of the table. `of`: the fields that it tells; unknown where one of them is.

    `cell` says the value, `means` what it leads to beside the reference's. Kernels with equal cells are
    alike, and so are those with equal `same`, where two values come to the same thing.
    """

    label: str
    of: tuple[str, ...]
    cell: Callable[[KernelTraits], str]
    means: Callable[[KernelTraits, KernelTraits], str]
    same: Callable[[KernelTraits], object] | None = None

    def text(self, traits: KernelTraits) -> str:
        """The value in words."""
        return UNKNOWN if self.why_unknown(traits) else self.cell(traits)

    def why_unknown(self, traits: KernelTraits) -> str:
        """Why the value cannot be told; empty where it can."""
        return next((traits.unknown[name] for name in self.of if name in traits.unknown), "")

    def differ(self, one: KernelTraits, other: KernelTraits) -> bool:
        """Whether both are known and not alike."""
        if self.why_unknown(one) or self.why_unknown(other):
            return False
        key = self.same or self.cell
        return key(one) != key(other)


def _size(size_bytes: int | None) -> str:
    return spaced_size(size_bytes) if size_bytes else "none"


def _page_size(own: KernelTraits, other: KernelTraits) -> str:
    fewer = (own.page_size_bytes or 0) > (other.page_size_bytes or 0)
    how = "fewer and larger" if fewer else "more and smaller"
    return f"memory has {how} pages, so a mapping's page array is {'smaller' if fewer else 'larger'}"


def _numa(traits: KernelTraits) -> str:
    return f"yes, {traits.nodes} nodes at most" if traits.numa else "no"


def _numa_means(own: KernelTraits, _: KernelTraits) -> str:
    if own.numa:
        return "a page's node is read from its memory: a wrong address crashes here, and not on a phone"
    return "a page's node is a constant: a wrong address in its place does no harm here"


def _shuffle_means(own: KernelTraits, _: KernelTraits) -> str:
    if own.page_shuffle == "on":
        return "after boot, free blocks of the largest order come in random order"
    return "after boot, free pages come in the order of their addresses"


def _mglru_means(own: KernelTraits, _: KernelTraits) -> str:
    lists = "generations" if own.mglru == "on" else "active and inactive lists"
    return f"reclaim goes by {lists}: other pages go first, and at another pace"


def _psi_means(own: KernelTraits, _: KernelTraits) -> str:
    return f"killers in user space (lmkd) {'can' if own.psi == 'on' else 'cannot'} wait for memory pressure"


def _cma_means(own: KernelTraits, _: KernelTraits) -> str:
    if not own.cma_bytes:
        return "no free page is kept for movable allocations alone"
    return "so much memory is for movable pages alone: free, and of no use to the driver"


def _init_means(own: KernelTraits, _: KernelTraits) -> str:
    return f"memory is {'zeroed' if own.init_on_alloc else 'not zeroed'} as it is allocated: times differ"


def _thp_means(own: KernelTraits, _: KernelTraits) -> str:
    return {
        "always": "anonymous memory takes large free blocks before single pages",
        "madvise": "anonymous memory takes large blocks only where a process asks for them",
    }.get(str(own.thp), "anonymous memory takes single pages only")


def _zram_means(own: KernelTraits, _: KernelTraits) -> str:
    return (
        "no swap in memory: anonymous pages cannot be reclaimed"
        if own.zram == "absent"
        else "anonymous pages can be reclaimed to zram, where a device has it"
    )


def _compaction(traits: KernelTraits) -> str:
    return f"yes, proactiveness {traits.compaction_proactiveness}" if traits.compaction else "no"


def _compaction_means(own: KernelTraits, other: KernelTraits) -> str:
    if not own.compaction:
        return "free memory that is broken up stays so until neighbours are freed"
    if not other.compaction:
        return "free memory that is broken up by movable pages can be put together again"
    more = (own.compaction_proactiveness or 0) > (other.compaction_proactiveness or 0)
    return f"kcompactd works {'more' if more else 'less'} before anybody asks for a large block"


def _binder(traits: KernelTraits) -> str:
    there = [
        f"{language}, {linkage}"
        for language, linkage in (("C", traits.binder), ("Rust", traits.binder_rust))
        if linkage not in ("absent", None)
    ]
    if not there:
        return "absent"
    return f"{' and '.join(there)}{', binderfs' if traits.binderfs else ''}"


def _binder_means(own: KernelTraits, other: KernelTraits) -> str:
    if "Rust" in _binder(own) and "Rust" not in _binder(other):
        return "the driver in Rust allocates by its own rules"
    if own.binder == "module":
        return "the driver is loaded after boot, and can be exchanged for a patched one"
    if own.binder == "absent":
        return "nothing can map a binder device here"
    return "the driver is part of the kernel: a patched one is another kernel"


def _memcg_means(own: KernelTraits, _: KernelTraits) -> str:
    return f"pages are {'' if own.memcg == 'on' else 'not '}charged to groups, and reclaimed within them"


def _va_means(own: KernelTraits, other: KernelTraits) -> str:
    more = (own.va_bits or 0) > (other.va_bits or 0)
    return f"page tables may have {'more' if more else 'fewer'} levels: processes take other amounts for them"


ROWS: tuple[Row, ...] = (
    Row("page size", ("page_size_bytes",), lambda traits: _size(traits.page_size_bytes), _page_size),
    Row("NUMA", ("numa", "nodes"), _numa, _numa_means, lambda traits: traits.numa),
    Row(
        "page shuffle", ("page_shuffle",), lambda traits: str(traits.page_shuffle), _shuffle_means,
        lambda traits: traits.page_shuffle == "on",
    ),
    Row(
        "MGLRU", ("mglru",), lambda traits: str(traits.mglru), _mglru_means,
        lambda traits: traits.mglru == "on",
    ),
    Row("PSI", ("psi",), lambda traits: str(traits.psi), _psi_means, lambda traits: traits.psi == "on"),
    Row("CMA", ("cma_bytes",), lambda traits: _size(traits.cma_bytes), _cma_means),
    Row(
        "init on alloc", ("init_on_alloc",), lambda traits: "on" if traits.init_on_alloc else "off",
        _init_means,
    ),
    Row(
        "huge pages (THP)", ("thp",), lambda traits: str(traits.thp), _thp_means,
        lambda traits: "never" if traits.thp == "absent" else traits.thp,
    ),
    Row(
        "zram", ("zram",), lambda traits: str(traits.zram), _zram_means,
        lambda traits: traits.zram == "absent",
    ),
    Row("compaction", ("compaction",), _compaction, _compaction_means),
    Row("binder", ("binder",), _binder, _binder_means),
    Row(
        "memory groups", ("memcg",), lambda traits: str(traits.memcg), _memcg_means,
        lambda traits: traits.memcg == "on",
    ),
    Row("address bits", ("va_bits",), lambda traits: str(traits.va_bits), _va_means),
)  # fmt: skip
"""In the order in which they are told."""
