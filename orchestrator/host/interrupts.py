# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and its kin: one of them ends the program in order, more of them do not disturb the end."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DEAF_S = 10.0
"""Longer than ending children and removing temporary files takes. Not for ever: Python drops an
exception that arrives inside a finalizer, and then the user must be able to ask again."""


class _Interrupt:
    def __init__(self) -> None:
        self._deaf_until_s = 0.0
        self._pending = False
        self.held = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self._pending = True
        self.deliver()

    def deliver(self) -> None:
        """Raise KeyboardInterrupt if a signal came, unless that is held back or one came just before."""
        if self.held or not self._pending:
            return
        self._pending = False
        now_s = time.monotonic()
        if now_s >= self._deaf_until_s:
            self._deaf_until_s = now_s + _DEAF_S
            raise KeyboardInterrupt


_interrupt = _Interrupt()


def install_signal_handlers() -> None:
    """From now on Ctrl-C, SIGTERM and a closed terminal raise KeyboardInterrupt, once in a while.

    What the parent made this program ignore (`nohup`, a background job) stays ignored.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Within the block an interrupt waits for the block's end: for steps that must not be cut in two."""
    _interrupt.held = True
    try:
        yield
    finally:
        _interrupt.held = False
    _interrupt.deliver()


def ignore_signals() -> None:
    """For the last steps: the interpreter, while it ends, would make signals deadly again."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
