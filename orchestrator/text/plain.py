# SPDX-License-Identifier: Apache-2.0
"""Text of others made plain: the one place that decides what of it may be shown as it is.

Guests, patches, mails, scenario files, build logs and file names are written by anybody. A terminal,
an editor, a browser or a spreadsheet acts on some of their characters, and others hide or reorder what
stands beside them. Those are shown by their name, `<U+202E>`, in every format; bytes that are no
character as `<0xFF>`. Quoting for a format (HTML, Markdown, CSV, XML) comes after this.
"""

from __future__ import annotations

import re
import unicodedata

# Control characters, invisible ones that reorder or hide text (bidi overrides, zero width), halves of
# characters, private and unassigned ones, and line ends that only some programs know.
_ACTIVE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, as far as the categories above lack
# them, and the braille pattern without dots: they take no ink, and tell apart what looks the same.
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_ESCAPED_BYTES = range(0xDC80, 0xDD00)  # PEP 383: bytes that are no UTF-8, as `os.fsdecode` keeps them
# What JSON lets stand, and programs act on.
_ACTIVE_IN_JSON = re.compile(r"[^\x00-\x7e]")  # said by what it is not, it compiles in no time


def named(text: str, *, keep: str = "\n\t") -> str:
    """The text with everything that is not plain shown by its name; characters in `keep` stay.

    Where lines may stand, those that end in CR LF are lines, too.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\n" in keep:
        text = text.replace("\r\n", "\n")
    return text.translate(
        {ord(each): _name(each) for each in set(text) if _is_active(each) and each not in keep}
    )


def one_line(text: str) -> str:
    """The same in one line: line ends and tabs are shown by name, too."""
    return named(text, keep="")


def ascii_line(text: str) -> str:
    """The same in ASCII, for mails and logs: `\\xe9` for what is plain and not ASCII."""
    return one_line(text).encode("ascii", "backslashreplace").decode("ascii")


def json_plain(text: str) -> str:
    """JSON text that means the same and can be printed: what is not plain becomes `\\u202e`."""
    return _ACTIVE_IN_JSON.sub(lambda found: _json_escape(found[0]), text)


def _is_active(character: str) -> bool:
    return unicodedata.category(character) in _ACTIVE or character in _INVISIBLE


def _name(character: str) -> str:
    number = ord(character)
    return f"<0x{number - 0xDC00:02X}>" if number in _ESCAPED_BYTES else f"<U+{number:04X}>"


def _json_escape(character: str) -> str:
    if not _is_active(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
