# SPDX-License-Identifier: Apache-2.0
"""One thing that a scenario rests on: whether it was read in the text, inferred from it, or is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.text.plain import ascii_line

Origin = Literal["read", "inferred", "unknown"]


@dataclass(frozen=True)
class Fact:
    """`what` is so (`value`), because of `why`; an unknown one's value is what was taken in its place."""

    origin: Origin
    what: str
    value: str
    why: str

    def as_json(self) -> dict[str, str]:
        """For people's scripts."""
        return {"origin": self.origin, "what": self.what, "value": self.value, "why": self.why}


def read(what: str, value: object, why: str) -> Fact:
    """A fact that stands in the text."""
    return _fact("read", what, value, why)


def inferred(what: str, value: object, why: str) -> Fact:
    """A fact that follows from the text, from the kernel's source or from what a guest can have."""
    return _fact("inferred", what, value, why)


def unknown(what: str, value: object, why: str) -> Fact:
    """What the text does not say, and what stands in its place."""
    return _fact("unknown", what, value, why)


def _fact(origin: Origin, what: str, value: object, why: str) -> Fact:
    return Fact(origin, ascii_line(what), ascii_line(str(value)), ascii_line(why))
