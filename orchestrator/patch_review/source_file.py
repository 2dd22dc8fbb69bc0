# SPDX-License-Identifier: Apache-2.0
"""A base's source file as patches see it: lines, lines without white space, and functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from orchestrator.mail.hunk import squeezed

_DEFINITION = re.compile(r"^[A-Za-z_][^;=]*?\b([A-Za-z_]\w*)\s*\([^;]*$")


@dataclass(frozen=True)
class SourceFile:
    """The text of one file. Line indexes count from 0."""

    path: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """Lines without their ends."""
        lines = self.text.split("\n")
        return lines if lines[-1] else lines[:-1]

    @cached_property
    def squeezed(self) -> list[str]:
        """The lines without white space."""
        return [squeezed(line) for line in self.lines]

    @cached_property
    def known(self) -> frozenset[str]:
        """All lines without white space."""
        return frozenset(self.squeezed)

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Where each line without white space stands."""
        found: dict[str, list[int]] = {}
        for index, text in enumerate(self.squeezed):
            found.setdefault(text, []).append(index)
        return found

    @cached_property
    def _functions(self) -> list[tuple[int, int, str]]:
        """First line, line behind the last, name."""
        found: list[tuple[int, int, str]] = []
        for index, line in enumerate(self.lines):
            match = _DEFINITION.match(line) if len(line) < 300 else None
            if match is None:
                continue
            end = next((at for at in range(index, len(self.lines)) if self.lines[at].startswith("}")), None)
            if end is not None and (not found or index >= found[-1][1]):
                found.append((index, end + 1, match[1]))
        return found

    def function_at(self, index: int) -> str:
        """The name of the function around a line, or ""."""
        return next((name for start, end, name in self._functions if start <= index < end), "")

    def function_lines(self, name: str) -> range:
        """The lines of a function; empty when the file has none of this name."""
        return next((range(start, end) for start, end, other in self._functions if other == name), range(0))

    def heading(self, index: int) -> str:
        """What diff -p prints behind the second @@ for a hunk that starts at this line."""
        for start, _, _ in reversed(self._functions):
            if start < index:
                return self.lines[start][:80]
        return ""
