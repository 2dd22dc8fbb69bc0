# SPDX-License-Identifier: Apache-2.0
"""stdout and stderr as the command line uses them, and what happens when nobody reads them any more.

Whatever goes to a terminal goes through here, and nothing in it acts on one but what this program adds:
text is made plain, and markup in it is text.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from orchestrator.text.plain import json_plain, named

UNBOUNDED_COLUMNS = 100_000
_TRAILING_BLANKS = re.compile(r" +$", re.MULTILINE)


class PlainConsole(Console):
    """A console for text of others: its styles are ours alone.

    Where there is no terminal, lines and tables are as wide as what is in them, and end with no blanks: what
    reads a log or a pipe has no margin, and a name that was cut off cannot be searched for. `COLUMNS` is
    obeyed all the same.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **settings})
        self.printed_lines = 0
        """Since the console was made, or this was set: a page takes the room that is left."""
        if not self.is_terminal and self._width is None:
            self._width = UNBOUNDED_COLUMNS

    def print(self, *objects: Any, **settings: Any) -> None:
        """Print; rich would take some control characters out of a string unseen."""
        shown = [named(each) if isinstance(each, str) else each for each in objects]
        self.printed_lines += 1 + sum(each.count("\n") for each in map(str, shown))
        if self.is_terminal or self.color_system is not None:
            super().print(*shown, **settings)
            return
        with self.capture() as captured:
            super().print(*shown, **settings)
        text = captured.get()
        if settings.get("end", "\n").endswith("\n"):
            text = _TRAILING_BLANKS.sub("", text)
        super().print(Text(text), soft_wrap=True, end="")

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces of text that are printed, also for parts of a whole, such as cells of a table."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(named(segment.text), segment.style)


class StdoutConsole(PlainConsole):
    """Tables on stdout. A reader that has gone is reported to the caller, not made exit code 1."""

    def on_broken_pipe(self) -> None:
        """Called by rich while BrokenPipeError is handled."""
        raise BrokenPipeError


class StderrConsole(PlainConsole):
    """Text on stderr. When nobody reads it any more the run still goes on to its verdict."""

    def on_broken_pipe(self) -> None:
        """Called by rich while BrokenPipeError is handled."""
        self.quiet = True
        drop(sys.stderr)


def write_data(text: str) -> None:
    """Text on stdout as it is, but plain, and a newline after it if there is none."""
    sys.stdout.write(named(text).removesuffix("\n") + "\n")
    sys.stdout.flush()


def write_json(value: object) -> None:
    """JSON on stdout."""
    write_data(json_plain(json.dumps(value, indent=2)))


def drop(stream: TextIO) -> None:
    """What could not be written must not be tried again at the interpreter's end."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
