# SPDX-License-Identifier: Apache-2.0
"""JSON of others: no integer in it that does not fit 64 bits.

Python's integers have no end, and what counts with them, prints them or turns them into floating point has
one. Everything that the kernel and this program count fits.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress

_MANY_DIGITS = re.compile(rb"-\d{19}|\d{20}")  # seeds have 19
_LEAST, _MOST = -(2**63), 2**64 - 1


class HugeNumberError(ValueError):
    """An integer that no counter could hold."""


def require_64_bits(data: bytes) -> None:
    """HugeNumberError where `data`, JSON or not, has an integer below -2^63 or above 2^64 - 1.

    Text with so many digits costs a second look; nearly everything is passed by the first.
    """
    if _MANY_DIGITS.search(data) is None:
        return
    # What is no JSON is for the caller's parser to refuse, and so is what nests too deeply.
    with suppress(json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        json.loads(data, parse_int=_fitting)


def _fitting(digits: str) -> int:
    if len(digits) > len(str(_LEAST)) or not _LEAST <= (number := int(digits)) <= _MOST:
        raise HugeNumberError("an integer of more than 64 bits")
    return number
