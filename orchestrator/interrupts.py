# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and its kin: one of them ends the program in order, more of them do not disturb the end."""

from __future__ import annotations

import signal
import time
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DEAF_S = 10.0
"""Longer than ending children and removing temporary files takes. Not for ever: Python drops an
exception that arrives inside a finalizer, and then the user must be able to ask again."""


class _Interrupt:
    def __init__(self) -> None:
        self._deaf_until_s = 0.0

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        now_s = time.monotonic()
        if now_s >= self._deaf_until_s:
            self._deaf_until_s = now_s + _DEAF_S
            raise KeyboardInterrupt


def end_in_order() -> None:
    """From now on Ctrl-C, SIGTERM and a closed terminal raise KeyboardInterrupt, once in a while.

    What the parent made this program ignore (`nohup`, a background job) stays ignored.
    """
    interrupt = _Interrupt()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def ignore_more() -> None:
    """For the last steps: the interpreter, while it ends, would make signals deadly again."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
