# SPDX-License-Identifier: Apache-2.0
"""Sizes and durations as people write them: always with a unit."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ByteSize, Field, PlainSerializer, TypeAdapter, ValidationError

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
USUAL_PAGE_BYTES = 4 * KIB
"""The page size of most kernels, and of those of which nothing says otherwise."""

_SIZE_WITH_UNIT = re.compile(r"^\s*\d+(\.\d+)?\s*(B|[kKMGT]i?B)\s*$")
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h)\s*$")
_SECONDS_PER_UNIT = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


def _require_size_unit(value: Any) -> Any:
    if value == "0" or (isinstance(value, int) and not isinstance(value, bool) and value == 0):
        return 0
    if isinstance(value, str) and _SIZE_WITH_UNIT.match(value):
        return value
    raise ValueError(f"a size needs a unit, such as 256MiB or 64KiB, not {value!r}")


def parse_size(value: str) -> int:
    """Bytes from text such as "256MiB"; ValueError without a unit."""
    try:
        return int(TypeAdapter(Size).validate_python(value))
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def parse_duration(value: Any) -> float:
    """Seconds from text such as "90s", "5min", "250ms"; ValueError without a unit."""
    if value == "0s" or (isinstance(value, (int, float)) and not isinstance(value, bool) and value == 0):
        return 0.0
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"a duration needs a unit, such as 90s, 5min or 250ms, not {value!r}")
    return float(match[1]) * _SECONDS_PER_UNIT[match[2]]


def format_size(size_bytes: int) -> str:
    """The shortest exact binary form: 268435456 -> "256MiB"."""
    for factor, unit in ((1024 * MIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor}{unit}"
    return f"{size_bytes}B" if size_bytes else "0"


def spaced_size(size_bytes: int) -> str:
    """As format_size, with the space that a sentence has: 32768 -> "32 KiB"."""
    text = format_size(size_bytes)
    digits = text.rstrip("BKMGi")
    return f"{digits} {text[len(digits) :]}".rstrip()


def format_duration(seconds: float) -> str:
    """Text that parse_duration reads back: 300.0 -> "5min", 0.25 -> "250ms"."""
    for unit in ("h", "min", "s", "ms"):
        count = seconds / _SECONDS_PER_UNIT[unit]
        if count >= 1 and count == int(count):
            return f"{int(count)}{unit}"
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


Size = Annotated[
    ByteSize,
    BeforeValidator(_require_size_unit, json_schema_input_type=str | int),
    PlainSerializer(format_size, return_type=str),
    Field(description="a size with its unit, such as 256MiB (0 needs none)"),
]
"""Bytes; in YAML a number with a unit (B, kB, KiB, MB, MiB, GB, GiB, ...)."""

Duration = Annotated[
    float,
    BeforeValidator(parse_duration, json_schema_input_type=str | int),
    PlainSerializer(format_duration, return_type=str),
    Field(description="a duration with its unit, such as 90s, 5min or 250ms"),
]
"""Seconds; in YAML a number with a unit (us, ms, s, min, h)."""
