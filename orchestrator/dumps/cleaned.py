# SPDX-License-Identifier: Apache-2.0
"""Lines of a dump without what terminals, mails and loggers put around them. Pure.

What stands before the first line of a file whose shape is known is a prefix: the lines below have one of the
same shape, with other digits in it. It is learned from the text, for there is no list of all loggers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_LONGEST_LINE_CHARS = 4096
_UNSEEN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\0\ufeff]")
_QUOTED = re.compile(r"^(?:\s?>)+ ?")
_ANCHOR = re.compile(
    r"MemTotal:\s+\d+ kB|Node\s+\d{1,4}, zone\s+\w|Page block order:|Filename\s+Type\s+Size"
    r"|\[(?:ro|dalvik|persist)\.[\w.]+\]: \[|(?<![\w./])vm\.\w+ = |processor\t*: \d"
)
"""Where a line of a dump certainly begins; /proc/zoneinfo has the counters of /proc/vmstat, too, indented."""
_GREPPED = re.compile(r"^\S*/proc/(?!sys/)\w+:")
"""What grep(1) of several files puts before each line; of a setting its path is needed."""
_OF_A_NODE = re.compile(r"\s*Node \d{1,4} $")
"""Not a prefix: /sys/devices/system/node/nodeN/meminfo is of one node, not of the machine."""
_ROW = re.compile(r"Node\s+\d+, zone\s+\w+(?:, type\s+\S+)?(?:\s+>?\d+)+$")
_NUMBERS = re.compile(r"\s*(?:>?\d+\s+)*>?\d+$")
_ORDERS = 11
"""Numbers of a row of free blocks; some kernels have more, none of today's fewer."""


def cleaned(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The lines as the device printed them, with their numbers from 1; rows that a mail wrapped are whole."""
    held: tuple[int, str] | None = None
    for number, line in enumerate(_bare(lines), 1):
        if held is not None and _is_short(held[1]) and _NUMBERS.match(line):
            held = held[0], f"{held[1]} {line.strip()}"
            continue
        if held is not None:
            yield held
        held = number, line
    if held is not None:
        yield held


def _bare(lines: Iterable[str]) -> Iterator[str]:
    prefix: re.Pattern[str] | None = None
    for raw in lines:
        line = _QUOTED.sub("", _UNSEEN.sub("", raw[:_LONGEST_LINE_CHARS])).rstrip()
        line = _GREPPED.sub("", line)
        found = _ANCHOR.search(line)
        if found is not None:
            lead = line[: found.start()]
            prefix = _like(lead) if lead and not _OF_A_NODE.match(lead) else None
        own = prefix.match(line) if prefix is not None else None
        yield line[own.end() :] if own is not None else line


def _is_short(line: str) -> bool:
    """Whether a row of free blocks lacks orders; behind a row of pageblocks no bare number follows."""
    row = _ROW.match(line)
    return row is not None and len(line.rpartition("zone")[2].split()) < _ORDERS


def _like(lead: str) -> re.Pattern[str]:
    """Leads of the same shape: other digits do not matter, nor does how much space there is between words.

    A lead of nothing but space is as long as it is: /proc/zoneinfo is indented by itself.
    """
    if lead.isspace():
        return re.compile(re.escape(lead))
    words = lead.rstrip()
    parts = (part for part in re.split(r"(\d+|\s+)", words) if part)
    # Behind a blank line's prefix there is no space; behind others no more of it than is the prefix's own.
    return re.compile("".join(map(_part, parts)) + rf"\s{{0,{len(lead) - len(words)}}}")


def _part(part: str) -> str:
    if part.isdigit():
        return r"\d+"
    return rf"\s{{1,{len(part)}}}" if part.isspace() else re.escape(part)
