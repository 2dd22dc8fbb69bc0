# SPDX-License-Identifier: Apache-2.0
"""The parts of a text that are copies of files under /proc, of properties or of sysctls. Pure.

They are known by the shape of their lines, wherever they stand: in a bug report between headers of its own,
in a terminal's log behind prompts, in a mail behind `>`. What a value alone means, a header or a path before
it says. Formats: fs/proc/meminfo.c, mm/vmstat.c, mm/swapfile.c, arch/*/kernel/cpuinfo.c, Android's getprop,
sysctl(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from orchestrator.dumps.cleaned import cleaned

_LONGEST_HEADER_CHARS = 300
_MOST_LINES = 20_000
"""Of one section; /proc/zoneinfo of a large server has some thousands."""


class Kind(StrEnum):
    """What a section is a copy of."""

    MEMINFO = "/proc/meminfo"
    ZONEINFO = "/proc/zoneinfo"
    BUDDYINFO = "/proc/buddyinfo"
    PAGETYPEINFO = "/proc/pagetypeinfo"
    VMSTAT = "/proc/vmstat"
    SWAPS = "/proc/swaps"
    CPUINFO = "/proc/cpuinfo"
    VERSION = "/proc/version"
    CMDLINE = "/proc/cmdline"
    PROPERTIES = "getprop"
    SYSCTLS = "sysctl"


@dataclass(frozen=True)
class Section:
    """Lines of one kind that stand together, as the kernel printed them."""

    kind: Kind
    text: str
    file: str
    line: int
    """Number of the first of them, from 1."""

    @property
    def where(self) -> str:
        """For provenance."""
        return f"{self.kind} in {self.file}, line {self.line}"


@dataclass(frozen=True)
class _Shape:
    """How a section begins, and what may follow."""

    begins: re.Pattern[str]
    goes_on: re.Pattern[str]


def _shape(begins: str, goes_on: str | None = None) -> _Shape:
    return _Shape(re.compile(begins), re.compile(begins if goes_on is None else goes_on))


_SHAPES = {
    Kind.MEMINFO: _shape(r"MemTotal:\s+\d+ kB$", r"[\w()]+:\s+\d+(?: kB)?$"),
    Kind.BUDDYINFO: _shape(r"Node \d+, zone\s+\S+(?:\s+\d+){8,}$"),
    Kind.ZONEINFO: _shape(r"Node \d+, zone\s+\S+$", r"Node \d+, zone\s+\S+$|\s+\S"),
    Kind.PAGETYPEINFO: _shape(
        r"Page block order:\s+\d+$",
        r"(?:Page block order|Pages per block|Free pages count|Number of )"
        r"|Node\s+\d+, zone\s+\S+(?:, type\s.*|(?:\s+\d+){1,7})$|$",  # more would be buddyinfo's orders
    ),
    Kind.VMSTAT: _shape(r"nr_free_pages \d+$", r"[a-z]\w* -?\d+$"),
    Kind.SWAPS: _shape(
        r"Filename\s+Type\s+Size\s+Used\s+Priority$", r"\S.*\s(?:partition|file)\s+\d+\s+\d+\s+-?\d+$"
    ),
    Kind.CPUINFO: _shape(r"processor\s*:\s*\d+$", r"[\w\s.()/-]+:|$"),
    Kind.VERSION: _shape(r"Linux version \d+\.\d+|Linux \S+ \d+\.\d+\S* #", r"\Z.\A"),
    Kind.PROPERTIES: _shape(r"\[[^\]\s]+\]: \[.*\]$"),
    Kind.SYSCTLS: _shape(r"(?:vm|kernel)\.[\w./-]+ = \S.*$"),
}
_HEADERS = (
    re.compile(r"^-{3,} .*?\(?(?P<path>/proc/[\w/.-]+)\)?.* -{3,}$"),  # dumpstate
    re.compile(r"^==> (?P<path>\S+) <==$"),  # head(1) and tail(1) of several files
    re.compile(
        r"^(?:.*[$#] )?(?:cat|more|less|head|tail) (?P<path>\S*/proc/\S+)$"
    ),  # a prompt and its command
)
_WITH_PATH = re.compile(r"^(?P<path>\S*/proc/sys/vm/\w+):(?P<value>\S.*)$")  # grep(1) of several files
_SYSCTL_FILE = re.compile(r"(?:^|/)sys/(vm|kernel)/(\w+)$")


@dataclass
class _Open:
    """A section whose end has not been seen."""

    kind: Kind
    line: int
    lines: list[str] = field(default_factory=list)


def sections_of(lines: Iterable[str], file: str, path: str = "") -> Iterator[Section]:
    """The sections of a text, in its order; `path` is what the text may be a copy of as a whole."""
    opened: _Open | None = None
    path = path or file
    for number, line in cleaned(lines):
        if opened is not None and _goes_on(opened, line):
            opened.lines.append(line)
            continue
        if opened is not None:
            yield _closed(opened, file)
            opened = None
        titled = _title(line)
        if titled is not None:
            path = titled
            continue
        kind, text = _begun(line, path)
        if kind is not None:
            opened = _Open(kind, number, [text])
        if line:
            path = path if kind is None else ""  # what a path means is said of the first line below it
    if opened is not None:
        yield _closed(opened, file)


def _title(line: str) -> str | None:
    """The path that a header says the next lines are a copy of."""
    if len(line) > _LONGEST_HEADER_CHARS:
        return None
    return next((found["path"] for header in _HEADERS if (found := header.match(line))), None)


def _shaped(line: str) -> Kind | None:
    return next((kind for kind, shape in _SHAPES.items() if shape.begins.match(line)), None)


def _begun(line: str, path: str) -> tuple[Kind | None, str]:
    kind = _shaped(line)
    if kind is not None:
        return kind, line
    grepped = _WITH_PATH.match(line)
    path, value = (grepped["path"], grepped["value"]) if grepped is not None else (path, line.strip())
    sysctl = _SYSCTL_FILE.search(path)
    if sysctl is not None and value:
        return Kind.SYSCTLS, f"{sysctl[1]}.{sysctl[2]} = {value}"
    if PurePosixPath(path).stem == "cmdline" and "=" in value:
        return Kind.CMDLINE, value
    return None, line


def _goes_on(opened: _Open, line: str) -> bool:
    shape = _SHAPES.get(opened.kind)
    if shape is None or len(opened.lines) >= _MOST_LINES:
        return False
    if opened.kind is Kind.SYSCTLS and opened.lines[-1:] and not shape.begins.match(opened.lines[-1]):
        return False
    return shape.goes_on.match(line) is not None and _shaped(line) in (None, opened.kind)


def _closed(opened: _Open, file: str) -> Section:
    return Section(opened.kind, "\n".join(opened.lines).rstrip() + "\n", file, opened.line)
