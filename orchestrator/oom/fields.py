# SPDX-License-Identifier: Apache-2.0
"""Values inside the lines of a report: zones, free lists, cgroup usage, numbers in headers."""

from __future__ import annotations

import re

from orchestrator.oom.records import Buddy, Zone

# Numbers longer than this are damage, not sizes; they are left out rather than believed.
_MAX_DIGITS = 15
_ZONE_FIELD = re.compile(
    r"\b(boost|min|low|high|present|managed|free_cma|reserved_highatomic|free_highatomic):(\d{1,15})k?[BK]?",
    re.IGNORECASE,
)
_BLOCKS = re.compile(r"(\d{1,15})\*(\d{1,15})kB(?:\s+\(([A-Z]+)\))?")
_BUDDY_TOTAL = re.compile(r"=\s*(\d{1,15})kB")
_MAX_ORDERS = 32
_NUMBER = re.compile(r"[0-9]{1,15}")
_COMM_MAX = 15
# What people write where they left a name out.
_ELISION = re.compile(r"^[\[<(]?(?:\.{2,}|\u2026+)[\])>]?(?:\s+|$)")


def parse_zone(free_text: str, rest: str) -> Zone | None:
    """A zone line behind its name: text after "free:" and the remaining fields; None if damaged."""
    if len(free_text) > _MAX_DIGITS:
        return None
    values = {f"{name.lower()}_kb": int(value) for name, value in reversed(_ZONE_FIELD.findall(rest))}
    return Zone.model_validate({"free_kb": int(free_text), **values})


def parse_buddy(rest: str) -> Buddy | None:
    """A free list behind its zone's name ("11*4kB (UM) 2*8kB ... = 60kB").

    None when the block sizes do not double from one to the next: the line is damaged.
    """
    head, _, tail = rest.partition("=")
    blocks = _BLOCKS.findall(head)[:_MAX_ORDERS]
    if not blocks:
        return None
    sizes = [int(size) for _, size, _ in blocks]
    if any(size != sizes[0] << index for index, size in enumerate(sizes)):
        return None
    counts = tuple(int(count) for count, _, _ in blocks)
    total = _BUDDY_TOTAL.match("=" + tail)
    printed = int(total[1]) if total else None
    computed = sum(count * size for count, size in zip(counts, sizes, strict=True))
    return Buddy(
        counts=counts,
        smallest_block_kb=sizes[0],
        migratetypes=tuple(types for _, _, types in blocks),
        printed_total_kb=printed,
        sum_matches=None if printed is None else computed == printed,
    )


def parse_reserve(text: str) -> tuple[int, ...] | None:
    """Pages in "lowmem_reserve[]: 0 250 6063"; None when something else stands there."""
    words = text.partition(":")[2].split()
    if not words or len(words) > _MAX_ORDERS or not all(_NUMBER.fullmatch(word) for word in words):
        return None
    return tuple(int(word) for word in words)


def number_after(key: str, text: str) -> int | None:
    """The (signed) integer behind "key=" or "key:", None when absent or absurdly long."""
    match = re.search(rf"(?<![\w-]){key}[=:]\s?(-?\d{{1,{_MAX_DIGITS}}})(?!\d)", text)
    return int(match[1]) if match else None


def word_after(key: str, text: str) -> str | None:
    """The word behind "key=" up to white space or a comma; commas between numbers ("0-2,4") belong to it."""
    match = re.search(rf"(?<![\w-]){key}=(\(null\)|[\d-]+(?:,[\d-]+)*(?![\w./])|[^,\s]+)", text)
    return match[1] if match else None


def pid_of(text: str | None) -> int | None:
    """A process id; None when it is absent or longer than any pid (the line is damaged)."""
    return int(text) if text is not None and len(text) <= 10 else None


def clean_flags(flags: str | None) -> str | None:
    """Flag names without the spaces that mail wrapping put between them."""
    return None if flags is None else "".join(flags.split())


def tidy_comm(comm: str) -> str:
    """A task name with what is glued before it cut off (15 characters at most); "" where it is left out."""
    comm = _ELISION.sub("", comm.strip())
    if len(comm) > _COMM_MAX and " " in comm and not comm.startswith(("kworker/", "kthread")):
        return comm.rsplit(" ", 1)[1]
    return comm


def same_comm(left: str, right: str) -> bool:
    """Whether two printings name the same task (either may be cut to 15 characters)."""
    return left[:_COMM_MAX] == right.strip()[:_COMM_MAX]
