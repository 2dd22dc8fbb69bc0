# SPDX-License-Identifier: Apache-2.0
"""JSON of others: no integer in it that does not fit 64 bits.

Python's integers have no end, and what counts with them, prints them or turns them into floating point has
one. Everything that the kernel and this program count fits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress

_DIGITS = re.compile(rb"\d+")
_DIGITS_AS_0 = bytes.maketrans(b"123456789", b"0" * 9)
_MANY_DIGITS = b"0" * 19
_LEAST, _MOST = -(2**63), 2**64 - 1


class HugeNumberError(ValueError):
    """An integer that no counter could hold."""


def require_64_bits(data: bytes) -> None:
    """HugeNumberError where `data`, JSON or not, has an integer below -2^63 or above 2^64 - 1.

    Only text that has such digits anywhere, be it in a string, is parsed for it.
    """
    if all(map(_fits, _long_integers(data))):
        return
    # What is no JSON is for the caller's parser to refuse, and so is what nests too deeply.
    with suppress(json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        json.loads(data, parse_int=_fitting)


def _long_integers(data: bytes) -> Iterator[bytes]:
    """All runs of that many digits, with their sign; found as zeros, which is faster than a pattern."""
    shape = data.translate(_DIGITS_AS_0)
    start = shape.find(_MANY_DIGITS)
    while start >= 0:
        digits = _DIGITS.match(data, start)
        end = digits.end() if digits else start + 1
        sign = data[max(0, start - 1) : start].endswith(b"-")
        yield data[start - sign : end]
        start = shape.find(_MANY_DIGITS, end)


def _fits(digits: bytes | str) -> bool:
    return len(digits) <= len(str(_MOST)) and _LEAST <= int(digits) <= _MOST


def _fitting(digits: str) -> int:
    if not _fits(digits):
        raise HugeNumberError("an integer of more than 64 bits")
    return int(digits)
