# SPDX-License-Identifier: Apache-2.0
"""/proc/buddyinfo: free blocks per node, zone and order (mm/vmstat.c, frag_show)."""

from __future__ import annotations

import re

from orchestrator.memory.tables import Table, damaged, whole_number

_ROW = re.compile(r"^Node\s+(\d{1,9}), zone\s+(\S+)\s+(\S.*?)\s*$")


class ZoneBlocks(Table):
    """Free blocks of one zone, index = order."""

    node: int
    zone: str
    counts: tuple[int, ...]

    @property
    def free_pages(self) -> int:
        """Pages in all free blocks; pages in per-CPU lists are not among them."""
        return sum(count << order for order, count in enumerate(self.counts))


def parse_buddyinfo(text: str) -> tuple[ZoneBlocks, ...]:
    """All zones in the file's order; InputError when a line is damaged."""
    zones = []
    for line in text.splitlines():
        if not line.strip():
            continue
        match = _ROW.match(line)
        if match is None:
            raise damaged("buddyinfo", line)
        counts = tuple(whole_number(word, "buddyinfo", line) for word in match[3].split())
        zones.append(ZoneBlocks(node=int(match[1]), zone=match[2], counts=counts))
    return tuple(zones)
