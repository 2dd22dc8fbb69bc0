# SPDX-License-Identifier: Apache-2.0
"""What the slab allocator says when it gets no slab: slab_out_of_memory() of mm/slub.c and slab.c."""

from __future__ import annotations

import re

from orchestrator.oom.fields import clean_flags
from orchestrator.oom.records import SlabFailure

SLAB_HEAD = re.compile(
    r"^SL[AU]B: Unable to allocate memory on (?:CPU \d+ \(of node -?\d+\) on )?node -?\d+[, ]+"
    r"\(?gfp=(?P<mask>0x[0-9a-f]+)(?:\((?P<flags>[\w| ]*)\)?)?\)?"
)
SLAB_CACHE = re.compile(
    r"^cache: (?P<cache>.{1,64}?), object size: (?P<object>\d{1,10})"
    r"(?:, buffer size: \d{1,10}, default order: (?P<default>\d{1,3}), min order: (?P<min>\d{1,3})"
    r"|, order: (?P<order>\d{1,3}))?"
)
# SLAB printed "used/all".
SLAB_NODE = re.compile(
    r"^node \d{1,6}: slabs: (?:\d{1,12}/)?(?P<slabs>\d{1,12}), objs: (?:\d{1,15}/)?(?P<objects>\d{1,15}),"
    r" free: (?P<free>\d{1,15})"
)


class SlabPart:
    """Gathers the lines of one such report."""

    def __init__(self) -> None:
        self._head: re.Match[str] | None = None
        self._cache: re.Match[str] | None = None
        self._counts = {"slabs": 0, "objects": 0, "free_objects": 0}
        self._counted = False

    def head(self, text: str) -> bool:
        """The first line; False where it is none."""
        self._head = self._head or SLAB_HEAD.match(text)
        return self._head is not None

    def cache(self, text: str) -> None:
        """The line with the cache's name and sizes."""
        self._cache = self._cache or SLAB_CACHE.match(text)

    def node(self, text: str) -> None:
        """One node's line; nodes are added up."""
        match = SLAB_NODE.match(text)
        if match is not None:
            self._counted = True
            for name, group in (("slabs", "slabs"), ("objects", "objects"), ("free_objects", "free")):
                self._counts[name] += int(match[group])

    def request(self) -> dict[str, str | int]:
        """What was requested: mask, its names, and the order of the smallest slab, which was tried last."""
        if self._head is None:
            return {}
        order = self._cache and (self._cache["min"] or self._cache["order"])
        found = {
            "gfp_mask": self._head["mask"],
            "gfp_flags": clean_flags(self._head["flags"]),
            "order": int(order) if order else None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def finish(self) -> SlabFailure | None:
        """The record; None where no cache was named."""
        match = self._cache
        if match is None:
            return None
        return SlabFailure(
            cache=match["cache"],
            object_bytes=int(match["object"]),
            default_order=_number(match["default"] or match["order"]),
            min_order=_number(match["min"] or match["order"]),
            **(self._counts if self._counted else {}),
        )


def _number(text: str | None) -> int | None:
    return int(text) if text else None
