# SPDX-License-Identifier: Apache-2.0
"""What sections say, read: one device at one time. Pure.

Of several sections of a kind the first counts; that there were others, and that they say something else, is
kept, for they may be of another time, or of another device.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from orchestrator.dumps.section import Kind, Section
from orchestrator.errors import InputError
from orchestrator.memory.buddyinfo import ZoneBlocks, parse_buddyinfo
from orchestrator.memory.meminfo import parse_meminfo
from orchestrator.memory.pagetypeinfo import PageTypeInfo, parse_pagetypeinfo
from orchestrator.memory.vmstat import parse_vmstat
from orchestrator.memory.zoneinfo import ZoneInfo, parse_zoneinfo
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import ascii_line
from orchestrator.units import KIB

_PAGE_KB = (4, 16, 64)
_PROPERTY = re.compile(r"^\[([^\]]+)\]: \[(.*)\]$")
_MOST_NOTES = 20
_ONE_DEVICE = 50
"""MemTotal of one device is the same within a fiftieth: memory of the boot is freed, some is hot-plugged."""


@dataclass(frozen=True)
class Swap:
    """One swap area (mm/swapfile.c, swap_show); sizes in kB."""

    name: str
    size_kb: int
    used_kb: int


@dataclass
class Dump:
    """What is known of a device, and which section says it."""

    sections: dict[Kind, Section] = field(default_factory=dict)
    meminfo: dict[str, int] = field(default_factory=dict)
    zones: tuple[ZoneInfo, ...] = ()
    free_lists: tuple[ZoneBlocks, ...] = ()
    page_types: PageTypeInfo | None = None
    vmstat: dict[str, int] = field(default_factory=dict)
    swaps: tuple[Swap, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)
    processors: int = 0
    cpuinfo: str = ""
    version: str = ""
    cmdline: str = ""
    notes: list[str] = field(default_factory=list)

    def where(self, kind: Kind) -> str:
        """The place of the section, for provenance."""
        return self.sections[kind].where

    @property
    def page_kb(self) -> int | None:
        """Size of a page: MemTotal is all managed pages (mm/show_mem.c, si_meminfo); None if unknown."""
        managed = sum(zone.managed for zone in self.zones)
        total_kb = self.meminfo.get("MemTotal", 0)
        if managed and total_kb:
            return min(_PAGE_KB, key=lambda size: abs(size - total_kb / managed))
        return None


def read_dump(sections: Iterable[Section]) -> Dump:
    """One device out of sections. InputError when none of them says anything of memory."""
    dump = Dump()
    for section in sections:
        if section.kind in (Kind.PROPERTIES, Kind.SYSCTLS):
            _merge(dump, section)
        elif section.kind not in dump.sections:
            _read(dump, section)
        elif section.kind is Kind.MEMINFO and _is_of_another(dump, section):
            raise InputError(
                "these are two devices: MemTotal is not the same",
                evidence=[dump.where(Kind.MEMINFO), section.where],
                hint="give the files of one device",
            )
        elif _words(section) != _words(dump.sections[section.kind]):
            _note(
                dump, f"{section.where} says something else than what was taken: {dump.where(section.kind)}"
            )
    _check_pages(dump)
    if not dump.meminfo and not dump.zones:
        raise InputError(
            "nothing in there is a copy of /proc/meminfo or /proc/zoneinfo",
            evidence=[f"found: {section.where}" for section in dump.sections.values()],
            hint="docs/device-import.md has the line that collects what is needed",
        )
    return dump


def _is_of_another(dump: Dump, section: Section) -> bool:
    """Whether a second /proc/meminfo is of another machine: on one, MemTotal hardly changes."""
    total_kb = dump.meminfo.get("MemTotal", 0)
    other_kb = parse_meminfo(section.text).get("MemTotal", total_kb)
    return abs(other_kb - total_kb) > total_kb // _ONE_DEVICE


def _check_pages(dump: Dump) -> None:
    """A note where /proc/zoneinfo and /proc/meminfo show two sizes of memory, whatever the page size."""
    managed, page_kb = sum(zone.managed for zone in dump.zones), dump.page_kb
    total_kb = dump.meminfo.get("MemTotal", 0)
    if page_kb is not None and abs(managed * page_kb - total_kb) > total_kb // _ONE_DEVICE:
        _note(
            dump,
            f"{dump.where(Kind.ZONEINFO)} has {managed} managed pages, {dump.where(Kind.MEMINFO)} a MemTotal"
            f" of {total_kb} kB: with no size of pages they are of one boot",
        )


def _words(section: Section) -> list[str]:
    return section.text.split()


def _note(dump: Dump, words: str) -> None:
    if len(dump.notes) < _MOST_NOTES:
        dump.notes.append(ascii_line(words))


def _read(dump: Dump, section: Section) -> None:
    name, parse = _READERS[section.kind]
    try:
        setattr(dump, name, parse(section.text))
    except InputError as error:
        _note(dump, f"{section.where} is damaged and was left out: {error.message}")
        return
    dump.sections[section.kind] = section
    if section.kind is Kind.CPUINFO:
        dump.processors = len(re.findall(r"^processor\s*:", section.text, re.MULTILINE))


def _merge(dump: Dump, section: Section) -> None:
    """Properties and sysctls come from files of a value each, too."""
    into = dump.properties if section.kind is Kind.PROPERTIES else dump.sysctls
    for name, value in _pairs(section):
        before = into.setdefault(name, value)
        if before != value:
            _note(dump, f"{section.where}: {name} is '{value}', and was '{before}' before, which was taken")
    dump.sections.setdefault(section.kind, section)


def _pairs(section: Section) -> Iterable[tuple[str, str]]:
    for line in section.text.splitlines():
        found = _PROPERTY.match(line)
        if found is not None:
            yield found[1], found[2]
        elif section.kind is Kind.SYSCTLS:
            name, _, value = line.partition(" = ")
            yield name.replace("/", "."), " ".join(value.split())


def _swaps(text: str) -> tuple[Swap, ...]:
    rows = [line.split() for line in text.splitlines()[1:] if line.strip()]
    return tuple(Swap(row[0], int(row[-3]), int(row[-2])) for row in rows)


_READERS: dict[Kind, tuple[str, Callable[[str], Any]]] = {
    Kind.MEMINFO: ("meminfo", parse_meminfo),
    Kind.ZONEINFO: ("zones", parse_zoneinfo),
    Kind.BUDDYINFO: ("free_lists", parse_buddyinfo),
    Kind.PAGETYPEINFO: ("page_types", parse_pagetypeinfo),
    Kind.VMSTAT: ("vmstat", parse_vmstat),
    Kind.SWAPS: ("swaps", _swaps),
    Kind.CPUINFO: ("cpuinfo", str),
    Kind.VERSION: ("version", str.strip),
    Kind.CMDLINE: ("cmdline", str.strip),
}


def summary(dump: Dump) -> str:
    """What was found, in a line."""
    kinds = ", ".join(kind.value for kind in Kind if kind in dump.sections)
    total_mib = dump.meminfo.get("MemTotal", 0) // KIB
    zones = f", {count_of('zone', len(dump.zones))}" if dump.zones else ""
    return f"found {kinds}: {total_mib} MiB{zones}"
