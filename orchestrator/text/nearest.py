# SPDX-License-Identifier: Apache-2.0
"""The valid word that a wrong one was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Other projects' words for ours; spelling alone would lead from amd64 to arm64.
_SYNONYMS = {
    "aarch64": "arm64",
    "amd64": "x86_64",
    "x64": "x86_64",
    "x86-64": "x86_64",
    "ram": "memory",
    "swap": "zram",
    "iterations": "count",
    "timeouts": "deadlines",
}


def nearest(word: object, candidates: Iterable[object]) -> str | None:
    """The candidate most like `word`, or None when none is like it."""
    texts = [str(candidate) for candidate in candidates]
    wanted = str(word).strip().lower()
    if _SYNONYMS.get(wanted) in texts:
        return _SYNONYMS[wanted]
    close = difflib.get_close_matches(wanted, [text.lower() for text in texts], n=1, cutoff=0.55)
    return next((text for text in texts if close and text.lower() == close[0]), None)
