# SPDX-License-Identifier: Apache-2.0
"""Lines that look like a part of a report and could not be read: nobody may say that it is missing."""

from __future__ import annotations

import re

FREE_LISTS = "free lists"
ZONES = "the zones"
VICTIM = "who died"

_SIZE = re.compile(r"\d ?kB\b")
_LEAST_SIZES = 5
_ZONE = re.compile(r"\bfree ?[:=] ?\d.{0,200}?\bmin ?[:=] ?\d")
_KILL = re.compile(r"[Kk]ill(?:ed|ing)?\W{1,4}(?:process|task)\W{1,4}\d")


def looks_like(text: str) -> str | None:
    """What a line that nobody understood seems to show; None for most of them."""
    if "ill" in text and _KILL.search(text):
        return VICTIM
    if "free" in text and _ZONE.search(text):
        return ZONES
    if "=" in text and len(_SIZE.findall(text)) >= _LEAST_SIZES:
        return FREE_LISTS
    return None
