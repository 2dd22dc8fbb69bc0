# SPDX-License-Identifier: Apache-2.0
"""Text of guests made harmless: nothing that a console held may act where a report is shown."""

from __future__ import annotations

import unicodedata

# Control characters, invisible ones that reorder or hide text (bidi overrides, zero width), halves of
# characters, private and unassigned ones, and line ends that only some programs know.
_ACTIVE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def harmless(text: str, *, keep: str = "\n") -> str:
    """The text with everything that a terminal, editor or XML reader might act on shown as an escape.

    Characters in `keep` stay. `\\x1b` for ESC, `\\u202e` for a bidi override.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escaped(each) if unicodedata.category(each) in _ACTIVE and each not in keep else each
        for each in text
    )


def one_line(text: str) -> str:
    """Harmless, and without line ends: they are shown as `\\x0a`."""
    return harmless(text, keep="")


def _escaped(character: str) -> str:
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
