# SPDX-License-Identifier: Apache-2.0
"""A point in time by which something must have happened: made once, passed down."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
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

    def slice(self) -> float:
        """Seconds to wait for something else before this is looked at again: until it passes."""
        return self.remaining()

    @property
    def passed(self) -> bool:
        """True once nothing is left."""
        return self.remaining() == 0.0

    def check(self) -> None:
        """Raise DeadlinePassed when nothing is left."""
        if self.passed:
            raise DeadlinePassed(f"deadline passed: {self.what}")


_SLICE_S = 0.1


@dataclass(frozen=True)
class RevocableDeadline(Deadline):
    """A deadline that passes at once when it is revoked, from any thread; so do those made from it.

    For work that is given up when somebody else decides so, in the middle of a child process, too.
    """

    revoked: threading.Event = field(default_factory=threading.Event, compare=False)

    def revoke(self) -> None:
        """What waits for it waits no longer."""
        self.revoked.set()

    def sooner(self, seconds: float, what: str) -> RevocableDeadline:
        """As of any deadline; it is revoked with this one."""
        return RevocableDeadline(min(self.at_s, time.monotonic() + seconds), what, self.revoked)

    def remaining(self) -> float:
        """Seconds left, 0.0 when the deadline has passed or was revoked."""
        return 0.0 if self.revoked.is_set() else super().remaining()

    def slice(self) -> float:
        """Short: nobody wakes those who wait for something else."""
        return min(_SLICE_S, self.remaining())
