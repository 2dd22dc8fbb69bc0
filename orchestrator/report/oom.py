# SPDX-License-Identifier: Apache-2.0
"""One event of a kernel log as a page of text: the request, every zone, who died, what the text lacks.

Everything that comes out is visible ASCII, whatever the log contained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from orchestrator.oom.crash_words import crash_details
from orchestrator.oom.diagnosis import Diagnosis, ZoneFinding, diagnose
from orchestrator.oom.explain import outcome, request, reserve_note, why
from orchestrator.oom.gfp import numbering, printed_or_decoded
from orchestrator.oom.gfp_words import in_words
from orchestrator.oom.known_crashes import known_crash
from orchestrator.oom.lmk_words import lmk_reasons
from orchestrator.oom.records import Buddy, KernelCrash, MemoryEvent, Zone
from orchestrator.oom.retry_words import retry_lines
from orchestrator.oom.unread import FREE_LISTS, VICTIM, ZONES
from orchestrator.text.plain import ascii_line
from orchestrator.units import KIB, USUAL_PAGE_BYTES, format_size

_TITLES = {
    "oom": "OOM",
    "memcg-oom": "OOM in a cgroup",
    "alloc-failure": "allocation failure",
    "lmk-kill": "low memory killer",
    "show-mem": "memory dump",
    "retries": "request that was tried again",
}
_LETTERS = {
    "U": "unmovable",
    "M": "movable",
    "E": "reclaimable",
    "H": "highatomic",
    "C": "CMA",
    "I": "isolated",
}
_LABEL_WIDTH = 10
_SHOWN_FRAMES = 5


def event_page(event: MemoryEvent, where: str, page_size_bytes: int | None = None) -> list[str]:
    """Lines of text. `where` names the input; `page_size_bytes` counts where the event does not tell."""
    page_bytes = _page_bytes(event) or page_size_bytes or USUAL_PAGE_BYTES
    title = f"{where}:{event.line}: {_TITLES[event.type]}"
    if event.time_s is not None:
        title += f" at {event.time_s:.6f} s"
    if event.kernel is not None:
        title += f", kernel {event.kernel}"
    finding = diagnose(event)
    sections: list[tuple[str, Iterable[str]]] = [
        ("request", [request(event, page_bytes)]),
        ("reason", lmk_reasons(event)),
        ("flags", _flags(event)),
        ("retries", retry_lines(event.retries) if event.retries is not None else []),
        ("stack", _stack(event)),
        ("bound", _bound(event)),
        ("cgroup", _cgroup(event)),
        *((("zone", _zone(name, event, finding))) for name in event.zones),
        *(
            (("blocks", _free_list(name, buddy)))
            for name, buddy in event.buddy.items()
            if name not in event.zones
        ),
        ("why", _why(event, finding)),
        ("outcome", _outcome(event)),
        ("missing", _missing(event, page_size_bytes)),
    ]
    return [
        ascii_line(title),
        *(ascii_line(line) for label, lines in sections for line in _labelled(label, lines)),
    ]


def crash_page(crash: KernelCrash, where: str) -> list[str]:
    """Lines of text on a crash. `where` names the input."""
    title = f"{where}:{crash.line}: kernel crash" if crash.fatal else f"{where}:{crash.line}: kernel bug"
    if crash.time_s is not None:
        title += f" at {crash.time_s:.6f} s"
    if crash.kernel is not None:
        title += f", kernel {crash.kernel}"
    frames = [frame.function for frame in crash.stack if frame.sure]
    more = " < ..." if len(frames) > _SHOWN_FRAMES else ""
    sections = [
        ("what", [crash_details(crash)]),
        ("stack", [" < ".join(frames[:_SHOWN_FRAMES]) + more] if frames else []),
        ("said", [crash.message]),
        ("known", [known.words] if (known := known_crash(crash)) else []),
    ]
    return [
        ascii_line(title),
        *(ascii_line(line) for label, lines in sections for line in _labelled(label, lines)),
    ]


def _labelled(label: str, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"  {'' if number else label:<{_LABEL_WIDTH}}{line}".rstrip()


def _page_bytes(event: MemoryEvent) -> int | None:
    """Every free list begins with single pages."""
    sizes = {buddy.smallest_block_kb for buddy in event.buddy.values()}
    return sizes.pop() * KIB if len(sizes) == 1 else None


def _flags(event: MemoryEvent) -> Iterator[str]:
    if event.gfp_mask is None or event.gfp_mask == "0x0":
        return
    names = printed_or_decoded(event.gfp_flags, event.gfp_mask, event.kernel)
    if not names:
        yield f"{event.gfp_mask} (not decoded: no numbering is known for {event.kernel or 'this kernel'})"
        return
    source = f" (the text has the number only; by {numbering(event.gfp_mask, event.kernel)})"
    yield f"{event.gfp_mask} = {names}{'' if event.gfp_flags else source}"
    for name, meaning in in_words(names):
        yield f"{name}: {meaning}"


def _stack(event: MemoryEvent) -> Iterator[str]:
    """From the first caller outside the allocator upwards."""
    names = [frame.function for frame in event.stack if frame.sure]
    if event.stack_first_caller in names:
        shown = names[names.index(event.stack_first_caller) :]
        yield " < ".join(shown[:_SHOWN_FRAMES]) + (" < ..." if len(shown) > _SHOWN_FRAMES else "")


def _bound(event: MemoryEvent) -> Iterator[str]:
    if event.constraint not in (None, "CONSTRAINT_NONE"):
        nodes = f", nodes {event.nodemask}" if event.nodemask not in (None, "(null)") else ""
        yield f"{event.constraint}{nodes}{f', cpuset {event.cpuset}' if event.cpuset else ''}"


def _cgroup(event: MemoryEvent) -> Iterator[str]:
    memcg = event.memcg
    if memcg is None:
        return
    name = memcg.path or "(name not shown)"
    if memcg.usage_kb is None or memcg.limit_kb is None:
        yield f"{name}: its limit was reached; the text does not show usage and limit"
    else:
        yield f"{name}: used {memcg.usage_kb} kB of {memcg.limit_kb} kB"


def _zone(name: str, event: MemoryEvent, finding: Diagnosis) -> Iterator[str]:
    zone, buddy = event.zones[name], event.buddy.get(name)
    yield f"{name}: {zone.free_kb} kB free{_size(zone)}{_watermarks(zone)}"
    aside = [
        f"{value} kB {what}"
        for what, value in (
            ("reserved for highatomic", zone.reserved_highatomic_kb),
            ("free in that reserve", zone.free_highatomic_kb),
            ("free in CMA", zone.free_cma_kb),
        )
        if value
    ]
    if aside:
        yield "of it " + ", ".join(aside)
    if buddy is not None:
        yield from _table(buddy)
    if event.type in ("oom", "alloc-failure"):
        found = next((zone for zone in finding.zones if zone.name == name), None)
        yield from _use(found, event.order)


def _size(zone: Zone) -> str:
    if zone.managed_kb is not None:
        return f" of {zone.managed_kb} kB managed"
    return f" of {zone.present_kb} kB present" if zone.present_kb is not None else ""


def _watermarks(zone: Zone) -> str:
    marks = (
        ("min", zone.min_kb),
        ("low", zone.low_kb),
        ("high", zone.high_kb),
        ("boost", zone.boost_kb or None),
    )
    shown = ", ".join(f"{name} {value}" for name, value in marks if value is not None)
    return f"; {shown} kB" if shown else "; watermarks not in the text"


def _table(buddy: Buddy) -> Iterator[str]:
    """Free blocks by order, and the lists in which some of them lie."""
    sizes = [str(buddy.smallest_block_kb << order) for order in range(len(buddy.counts))]
    rows: list[tuple[str, Sequence[str]]] = [
        ("order", [str(order) for order in range(len(buddy.counts))]),
        ("kB each", sizes),
        ("blocks", [str(count) for count in buddy.counts]),
    ]
    if any(buddy.migratetypes):
        rows.append(("lists", [types or "-" for types in buddy.migratetypes]))
    widths = [max(len(cells[column]) for _, cells in rows) for column in range(len(sizes))]
    for label, cells in rows:
        yield f"{label:<9}" + " ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    letters = sorted({letter for types in buddy.migratetypes for letter in types}, key="UMEHCI".find)
    if letters:
        yield ", ".join(f"{letter} = {_LETTERS.get(letter, '?')}" for letter in letters)
    yield from _reserved_kb(buddy)


def _reserved_kb(buddy: Buddy) -> Iterator[str]:
    """How much lies in lists that are highatomic or CMA alone; mixed lists are printed as one number."""
    only_kb = mixed_kb = 0
    for order, (count, types) in enumerate(zip(buddy.counts, buddy.migratetypes, strict=True)):
        size_kb = count * buddy.smallest_block_kb << order
        if not set(types) & set("HC"):
            continue
        if set(types) <= set("HC"):
            only_kb += size_kb
        else:
            mixed_kb += size_kb
    if only_kb or mixed_kb:
        mixed = f", and an unknown part of the {mixed_kb} kB in mixed lists" if mixed_kb else ""
        yield f"highatomic or CMA alone: {only_kb} kB{mixed}"


def _free_list(name: str, buddy: Buddy) -> Iterator[str]:
    yield f"{name} (its zone line is not in the text)"
    yield from _table(buddy)


def _use(found: ZoneFinding | None, order: int | None) -> Iterator[str]:
    """Why this zone did not serve the request."""
    if found is None:
        yield "=> not for this request: its flags or its nodes leave this zone out"
    elif order is None or order < 0:
        return
    elif found.needed_kb is None:
        yield "=> not known: the watermarks are not in the text"
    elif found.above_min is None:
        yield (
            f"=> not known: {_left(found)} would not be above the {found.needed_kb} kB that must stay,"
            " but this kernel sets aside only what is free in the highatomic reserve, which is not"
            " in the text"
        )
    elif not found.above_min:
        yield f"=> closed: {_left(found)} is not above the {found.needed_kb} kB that must stay"
    elif order == 0:
        yield f"=> open as printed: {_left(found)} is above the {found.needed_kb} kB that must stay"
    else:
        yield f"=> open by its watermark: {_left(found)} is above the {found.needed_kb} kB that must stay"
        yield f"=> {_blocks(found, order)}"


def _left(found: ZoneFinding) -> str:
    """What the kernel compares with the watermark, and what it took off before."""
    off = [
        f"{value} kB {what}"
        for what, value in (("set aside", found.set_aside_kb), ("of the request itself", found.own_kb))
        if value
    ]
    if not off:
        return f"{found.free_kb} kB free"
    return (
        f"{max(found.free_kb - found.set_aside_kb - found.own_kb, 0)} kB free, without {' and '.join(off)},"
    )


def _blocks(found: ZoneFinding, order: int) -> str:
    if found.usable_blocks is None:
        return f"blocks of order {order} and up: not in the text"
    reserved = f", {found.reserved_blocks} in lists that it may not use" if found.reserved_blocks else ""
    return f"blocks of order {order} and up for this request: {found.usable_blocks or 'none'}{reserved}"


def _why(event: MemoryEvent, finding: Diagnosis) -> list[str]:
    if event.type not in ("oom", "memcg-oom", "alloc-failure") or event.traced:
        return []
    note = reserve_note(event, finding)
    return [why(event, finding), *([note] if note else [])]


def _outcome(event: MemoryEvent) -> Iterator[str]:
    if event.type != "show-mem":
        adj = event.oom_score_adj_victim
        yield outcome(event) + (f" Its oom_score_adj was {adj}." if adj is not None else "")


def _missing(event: MemoryEvent, page_size_bytes: int | None) -> list[str]:
    """What could not be read, said rather than guessed."""
    lines = list(event.notes)
    if event.type in ("show-mem", "lmk-kill"):
        return lines
    if event.traced:
        return [*lines, "read of the kernel's tracer, which shows no zones, no stack and no cgroup"]
    absent = [
        what
        for what, lacks in (
            ("the head of the report", event.header == "missing"),
            ("the caller's pid", event.trigger is not None and event.trigger.pid is None),
            ("the kernel's release", event.kernel is None),
            ("the stack", not event.stack),
            (ZONES, not event.zones and event.type != "memcg-oom"),
            (FREE_LISTS, bool(event.zones) and not event.buddy),
            (VICTIM, event.outcome in ("truncated", "not shown") and event.victim is None),
        )
        if lacks
    ]
    damaged = {FREE_LISTS} if any(note.startswith("free list of ") for note in event.notes) else set()
    unread = [f"{what} (line {event.unread[what]})" for what in absent if what in event.unread]
    absent = [what for what in absent if what not in event.unread and what not in damaged]
    if unread:
        lines.append("in the text, but could not be read: " + ", ".join(unread))
    if absent:
        lines.append("not in the text: " + ", ".join(absent))
    if event.outcome == "truncated":
        lines.append("the report is cut off")
    lines += [
        f"free list of {name} does not add up"
        for name, buddy in event.buddy.items()
        if buddy.sum_matches is False
    ]
    if (event.order or 0) > 0 and _page_bytes(event) is None:
        said = "as --page-size says" if page_size_bytes else "assumed, see --page-size"
        lines.append(f"the page size: {format_size(page_size_bytes or USUAL_PAGE_BYTES)} {said}")
    return lines
