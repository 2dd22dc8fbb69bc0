# SPDX-License-Identifier: Apache-2.0
"""The log of a build that failed: which of its lines say why."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MOST_LINES = 30
_STEP = re.compile(r"  [A-Z][A-Z0-9_]*(?: \[M\])? +\S|make.*: (?:\*\*\* Waiting|Entering|Leaving)")
"""What make prints of steps that went well; with several jobs they come between the lines of an error."""
_ERROR = re.compile(r"(?:^|[\s:])[Ee]rror(?:\[E\d+\])?: |^ERROR: |undefined (?:reference|symbol)\b")
"""What compilers (rustc with a number), linkers and modpost begin an error with."""
_TELLING = re.compile(r"\b(error|undefined|not found|No such file|Error \d+)\b|: \*\*\* ")
"""What else may tell; of a log with errors these are warnings that speak of such."""
_LEADING = re.compile(r"In file included from |\s+from |\S+: (?:In|At|in) ")
"""What compilers say before an error: where it is included, and in which function."""


def first_errors(log: Sequence[str]) -> list[str]:
    """The first lines that say what went wrong, with what leads to them; the log's end when none does."""
    lines = [line for line in log if not _STEP.match(line)]
    start = _first(_ERROR, lines)
    if start is None:
        start = _first(_TELLING, lines)
    if start is None:
        return lines[-_MOST_LINES:]
    while start and _LEADING.match(lines[start - 1]):
        start -= 1
    return lines[start : start + _MOST_LINES]


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> int | None:
    return next((number for number, line in enumerate(lines) if pattern.search(line)), None)
