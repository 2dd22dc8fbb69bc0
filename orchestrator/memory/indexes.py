# SPDX-License-Identifier: Apache-2.0
"""/sys/kernel/debug/extfrag/{unusable_index,extfrag_index}: the kernel's own indexes per zone and order."""

from __future__ import annotations

import re

from orchestrator.memory.tables import damaged

_ROW = re.compile(r"^Node\s+(\d{1,9}), zone\s+(\S+)\s+(\S.*?)\s*$")
# Printed as index/1000 "." index%1000 with C's division, so each has its sign: -500 comes out as "0.-500".
_INDEX = re.compile(r"^(-?\d{1,4})\.(-?\d{3})$")


def parse_indexes(text: str) -> dict[str, tuple[float, ...]]:
    """ "Node 0 DMA" to one index per order (0.000 to 1.000, or -1.000 for "would succeed")."""
    zones = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        match = _ROW.match(line)
        if match is None:
            raise damaged("fragmentation index", line)
        zones[f"Node {match[1]} {match[2]}"] = tuple(_value(word, line) for word in match[3].split())
    return zones


def _value(word: str, line: str) -> float:
    match = _INDEX.match(word)
    if match is None:
        raise damaged("fragmentation index", line)
    return int(match[1]) + int(match[2]) / 1000
