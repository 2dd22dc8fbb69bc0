# SPDX-License-Identifier: Apache-2.0
"""An event in three readable lines: who requested what, what was free and why it did not help, who died."""

from __future__ import annotations

import re

from orchestrator.oom.diagnosis import Cause, Diagnosis, ZoneFinding, diagnose
from orchestrator.oom.gfp import printed_or_decoded
from orchestrator.oom.lmk_words import lmk_reasons, lmk_request
from orchestrator.oom.records import MemoryEvent, Process
from orchestrator.oom.retry_words import retry_lines
from orchestrator.oom.unread import VICTIM
from orchestrator.oom.vmalloc import why_in_words
from orchestrator.oom.warn_heads import stalled_ms
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import ascii_line
from orchestrator.units import USUAL_PAGE_BYTES, spaced_size

_CAUSES: dict[Cause, str] = {
    "fragmentation": "fragmentation: enough memory is free, but no free block of order {order} or higher",
    "no-block": "no free block of order {order} or higher; the text does not show whether enough was free",
    "shortage": "plain shortage: what the request may use of the free memory is not above the min watermark",
    "cgroup-limit": "the limit of the cgroup, not the machine",
    "not-visible": "as printed this would have satisfied it: memory came free since, or was bound elsewhere",
    "unknown": "the text does not show enough to say why",
}
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})")
_NO_VICTIM = {"show-mem": "Nobody died.", "retries": "The trace shows no victim of it."}
_GIVES_UP_RESERVE = (6, 8)


def explain(event: MemoryEvent, page_size_bytes: int = USUAL_PAGE_BYTES) -> list[str]:
    """Three lines of ASCII text; `page_size_bytes` is that of the kernel which printed the event."""
    return [ascii_line(line) for line in (request(event, page_size_bytes), _state(event), outcome(event))]


def request(event: MemoryEvent, page_size_bytes: int) -> str:
    """Who requested what, as a sentence."""
    if event.type == "show-mem":
        return "A memory dump without a failed request."
    if event.type == "lmk-kill":
        return lmk_request(event)
    if event.trigger is None and event.slab is not None:
        return f"Somebody requested {_object(event)}{_caller(event)}{_slab_pages(event, page_size_bytes)}."
    if event.traced and event.trigger is None:
        return f"A task that the trace does not name requested {_what(event, page_size_bytes)}."
    if event.trigger is None:
        return "The head of the report is missing: it does not say who requested memory."
    who = process_name(event.trigger)
    if event.order == -1:
        return f"{who}: an OOM kill by hand (sysrq)."
    what = _what(event, page_size_bytes)
    caller = _caller(event)
    adj = f", oom_score_adj {event.oom_score_adj}" if event.oom_score_adj else ""
    lacked = f". What the vmalloc could not have: {event.vmalloc}" if event.vmalloc else ""
    return f"{who} requested {what}{caller}{adj}{_further(event)}{lacked}."


def _caller(event: MemoryEvent) -> str:
    return f", called from {event.stack_first_caller}" if event.stack_first_caller else ""


def _object(event: MemoryEvent) -> str:
    slab = event.slab
    flags = _flags(event)
    return (
        f"an object of {count_of('byte', slab.object_bytes)} from the cache {slab.cache}"
        if slab
        else "an object"
    ) + (f" ({flags})" if flags else "")


def _slab_pages(event: MemoryEvent, page_size_bytes: int) -> str:
    """Which pages a cache could not have."""
    slab = event.slab
    if slab is None or slab.min_order is None:
        return ""
    least = spaced_size(page_size_bytes << min(slab.min_order, 40))
    first = f" after one of order {slab.default_order}" if slab.default_order != slab.min_order else ""
    return f"; no slab of {least} (order {slab.min_order}) could be had{first}"


def _further(event: MemoryEvent) -> str:
    """What a warning says that is no plain failure for pages, and for which cache pages were."""
    if event.slab is not None:
        return f", for objects of {count_of('byte', event.slab.object_bytes)} of the cache {event.slab.cache}"
    stalled = stalled_ms(event.warning)
    if stalled is not None:
        return f"; it had not failed, but waited for {stalled / 1000:.1f} s"
    if event.warning == "vmemmap alloc failure":
        return ", for the array of struct page of memory that is being added (vmemmap)"
    return f'; the kernel calls it "{event.warning}"' if event.warning else ""


def _what(event: MemoryEvent, page_size_bytes: int) -> str:
    flags = _flags(event)
    if event.order is None and event.vmalloc:
        size = f" of {spaced_size(event.vmalloc_bytes)}" if event.vmalloc_bytes is not None else ""
        return f"a vmalloc area{size}{f' ({flags})' if flags else ''}"
    if event.order is None:
        return f"memory ({flags})" if flags else "memory"
    if event.gfp_mask == "0x0":
        return "a page whose allocation had failed during a page fault (gfp_mask 0x0)"
    detail = f"(order {event.order}, {flags})" if flags else f"(order {event.order})"
    if event.order <= 0:
        return f"one page {detail}"
    return f"{spaced_size(page_size_bytes << min(event.order, 40))} of physically contiguous memory {detail}"


def _flags(event: MemoryEvent) -> str:
    names = printed_or_decoded(event.gfp_flags, event.gfp_mask, event.kernel)
    return names or (f"gfp_mask {event.gfp_mask}" if event.gfp_mask else "")


