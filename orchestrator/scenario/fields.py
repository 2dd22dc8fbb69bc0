# SPDX-License-Identifier: Apache-2.0
"""What all scenario models share: the base class, bounded field types, cross-field problems."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from orchestrator import units
from orchestrator.scenario.limits import limit
from orchestrator.text.amounts import count_of
from orchestrator.units import KIB, format_duration, format_size

CROSS_FIELD = "cross_field"
"""The type of the Pydantic error that carries `Cross` problems in its context."""

# For editors: the JSON Schema's way to say "a number with a unit". 0 needs none, hence the maximum.
_SIZE_PATTERN = r"^\s*(0|\d+(\.\d+)?\s*(B|[kKMGT]i?B))\s*$"
_DURATION_PATTERN = r"^\s*\d+(\.\d+)?\s*(us|ms|s|min|h)\s*$"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def _exact_duration(seconds: float) -> str:
    """The shortest text that reads back as exactly `seconds`."""
    text = format_duration(seconds)
    with suppress(ValueError):
        if units.parse_duration(text) == seconds:
            return text
    return f"{Decimal(repr(seconds)):f}s"


# What is written must read back as the same value: scenarios go into manifests and out again.
Size = Annotated[
    units.Size,
    BeforeValidator(lambda value: 0 if value == "0" else value),
    WithJsonSchema(
        {"type": ["string", "integer"], "pattern": _SIZE_PATTERN, "maximum": 0, "format": "size"},
        mode="validation",
    ),
]
"""Bytes, as in orchestrator.units; the text "0" is understood too, because it is what is written."""
Duration = Annotated[
    units.Duration,
    PlainSerializer(_exact_duration, return_type=str),
    WithJsonSchema(
        {"type": ["string", "integer"], "pattern": _DURATION_PATTERN, "maximum": 0, "format": "duration"},
        mode="validation",
    ),
]
"""Seconds, as in orchestrator.units; written without loss."""


class Model(BaseModel):
    """A frozen part of a scenario; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Cross:
    """A problem between fields: `path` leads from the model that found it to the key to blame."""

    path: tuple[str | int, ...]
    what: str
    nearest: str | None = None


def refuse(problems: Iterable[Cross]) -> None:
    """Raise all of `problems` as one Pydantic error; does nothing when there are none."""
    found = tuple(problems)
    if found:
        text = "; ".join(problem.what for problem in found)
        raise PydanticCustomError(CROSS_FIELD, "{text}", {"text": text, "problems": found})


def is_name(value: object) -> bool:
    """Whether this may be the name of a variant, a scenario or a profile."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _name(value: str) -> str:
    if not is_name(value):
        raise ValueError(
            "a name consists of small letters, digits, '.', '_' and '-', begins with a letter or digit,"
            f" and has at most 64 characters, not {value[:80]!r}"
        )
    return value


def size_between(low_bytes: int, high_bytes: int, multiple_bytes: int = KIB) -> AfterValidator:
    """A check that a size lies in the closed interval and is a multiple of `multiple_bytes`.

    Whole KiB by default, because the guest counts memory in them.
    """

    def check(value: Any) -> Any:
        if not low_bytes <= value <= high_bytes:
            raise ValueError(
                f"a size from {format_size(low_bytes)} to {format_size(high_bytes)} is possible here,"
                f" not {format_size(value)}"
            )
        if value % multiple_bytes:
            raise ValueError(f"must be a multiple of {format_size(multiple_bytes)}, not {format_size(value)}")
        return value

    return AfterValidator(check)


def duration_between(low_s: float, high_s: float) -> AfterValidator:
    """A check that a duration lies in the closed interval."""

    def check(value: float) -> float:
        if not low_s <= value <= high_s:
            raise ValueError(
                f"a duration from {format_duration(low_s)} to {format_duration(high_s)} is possible here"
            )
        return value

    return AfterValidator(check)


def each_once(what: str, key: Callable[[Any], object]) -> AfterValidator:
    """A check that no two items of a sequence have the same `key`."""

    def check(value: tuple[Any, ...]) -> tuple[Any, ...]:
        seen: set[object] = set()
        for item in value:
            if key(item) in seen:
                raise ValueError(f"{what} {key(item)} is given twice")
            seen.add(key(item))
        return value

    return AfterValidator(check)


Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$"})]
"""The name of a scenario or variant; it becomes part of file names."""


_CONTROL = frozenset({"Cc", "Zl", "Zp"})


def _printable(value: str) -> str:
    """YAML takes some control characters for the end of a line, terminals for commands."""
    for character in value:
        if unicodedata.category(character) in _CONTROL and character not in "\n\t":
            raise ValueError(f"holds the control character U+{ord(character):04X}")
    return value


Prose = Annotated[str, AfterValidator(_printable)]
"""Text for people or a shell: no control characters but new lines and tabs."""


def bytes_at_most(most: int) -> AfterValidator:
    """A check that a text takes no more than `most` bytes in UTF-8."""

    def check(value: str) -> str:
        size_bytes = len(value.encode(errors="surrogatepass"))
        if size_bytes > most:
            raise ValueError(f"at most {count_of('byte', most)} in UTF-8, not {size_bytes}")
        return value

    return AfterValidator(check)


Count = Annotated[int, Field(strict=True, ge=1, le=limit("requests"))]
"""How many of something: at least one."""

OomScoreAdj = Annotated[int, Field(strict=True, ge=-limit("adj"), le=limit("adj"))]
"""A value for /proc/PID/oom_score_adj; -1000 makes the process unkillable for the OOM killer."""

Number = Annotated[int, Field(strict=True)]
"""A whole number; text such as "3" and numbers such as 3.0 are refused."""
