# SPDX-License-Identifier: Apache-2.0
"""What a vmalloc could not have, from the head of its warning: seldom the memory that it is named after.

The callers of warn_alloc() in mm/vmalloc.c. "size" is what was asked for, except where pages failed: there it
is what had been allocated until then (area->nr_pages).
"""

from __future__ import annotations

import re

from orchestrator.units import format_size

_AREA = "addresses for {size} in the range set aside for such areas, or memory for what describes an area"
_CASES = (
    # __get_vm_area_node() returns NULL for a full range as for want of memory for its two structures.
    (
        r"size (?P<size>\d{1,20})\b.*vm_struct allocation failed",
        f"{_AREA} (vm_struct, vmap_area); no page was requested",
    ),
    (r"size (?P<size>\d{1,20})\b.*exceeds total pages", "{size}, which is more than the machine has"),
    (
        r"size (?P<size>\d{1,20})\b.*page array size (?P<array>\d{1,20})\b",
        "the array of {array} that lists the pages of {size}",
    ),
    (
        r"size (?P<size>\d{1,20})\b.*failed to map pages",
        "the page tables for {size} of pages that were there",
    ),
    (
        r"size (?P<size>\d{1,20})\b.*(?:page order \d+ allocation failed|failed to allocate pages)",
        "further pages, after {size}",
    ),
    (
        r"allocation failure, allocated (?P<size>\d{1,20})\b of (?P<wanted>\d{1,20})\b bytes",
        "further pages, after {size} of {wanted}",
    ),
    # Up to 5.11 one text for the first two.
    (
        r"allocation failure: (?P<size>\d{1,20})\b bytes",
        f"{_AREA}, or it is more than the machine has; no page was requested",
    ),
)
_NOTHING = "nothing: 0 bytes were requested, which is a bug of the caller; no page was requested"
_FULL = (
    "addresses for {size}: the range set aside for such areas has no gap that large{limits};"
    " no page was requested"
)
# alloc_vmap_area() says so before the warning, with the guard pages counted in; the second from 6.12 on.
RANGE_FULL = re.compile(
    r"^(?:vmap allocation for size (?P<size>\d{1,20}) failed: use vmalloc="
    r"|vmalloc_node_range for size (?P<within>\d{1,20}) failed: Address range restricted to"
    r" (?P<low>0x[0-9a-f]{1,16}) - (?P<high>0x[0-9a-f]{1,16}))"
)
_REQUESTED = re.compile(
    r"size (\d{1,20})\b.*(?:vm_struct allocation failed|exceeds total pages|page array size"
    r"|failed to map pages)|allocation failure: (\d{1,20})\b bytes|allocated \d{1,20} of (\d{1,20})\b bytes"
)
_MOST_CHARS = 100
_PAGES = "further pages"
_ORDER = re.compile(r"page order (\d{1,3})\b")


def requested_bytes(message: str) -> int | None:
    """How large an area was requested; None where pages failed, for that head has what there was."""
    match = _REQUESTED.search(message)
    return None if match is None else int(next(filter(None, match.groups())))


def range_full(text: str) -> str | None:
    """What could not be had, in words, from the line that says that no gap was found; None for any other."""
    match = RANGE_FULL.match(text)
    if match is None:
        return None
    limits = f" ({match['low']} to {match['high']})" if match["low"] else ""
    return _FULL.format(size=format_size(int(match["size"] or match["within"])), limits=limits)


def why_in_words(words: str, size_bytes: int | None) -> str | None:
    """Why a vmalloc failed that lacked no pages; None where it was pages."""
    if size_bytes == 0:
        return "0 bytes were requested: a bug of the caller, whatever was free"
    if words.startswith(_PAGES):
        return None
    if words.startswith("addresses for") and " no gap " in words:
        return "a lack of addresses, not of memory: what was free does not matter"
    if words.startswith("addresses for"):
        return "a lack of addresses most likely, not of memory: the kernel has one message for both"
    return f"it could not have {words}" if not words.startswith("what the kernel calls") else None


def missing(message: str) -> str:
    """What could not be had, in words, from what stands between "vmalloc" and ", mode:" in the head."""
    if requested_bytes(message) == 0:
        return _NOTHING
    for pattern, words in _CASES:
        match = re.search(pattern, message)
        if match is not None:
            sizes = {name: format_size(int(value)) for name, value in match.groupdict("0").items()}
            return words.format(**sizes)
    return f"what the kernel calls {message[:_MOST_CHARS].strip(' :,')!r}"


def page_order(message: str) -> int | None:
    """The order of the pages that could not be had; None where it was not pages that failed."""
    if not missing(message).startswith(_PAGES):
        return None
    match = _ORDER.search(message)
    return int(match[1]) if match else 0
