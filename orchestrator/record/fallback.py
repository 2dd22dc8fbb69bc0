# SPDX-License-Identifier: Apache-2.0
"""What vmalloc served of page arrays: as the guest saw it, or else as the requests came out. Pure.

gfp flags do not show. kvmalloc() adds __GFP_NORETRY to its first try, but not beside
__GFP_RETRY_MAYFAIL (kvmalloc_node(), mm/util.c), and a driver may ask for __GFP_NORETRY without having
anything to fall back on. So vmalloc's returns are traced (images/guest/trigger/audit.c); flags only say which
of several kinds of failed requests of one size it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from orchestrator.oom.gfp import KernelSeries, mask_of
from orchestrator.record.result import AuditRow, RequestPaths, TrialResult

_K = TypeVar("_K")

Request = tuple[int, int]
"""Order and gfp flags of a request."""


def seen_fallbacks(
    vmalloc: Mapping[Request, int], failed: Mapping[Request, int], unserved: int, series: KernelSeries
) -> tuple[dict[Request, int], dict[Request, int]]:
    """Of what vmalloc was seen to serve: how much in place of which failed requests, and what without one.

    At least `unserved` of the failed requests got nothing at all: what asked for them failed.
    """
    shares, alone = dict.fromkeys(failed, 0), dict(vmalloc)
    room = max(0, sum(failed.values()) - unserved)
    pairs = [(kind, seen) for kind in failed for seen in vmalloc if kind[0] == seen[0]]
    for kind, seen in sorted(pairs, key=lambda pair: _unlikeness(pair[0], series, pair[1][1])):
        count = min(alone[seen], failed[kind] - shares[kind], room)
        shares[kind] += count
        alone[seen] -= count
        room -= count
    return shares, {seen: count for seen, count in alone.items() if count}


def concluded_fallbacks(
    succeeded: int, contiguous: int, failed: Mapping[Request, int], series: KernelSeries
) -> dict[Request, int]:
    """How many failed requests were served otherwise, where nobody saw vmalloc: they succeeded, after all."""
    count = _otherwise(succeeded, contiguous, sum(failed.values()))
    return _share_out(count, failed, lambda kind: _unlikeness(kind, series))


def _unlikeness(kind: Request, series: KernelSeries, vmalloc_flags: int = 0) -> tuple[Any, ...]:
    """A sort key: first what is likeliest to have gone on to vmalloc, with these flags then.

    Who has something to fall back on wants no warning about the first try.
    """
    warns = not kind[1] & mask_of("__GFP_NOWARN", series)
    return warns, (kind[1] ^ vmalloc_flags).bit_count(), kind, vmalloc_flags


def _share_out(count: int, failed: Mapping[_K, int], by: Callable[[_K], tuple[Any, ...]]) -> dict[_K, int]:
    """`count` over kinds of failed requests, in the order of `by`: no kind gets more than failed."""
    shares: dict[_K, int] = {}
    for kind in sorted(failed, key=by):
        shares[kind] = min(count, failed[kind])
        count -= shares[kind]
    return shares


def _otherwise(succeeded: int, contiguous: int, failed: int) -> int:
    return max(0, min(succeeded - contiguous, failed))


def settled(result: TrialResult) -> TrialResult:
    """A result as today's rules count it; programs before them took __GFP_NORETRY for a fallback."""
    seen = {phase.phase for phase in result.audit_phases if phase.vmalloc_seen}
    if result.requests is None or "trigger" in seen:
        return result
    audit = _settled_rows(result.audit, result.requests.succeeded)
    paths = result.page_arrays and _settled_paths(result.page_arrays, audit, result.requests.succeeded)
    return result.model_copy(update={"audit": audit, "page_arrays": paths})


def _settled_rows(rows: Sequence[AuditRow], succeeded: int) -> tuple[AuditRow, ...]:
    """The rows of the trigger put right; how many maps of benchmarks succeeded is not kept."""
    own = {number: row for number, row in enumerate(rows) if row.phase == "trigger"}
    failed = {number: row.fell_back + row.refused for number, row in own.items()}
    count = _otherwise(succeeded, sum(row.contiguous for row in own.values()), sum(failed.values()))
    shares = _share_out(count, failed, lambda number: ("__GFP_NOWARN" not in rows[number].gfp_flags, number))
    return tuple(
        row.model_copy(update={"fell_back": shares[number], "refused": failed[number] - shares[number]})
        if number in own
        else row
        for number, row in enumerate(rows)
    )


def _settled_paths(paths: RequestPaths, rows: Sequence[AuditRow], succeeded: int) -> RequestPaths:
    own = [row for row in rows if row.phase == "trigger"]
    failed = paths.fell_back + paths.refused
    fell_back = sum(row.fell_back for row in own) if own else _otherwise(succeeded, paths.contiguous, failed)
    return paths.model_copy(update={"fell_back": fell_back, "refused": failed - fell_back})
