# SPDX-License-Identifier: Apache-2.0
"""What memory is used for: the lines of a dump that say so, gathered from wherever a kernel prints them.

A dump has totals in pages, a line for each node in kB (from 4.8) and lines for each zone in kB. Which of
them has what changed over time (mm/page_alloc.c, later mm/show_mem.c): page tables and kernel stacks
moved from the zones to the nodes in 5.11, slab is in the totals alone since 4.9.
"""

from __future__ import annotations

import re

COMPOSITION = (
    "active_anon",
    "inactive_anon",
    "active_file",
    "inactive_file",
    "unevictable",
    "slab_reclaimable",
    "slab_unreclaimable",
    "pagetables",
    "kernel_stack",
    "shadow_call_stack",
    "mapped",
    "shmem",
)
"""The lines that say what memory is used for, by their names in the dump and in its order."""

NAMES = (*COMPOSITION, "free_cma")
"""All lines that are gathered."""

_FIELD = re.compile(rf"(?<![\w(])({'|'.join(NAMES)}):\s?(\d{{1,15}})(?!\d)(kB)?", re.IGNORECASE)
_MAX_NODES = 512


class Usage:
    """Gathers the lines of one dump."""

    def __init__(self) -> None:
        self._pages: dict[str, int] = {}
        self._nodes: dict[str, int] = {}
        self._zones: dict[str, int] = {}
        self._counted = 0

    def totals(self, text: str) -> None:
        """A line of the totals, in pages."""
        for name, value, unit in _FIELD.findall(text):
            if not unit:
                self._pages.setdefault(name.lower(), int(value))

    def node(self, text: str) -> None:
        """A node's line."""
        self._add(self._nodes, text)

    def zone(self, text: str) -> None:
        """A zone's line."""
        self._add(self._zones, text)

    def kb(self, page_kb: int | None) -> dict[str, int]:
        """Each line in kB. Totals count only where the size of a page (in kB) is known."""
        in_pages = {} if page_kb is None else {name: value * page_kb for name, value in self._pages.items()}
        found = {**self._zones, **in_pages, **self._nodes}
        return {name: found[name] for name in NAMES if name in found}

    def _add(self, into: dict[str, int], text: str) -> None:
        self._counted += 1
        if self._counted <= _MAX_NODES:
            for name, value, unit in _FIELD.findall(text):
                if unit:
                    into[name.lower()] = into.get(name.lower(), 0) + int(value)
