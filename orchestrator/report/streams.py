# SPDX-License-Identifier: Apache-2.0
"""stdout and stderr as the command line uses them, and what happens when nobody reads them any more."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich.console import Console


class Data(Console):
    """Tables on stdout. A reader that has gone is told to the caller, not made exit code 1."""

    def on_broken_pipe(self) -> None:
        """Called by rich while BrokenPipeError is handled."""
        raise BrokenPipeError


class People(Console):
    """Text on stderr. When nobody reads it any more the run still goes on to its verdict."""

    def on_broken_pipe(self) -> None:
        """Called by rich while BrokenPipeError is handled."""
        self.quiet = True
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """What could not be written must not be tried again at the interpreter's end."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
