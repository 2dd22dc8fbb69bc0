# SPDX-License-Identifier: Apache-2.0
"""The value that is varied: `trigger.count=20..600`, `device.memory=128MiB..512MiB`.

Inside the search it is a whole number of units: 1, or the finer of the two sizes' units.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import InputError
from orchestrator.text.amounts import count_of, plural
from orchestrator.units import format_size, parse_size

_NUMBER = re.compile(r"\d+")
_SIZE = re.compile(r"\d+(?:\.\d+)?\s*([kKMGT]?i?B)")
_HINT = "give --vary FIELD=A..B, such as trigger.count=20..600 or device.memory=128MiB..512MiB"


@dataclass(frozen=True)
class Varied:
    """A field and its range, both ends included, in units of `unit_bytes` (None: a plain number)."""

    field: str
    low: int
    high: int
    unit_bytes: int | None = None
    noun: str | None = None
    """What a plain number is a number of, in the singular: `mmap`."""

    def text(self, value: int) -> str:
        """The value as it stands in a scenario."""
        return str(value) if self.unit_bytes is None else format_size(value * self.unit_bytes)

    def words(self, value: int) -> str:
        """The value in a sentence: with its noun, where it has one."""
        return self.text(value) if self.noun is None else count_of(self.noun, value)

    @property
    def things(self) -> str:
        """What there is more of, or less."""
        return self.field if self.noun is None else plural(self.noun)

    def override(self, value: int) -> str:
        """As `--set` takes it."""
        return f"{self.field}={self.text(value)}"


def parse_varied(option: str) -> Varied:
    """What `--vary` asks for. InputError when it is no field with a range of numbers or of sizes."""
    field, equals, span = option.partition("=")
    begin, dots, end = span.partition("..")
    if not (field.strip() and equals and dots):
        raise InputError(f"--vary {option}: no field with a range", hint=_HINT)
    low, high, unit_bytes = _range(begin.strip(), end.strip(), option)
    if low >= high:
        raise InputError(f"--vary {option}: the range is empty", hint=_HINT)
    return Varied(field.strip(), low, high, unit_bytes)


def _range(begin: str, end: str, option: str) -> tuple[int, int, int | None]:
    if _NUMBER.fullmatch(begin) and _NUMBER.fullmatch(end):
        return int(begin), int(end), None
    units = [match[1] for text in (begin, end) if (match := _SIZE.fullmatch(text))]
    if len(units) != 2:
        raise InputError(f"--vary {option}: neither two whole numbers nor two sizes", hint=_HINT)
    try:
        low, high = parse_size(begin), parse_size(end)
        unit_bytes = min(parse_size(f"1{unit}") for unit in units)
    except ValueError as error:
        raise InputError(f"--vary {option}: {error}", hint=_HINT) from None
    if low % unit_bytes or high % unit_bytes:
        raise InputError(
            f"--vary {option}: not whole multiples of {format_size(unit_bytes)}",
            hint="write both ends without fractions, in a smaller unit if need be",
        )
    return low // unit_bytes, high // unit_bytes, unit_bytes


def with_first_entries(field: str, data: Mapping[str, Any]) -> str:
    """The field with `0` put in where the scenario has a list and the field names no entry of it.

    So `fragmentation.target.usable_units.max` means the first target of several.
    """
    words: list[str] = []
    place: Any = data
    for word in field.split("."):
        if isinstance(place, list) and not word.isdigit():
            words.append("0")
            place = place[0] if place else None
        words.append(word)
        place = _below(place, word)
    return ".".join(words)


def _below(place: Any, word: str) -> Any:
    if isinstance(place, Mapping):
        return place.get(word)
    if isinstance(place, list) and word.isdigit() and int(word) < len(place):
        return place[int(word)]
    return None
