# SPDX-License-Identifier: Apache-2.0
"""What the binder driver asks the allocator for: drivers/android/binder_alloc.c."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.units import MIB

ELEMENT_BYTES = 32
"""sizeof(struct binder_lru_page) on 64-bit kernels, 4.14 to 6.13 (binder_alloc.h). From 6.14 on an element is
a pointer: whoever has a kernel at hand looks (`kernels.traits.page_array`)."""
LARGEST_MAPPING_BYTES = 4 * MIB
"""binder_alloc_mmap_handler() uses no more of a mapping than SZ_4M."""


@dataclass(frozen=True)
class KernelFigures:
    """What of a kernel decides how much a request asks for. An element as it long was, if nobody looked."""

    page_bytes: int
    element_bytes: int = ELEMENT_BYTES


def page_array_bytes(mapping_bytes: int, kernel: KernelFigures) -> int:
    """Size of the array that one mmap makes the driver allocate: one element for each page."""
    pages = -(-min(mapping_bytes, LARGEST_MAPPING_BYTES) // kernel.page_bytes)
    return pages * kernel.element_bytes


def page_array_order(mapping_bytes: int, kernel: KernelFigures) -> int:
    """Order of the smallest block that the page array of one mapping can come from.

    Up to two pages the array is a slab object (KMALLOC_MAX_CACHE_SIZE, include/linux/slab.h), rounded
    up to a power of two. Its slab may be larger, but falls back to the smallest order that holds one
    object (allocate_slab(), mm/slub.c). Larger arrays come from the page allocator directly.
    """
    array_pages = -(-page_array_bytes(mapping_bytes, kernel) // kernel.page_bytes)
    return (array_pages - 1).bit_length()
