# SPDX-License-Identifier: Apache-2.0
"""A low memory killer's kill in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.oom.records import LowMemoryKill, MemoryEvent


def lmk_request(event: MemoryEvent) -> str:
    """What the kill was for."""
    said = event.lmk or LowMemoryKill()
    freed = "" if said.freed_kb is None else f" to free {said.freed_kb} kB"
    swap = f" and {said.swap_kb} kB of swap" if said.swap_kb else ""
    for_whom = event.trigger
    behalf = f", while {for_whom.comm} (pid {for_whom.pid}) requested memory" if for_whom else ""
    if not freed:
        return "The low memory killer of user space or of an old Android kernel acted."
    return f"A low memory killer acted{freed}{swap}{behalf}."


def lmk_reasons(event: MemoryEvent) -> list[str]:
    """Why, as it says, and the figures that it held against its limits."""
    return list(_reasons(event.lmk)) if event.lmk is not None else []


def _reasons(said: LowMemoryKill) -> Iterator[str]:
    if said.reason is not None:
        yield f"Its reason: {said.reason}."
    if said.limit_kb is not None:
        yield _limits(said, said.limit_kb)
    elif said.free_kb is not None:
        yield f"Free memory was {_beside_reserve(said.free_kb)}."
    at_the_time = [
        f"{kb} kB {what}"
        for what, kb in (
            ("MemFree", said.mem_free_kb),
            ("Cached", said.cached_kb),
            ("SwapFree", said.swap_free_kb),
        )
        if kb is not None
    ]
    if at_the_time:
        yield f"At that time: {', '.join(at_the_time)}."
    if said.min_adj is not None and said.limit_kb is None:
        yield f"It was to kill nobody below oom_score_adj {said.min_adj}."


def _limits(said: LowMemoryKill, limit_kb: int) -> str:
    """Both figures were to be below the limit; vendors' killers with more rules print this all the same."""
    figures = [f"File cache {said.cache_kb} kB"] if said.cache_kb is not None else []
    if said.free_kb is not None:
        figures.append(f"free memory {_beside_reserve(said.free_kb)}")
    below = max(said.cache_kb or 0, said.free_kb or 0) < limit_kb
    doubt = "" if below else " (not both are below it: this killer has rules of its own)"
    least = "" if said.min_adj is None else f", at which oom_score_adj {said.min_adj} and up is killed"
    return f"{' and '.join(figures)} against a limit of {limit_kb} kB{least}{doubt}."


def _beside_reserve(free_kb: int) -> str:
    return f"{abs(free_kb)} kB {'above' if free_kb >= 0 else 'below'} the reserve"
