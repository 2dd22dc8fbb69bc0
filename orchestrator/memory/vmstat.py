# SPDX-License-Identifier: Apache-2.0
"""/proc/vmstat: counters since boot, and what changed between two readings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from orchestrator.memory.tables import whole_number

# The counters that tell how the kernel fought for contiguous memory.
_RECORDED_PREFIXES = ("compact_", "allocstall", "pgmigrate_", "oom_kill", "pgscan_direct", "pgsteal_direct")


def parse_vmstat(text: str) -> Mapping[str, int]:
    """Counter name to value (pages or events, as the kernel counts them); InputError if damaged."""
    return _parsed(text)


@lru_cache(maxsize=4)  # judging a trial asks for the same few readings six times
def _parsed(text: str) -> Mapping[str, int]:
    counters = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, _, value = line.strip().partition(" ")
        sign = -1 if value.startswith("-") else 1
        counters[name] = sign * whole_number(value.removeprefix("-"), "vmstat", line)
    return MappingProxyType(counters)


def delta(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """after - before for every counter that both readings have."""
    return {name: value - before[name] for name, value in after.items() if name in before}


def recorded(counters: Mapping[str, int]) -> dict[str, int]:
    """Only the counters that belong into a report: compaction, stalls, migration, OOM kills."""
    return {name: value for name, value in counters.items() if name.startswith(_RECORDED_PREFIXES)}
