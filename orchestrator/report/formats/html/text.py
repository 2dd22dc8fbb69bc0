# SPDX-License-Identifier: Apache-2.0
"""Text on its way to a page: bounded, and nothing in it invisible. Escaping comes after that."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from orchestrator.text.amounts import count_of
from orchestrator.text.plain import named

_CODE = re.compile(r"`([^`\n]+)`")
LONGEST_CHARS = 20_000
"""A whole OOM report has 8,000; what is longer is not for people."""


def bounded(text: str, longest_chars: int = LONGEST_CHARS) -> str:
    """The text, or its beginning and how much was left out."""
    if len(text) <= longest_chars:
        return text
    return f"{text[:longest_chars]} ... ({count_of('more character', len(text) - longest_chars)})"


def prose(text: str) -> Markup:
    """For templates: our own sentences, in which `words` between backticks are code."""
    escaped = str(escape(named(bounded(text))))
    return Markup(_CODE.sub(r"<code>\1</code>", escaped))


def clipped(text: str, longest_chars: int) -> str:
    """For a drawing, where nothing wraps."""
    shown = named(text).replace("\n", " ")
    return shown if len(shown) <= longest_chars else f"{shown[: longest_chars - 1]}\N{HORIZONTAL ELLIPSIS}"


def finalize(value: object) -> object:
    """For templates: every value on its way to the page, before it is escaped."""
    return value if isinstance(value, Markup) else named(bounded(str(value)))
