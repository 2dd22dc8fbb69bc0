# SPDX-License-Identifier: Apache-2.0
"""Heads of warn_alloc() (mm/page_alloc.c) that are neither "page allocation failure" nor vmalloc's.

Every head is "COMM: what its caller says, mode:MASK(NAMES), nodemask=...": "vmemmap alloc failure: order:9"
(mm/sparse-vmemmap.c), "page allocation stalls for 10001ms, order:0" (4.10 to 4.14), and what others come to
say.
"""

from __future__ import annotations

import re

# The mask with its names makes it a head: prose has no such thing.
WARN_HEAD = re.compile(
    r"^(?P<comm>.{1,64}?): (?P<message>[A-Za-z][^\n]{2,160}?)[,:]?\s+mode:\s?(?P<mask>0x[0-9a-f]+)"
    r"\((?P<flags>\w*GFP_[\w| ]*)\)?(?P<rest>$|,\s*(?:nodemask=.*)?$)"
)
_ORDER = re.compile(r"\border:(\d{1,3})\b")
_STALL = re.compile(r"stalls for (\d{1,12})\s?ms")
_TRAILING_ORDER = re.compile(r"[:,]?\s*\border:\d{1,3}$")


def order_of(message: str) -> int | None:
    """The order in a head's words, None where it names none."""
    match = _ORDER.search(message)
    return int(match[1]) if match else None


def without_order(message: str) -> str:
    """The words of a head without the order behind them."""
    return _TRAILING_ORDER.sub("", message).strip()


def stalled_ms(warning: str | None) -> int | None:
    """How long a request had waited that has not failed; None for any other head."""
    match = _STALL.search(warning or "")
    return int(match[1]) if match else None
