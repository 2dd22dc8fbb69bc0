# SPDX-License-Identifier: Apache-2.0
"""A point in time by which something must have happened: made once, passed down."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

from orchestrator.errors import DeadlinePassed


@dataclass(frozen=True)
class Deadline:
    """An instant on the host's monotonic clock, and what is awaited until then."""

    at_s: float
    what: str

    @classmethod
    def after(cls, seconds: float, what: str) -> Self:
        """The deadline that passes `seconds` from now."""
        return cls(time.monotonic() + seconds, what)

    def sooner(self, seconds: float, what: str) -> Deadline:
        """A deadline for a part of the work: `seconds` from now, never later than this one."""
        return Deadline(min(self.at_s, time.monotonic() + seconds), what)

    def remaining(self) -> float:
        """Seconds left, 0.0 when the deadline has passed."""
        return max(0.0, self.at_s - time.monotonic())

    @property
    def passed(self) -> bool:
        """True once nothing is left."""
        return self.remaining() == 0.0

    def check(self) -> None:
        """Raise DeadlinePassed when nothing is left."""
        if self.passed:
            raise DeadlinePassed(f"deadline passed: {self.what}")
