# SPDX-License-Identifier: Apache-2.0
"""/sys/kernel/debug/extfrag/{unusable_index,extfrag_index}: the kernel's own indexes per zone and order."""

from __future__ import annotations

import re

from orchestrator.memory.tables import damaged

_ROW = re.compile(r"^Node\s+(\d{1,9}), zone\s+(\S+)\s+(\S.*?)\s*$")
_INDEX = re.compile(r"^-?\d{1,4}\.\d{3}$")


def parse_indexes(text: str) -> dict[str, tuple[float, ...]]:
    """ "Node 0 DMA" to one index per order (0.000 to 1.000, or -1.000 for "would succeed")."""
    zones = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        match = _ROW.match(line)
        words = match[3].split() if match else []
        if match is None or not all(_INDEX.match(word) for word in words):
            raise damaged("fragmentation index", line)
        zones[f"Node {match[1]} {match[2]}"] = tuple(float(word) for word in words)
    return zones