def _state(event: MemoryEvent) -> str:
    if event.type == "memcg-oom":
        return _cgroup_state(event)
    if event.type == "lmk-kill":
        return " ".join(lmk_reasons(event)) or "It acts on pressure; the text says nothing of what was free."
    finding = diagnose(event)
    if event.vmalloc and event.order is None:
        return f"The vmalloc: {why(event, finding)}."
    if event.retries is not None:
        return " ".join(retry_lines(event.retries))
    if not finding.zones:
        return "The text does not show what was free."
    head = _zones_text(finding)
    if event.type == "show-mem":
        return head + "."
    note = reserve_note(event, finding)
    return f"{head}; {why(event, finding)}.{f' {note}' if note else ''}"


def why(event: MemoryEvent, finding: Diagnosis) -> str:
    """The cause in words. Blocks that are free, but not for this request, are not passed over."""
    lack = why_in_words(event.vmalloc, event.vmalloc_bytes) if event.vmalloc else None
    if lack is not None:
        return lack
    words = _CAUSES[finding.cause].format(order=finding.order)
    large = any(sum(buddy.counts[finding.order or 0 :]) for buddy in event.buddy.values())
    return f"{words} that this request may use" if finding.cause == "fragmentation" and large else words


def reserve_note(event: MemoryEvent, finding: Diagnosis) -> str | None:
    """What another kernel would have made of blocks that this one kept for atomic requests; None: nothing.

    Commit ac3f3b0a5551 (6.8; in 6.1 and 6.6 stable since early 2024) has the whole reserve given up
    before the OOM killer is invoked; before, direct reclaim kept its last block (mm/page_alloc.c).
    """
    if finding.cause != "fragmentation" or not event.order:
        return None
    blocks = sum(
        count
        for buddy in event.buddy.values()
        for count, types in list(zip(buddy.counts, buddy.migratetypes, strict=True))[event.order :]
        if types == "H"
    )
    version = _VERSION.match(event.kernel or "")
    if not blocks or (version is not None and (int(version[1]), int(version[2])) >= _GIVES_UP_RESERVE):
        return None
    return (
        f"The {blocks} highatomic blocks would have done: kernels from 6.8 on (6.1 and 6.6 stable since"
        " early 2024) give that reserve up before they kill, so in this very state the request probably"
        " succeeds there."
    )


def _cgroup_state(event: MemoryEvent) -> str:
    memcg = event.memcg
    if memcg is None or memcg.usage_kb is None:
        where = f" {memcg.path}" if memcg and memcg.path else ""
        return f"The limit of the cgroup{where} was reached; the text does not show its size."
    return f"The cgroup {memcg.path or '(name not shown)'} used {memcg.usage_kb} of {memcg.limit_kb} kB."


def _zones_text(finding: Diagnosis) -> str:
    """The zone with most free memory in full, the others as a number."""
    zone = max(finding.zones, key=lambda candidate: candidate.free_kb)
    rest = sum(other.free_kb for other in finding.zones) - zone.free_kb
    others = f" (and {rest} kB in {len(finding.zones) - 1} more)" if len(finding.zones) > 1 else ""
    marks = ", ".join(
        f"{name} {value}"
        for name, value in (("min", zone.min_kb), ("low", zone.low_kb), ("high", zone.high_kb))
        if value is not None
    )
    return (
        f"{zone.name}: {zone.free_kb} kB free{others}, watermarks {marks}{_blocks_text(zone, finding.order)}"
    )


def _blocks_text(zone: ZoneFinding, order: int | None) -> str:
    if not zone.blocks:
        return ""
    text = ", blocks per order " + " ".join(str(count) for count in zone.blocks)
    if order is None or order <= 0:
        return text
    text += f", usable at order {order} and up: {zone.usable_blocks or 'none'}"
    if zone.reserved_blocks:
        text += f" ({zone.reserved_blocks} are CMA or highatomic)"
    return text


def outcome(event: MemoryEvent) -> str:
    """Who died, as a sentence."""
    if event.type in _NO_VICTIM:
        return _NO_VICTIM[event.type]
    if event.type == "alloc-failure" and event.vmalloc and (event.order or 0) > 0:
        return "Nobody was killed: the kernel goes on to try with single pages."
    if event.type == "alloc-failure" and event.vmalloc and "__GFP_NOFAIL" in _flags(event):
        return "Nobody was killed: the kernel tries until it succeeds."
    if event.outcome == "allocation stalled":
        return "Nobody was killed: the request waited, and the text does not say how it ended."
    if event.type == "alloc-failure":
        return "Nobody was killed: the request failed and the caller got the error."
    if event.victims:
        names = ", ".join(process_name(process) for process in event.victims[:6])
        more = f" and {len(event.victims) - 6} more" if len(event.victims) > 6 else ""
        return f"Killed as a group: {names}{more}."
    if event.victim is not None:
        instead = f" in place of {process_name(event.chosen)}" if event.chosen else ""
        return f"Killed: {process_name(event.victim)}{instead}."
    if event.outcome is not None and event.outcome.startswith(("no killable", "panic")):
        return f"Nobody could be killed ({event.outcome})."
    if event.chosen is not None:
        return (
            f"To be killed was {process_name(event.chosen)} or a child of it; the line that says who it"
            " was is not in the text."
        )
    return _unknown_victim(event)


def _unknown_victim(event: MemoryEvent) -> str:
    if VICTIM in event.unread:
        return f"Who was killed seems to stand in line {event.unread[VICTIM]}, which could not be read."
    return "Who was killed is not in the text."


def process_name(process: Process) -> str:
    """Name and, where it is known, pid."""
    if process.comm == "?":
        return (
            f"a process that is not named (pid {process.pid})"
            if process.pid
            else "a process that is not named"
        )
    return process.comm if process.pid is None else f"{process.comm} (pid {process.pid})"
