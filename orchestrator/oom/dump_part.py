# SPDX-License-Identifier: Apache-2.0
"""The memory dump of a report: zones, free lists, what memory is used for."""

from __future__ import annotations

from orchestrator.oom import lines as patterns
from orchestrator.oom.fields import parse_buddy, parse_reserve, parse_zone
from orchestrator.oom.records import Buddy, Zone
from orchestrator.oom.usage import Usage

# Damaged or hostile input must not grow a report without bound.
_MAX_ZONES = 512


class DumpPart:
    """Gathers the lines of one dump."""

    def __init__(self) -> None:
        self.zones: dict[str, Zone] = {}
        self.buddy: dict[str, Buddy] = {}
        self.notes: list[str] = []
        self.unread: dict[str, int] = {}
        self._usage = Usage()
        self._last_zone: str | None = None

    def totals(self, text: str) -> None:
        """A line of the totals."""
        self._usage.totals(text)

    def node(self, text: str) -> None:
        """A node's line."""
        self._usage.node(text)

    def zone(self, text: str) -> None:
        """A zone's line."""
        self._usage.zone(text)
        match = patterns.ZONE.match(text)
        zone = parse_zone(match["free"], match["rest"]) if match else None
        if match and zone and len(self.zones) < _MAX_ZONES:
            self.zones.setdefault(match["name"], zone)
            self._last_zone = match["name"]

    def reserve(self, text: str) -> None:
        """The lowmem reserve of the zone before."""
        zone = self.zones.get(self._last_zone or "")
        if zone is not None and zone.lowmem_reserve_pages is None and self._last_zone is not None:
            reserve = parse_reserve(text)
            self.zones[self._last_zone] = zone.model_copy(update={"lowmem_reserve_pages": reserve})

    def free_list(self, text: str) -> None:
        """A free list; a damaged one is noted."""
        match = patterns.BUDDY.match(text)
        if match is None:
            return
        buddy = parse_buddy(match["rest"])
        if buddy is None:
            self.notes.append(f"free list of {match['name']} is damaged and was left out")
        elif len(self.buddy) < _MAX_ZONES:
            self.buddy.setdefault(match["name"], buddy)

    def usage_kb(self) -> dict[str, int]:
        """What memory is used for, in kB; free lists begin with single pages, which gives their size."""
        sizes = {buddy.smallest_block_kb for buddy in self.buddy.values()}
        return self._usage.kb(sizes.pop() if len(sizes) == 1 else None)
