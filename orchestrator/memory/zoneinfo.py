# SPDX-License-Identifier: Apache-2.0
"""/proc/zoneinfo: watermarks and page counts per zone, in pages (mm/vmstat.c, zoneinfo_show_print)."""

from __future__ import annotations

import re

from orchestrator.memory.tables import Table, damaged, whole_number

_ZONE = re.compile(r"^Node (\d{1,9}), zone\s+(\S+)\s*$")
_PAGES_FREE = re.compile(r"^\s+pages free\s+(\d{1,20})\s*$")
_FIELD = re.compile(r"^\s+(\w+):?\s+(\d{1,20})\s*$")
# In the part of the file that belongs to a zone; "high" occurs once more for every CPU, hence the section.
_WATERMARKS = ("boost", "min", "low", "high", "spanned", "present", "managed", "cma")


class ZoneInfo(Table):
    """One zone; all values are pages, 0 where the kernel does not print the field."""

    node: int
    zone: str
    free: int = 0
    boost: int = 0
    min: int = 0
    low: int = 0
    high: int = 0
    spanned: int = 0
    present: int = 0
    managed: int = 0
    cma: int = 0
    nr_free_pages: int = 0
    nr_free_cma: int = 0
    per_cpu: tuple[int, ...] = ()
    """Pages in each CPU's list: free, but in no buddy list."""


def parse_zoneinfo(text: str) -> tuple[ZoneInfo, ...]:
    """All populated zones; InputError when no zone is found."""
    zones: list[ZoneInfo] = []
    head: re.Match[str] | None = None
    body: list[str] = []
    for line in [*text.splitlines(), "Node 0, zone end"]:
        match = _ZONE.match(line)
        if match is None:
            body.append(line)
            continue
        if head is not None:
            zones.append(_zone(head, body))
        head, body = match, []
    if not zones:
        raise damaged("zoneinfo", text)
    return tuple(zone for zone in zones if zone.present)


def _zone(head: re.Match[str], body: list[str]) -> ZoneInfo:
    values: dict[str, int] = {}
    per_cpu: list[int] = []
    section = ""
    for line in body:
        free = _PAGES_FREE.match(line)
        field = _FIELD.match(line)
        if free is not None:
            section = "pages"
            values["free"] = int(free[1])
        elif line.strip() == "pagesets":
            section = "pagesets"
        elif field is None:
            continue
        elif section == "pagesets":
            if field[1] == "count":
                per_cpu.append(whole_number(field[2], "zoneinfo", line))
        elif section == "pages" and (field[1] in _WATERMARKS or field[1] in ("nr_free_pages", "nr_free_cma")):
            values[field[1]] = int(field[2])
    return ZoneInfo.model_validate(
        {"node": int(head[1]), "zone": head[2], "per_cpu": tuple(per_cpu), **values}
    )
