# SPDX-License-Identifier: Apache-2.0
"""Mutants that were looked at and that no test can or should tell from the original."""

from __future__ import annotations

REVIEWED: dict[tuple[str, str, str], str] = {
    (
        "scenario/fragmentation.py",
        "and high.order > low.order",
        "and high.order >= low.order",
    ): "an order is given once, and bounds of one order are compared where they stand",
    (
        "memory/fragmentation.py",
        "length = max((len(entry.counts) for entry in info.free), default=0)",
        "length = max((len(entry.counts) for entry in info.free), default= -1)",
    ): "a range to -1 is as empty as one to 0",
    (
        "memory/zoneinfo.py",
        "free: int = 0",
        "free: int = 1",
    ): "a zone without `pages free` has no `present` either, and is left out",
}
"""(module below `orchestrator/`, original lines, changed lines) -> why that is the same program."""
