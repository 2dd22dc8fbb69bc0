# SPDX-License-Identifier: Apache-2.0
"""What a trace shows of a request that was tried again, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.oom.records import Retries, RetryZone
from orchestrator.text.amounts import count_of


def retry_lines(retries: Retries) -> list[str]:
    """How often, and what the allocator saw of each zone the last time."""
    return list(_lines(retries))


def _lines(retries: Retries) -> Iterator[str]:
    if retries.reclaim:
        yield f"Whether to reclaim once more was asked {count_of('time', retries.reclaim)}; at the last look:"
        yield from (f"{name}: {_zone(zone)}." for name, zone in retries.zones.items())
    if retries.compaction:
        result = f"; the last one: {retries.compaction_result}" if retries.compaction_result else ""
        yield f"Whether to compact once more was asked {count_of('time', retries.compaction)}{result}."


def _zone(zone: RetryZone) -> str:
    """Free memory and what might be reclaimed count together (should_reclaim_retry in mm/page_alloc.c)."""
    enough = "would have sufficed" if zone.passes else "would not have sufficed"
    rounds = zone.rounds_without_progress
    idle = "" if rounds is None else f", {count_of('round', rounds)} in a row without progress"
    return (
        f"{zone.available_pages} pages free or reclaimable ({zone.reclaimable_pages} of them reclaimable),"
        f" min {zone.min_pages}: {enough}{idle}"
    )
