# SPDX-License-Identifier: Apache-2.0
"""What the binder driver asks the allocator for: drivers/android/binder_alloc.c, 4.14 to 6.13."""

from __future__ import annotations

from orchestrator.units import MIB

ELEMENT_BYTES = 32
"""sizeof(struct binder_lru_page) on 64-bit kernels, 4.14 to 6.13 (binder_alloc.h)."""
LARGEST_MAPPING_BYTES = 4 * MIB
"""binder_alloc_mmap_handler() uses no more of a mapping than SZ_4M."""


def page_array_bytes(mapping_bytes: int, page_bytes: int) -> int:
    """Size of the array that one mmap makes the driver allocate: one element for each page."""
    pages = -(-min(mapping_bytes, LARGEST_MAPPING_BYTES) // page_bytes)
    return pages * ELEMENT_BYTES


def page_array_order(mapping_bytes: int, page_bytes: int) -> int:
    """Order of the smallest block that the page array of one mapping can come from.

    Up to two pages the array is a slab object (KMALLOC_MAX_CACHE_SIZE, include/linux/slab.h), rounded
    up to a power of two. Its slab may be larger, but falls back to the smallest order that holds one
    object (allocate_slab(), mm/slub.c). Larger arrays come from the page allocator directly.
    """
    array_pages = -(-page_array_bytes(mapping_bytes, page_bytes) // page_bytes)
    return (array_pages - 1).bit_length()
