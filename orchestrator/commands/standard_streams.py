# SPDX-License-Identifier: Apache-2.0
"""stdin, stdout and stderr as whoever started the program left them: closed, full, or for ASCII alone."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO, cast


class _Heedless:
    """A stream for messages: what it cannot take is lost, and nothing else is.

    stderr can be a full disk, a terminal that is gone or a pipe that nobody reads. None of that may end
    a run, or change the exit code that a command has come to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            return self._stream.write(text)
        except OSError:
            self._give_up()
            return len(text)

    def flush(self) -> None:
        """Pass on what can be passed on."""
        try:
            self._stream.flush()
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        """What is left in a buffer would be tried again, at the latest by the interpreter at its end."""
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), self._stream.fileno())

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def hold_standard_streams() -> None:
    """Make the three streams fit to be written to, whatever they are. To be called once, first of all.

    A closed one becomes /dev/null: else the next file that is opened would take its number, and the
    journal of a run would be what others take for stdout.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number
    streams = [sys.stdout or _nowhere(), sys.stderr or _nowhere()]
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # LC_ALL and PYTHONIOENCODING may say ASCII
    sys.stdout, sys.stderr = streams[0], cast(TextIO, _Heedless(streams[1]))


def _nowhere() -> TextIO:
    return open(os.devnull, "w")  # noqa: PTH123 - as long as the program lives
