# SPDX-License-Identifier: Apache-2.0
"""The options of a kernel tree, what each depends on and what selects it: to say why one is not there.

Reads the language of Documentation/kbuild/kconfig-language.rst without computing it: what an option comes
to, only the tree's own `olddefconfig` knows.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_OPTION = re.compile(r"(?:menu)?config\s+(\w+)", re.ASCII)
_DEPENDS = re.compile(r"depends\s+on\s+(.+)")
_SELECT = re.compile(r"(?:select|imply)\s+(\w+)", re.ASCII)
_PROMPT = re.compile(r"(?:bool|tristate|int|hex|string|prompt)\s+[\"']")
_IF = re.compile(r"if\s+(.+)")
_HELP = re.compile(r"(?:---)?help(?:---)?")
_OPENS = ("menu ", "choice", "if ")
_CLOSES = ("endmenu", "endchoice", "endif")


@dataclass
class Known:
    """One option of a tree: where it is defined first, what it depends on, and what selects it.

    `place` is empty for a name that is selected and defined nowhere. Only one that `has_prompt` can be set.
    """

    place: str
    depends: list[str] = field(default_factory=list)
    selected_by: set[str] = field(default_factory=set)
    has_prompt: bool = False


@dataclass
class _Reader:
    """The state between two lines of one file."""

    options: dict[str, Known]
    around: list[list[str]] = field(default_factory=list)
    current: str = ""


def known_options(files: Iterable[tuple[str, str]]) -> dict[str, Known]:
    """The options of a tree, from paths and texts of its Kconfig files. What it does not know it skips."""
    options: dict[str, Known] = {}
    for path, text in files:
        reader = _Reader(options)
        for number, line in _statements(text):
            _read(reader, line, f"{path}:{number}")
    return options


def is_kconfig(path: str, kbuild_arch: str) -> bool:
    """Whether a file of a tree, by its path there, says which options a kernel of an architecture has."""
    folders = path.split("/")
    elsewhere = folders[0] == "arch" and len(folders) > 2 and folders[1] != kbuild_arch
    return folders[-1].startswith("Kconfig") and folders[0] not in ("scripts", "tools") and not elsewhere


def nearest(option: str, known: Iterable[str]) -> str | None:
    """The option that was probably meant."""
    return next(iter(difflib.get_close_matches(option, list(known), n=1, cutoff=0.75)), None)


def _read(reader: _Reader, line: str, place: str) -> None:
    """Take one statement in."""
    if match := _OPTION.match(line):
        reader.current = match[1]
        known = reader.options.setdefault(match[1], Known(place))
        known.place = known.place or place  # it may have been selected before it is defined
        known.depends += [text for level in reader.around for text in level if text not in known.depends]
    elif line.startswith(_OPENS):
        condition = _IF.match(line)
        reader.around.append([condition[1]] if condition else [])
        reader.current = ""
    elif line.startswith(_CLOSES):
        del reader.around[-1:]
        reader.current = ""
    elif match := _DEPENDS.match(line):
        _depends(reader, match[1])
    elif reader.current:
        _attribute(reader, line)


def _attribute(reader: _Reader, line: str) -> None:
    if match := _SELECT.match(line):
        reader.options.setdefault(match[1], Known("")).selected_by.add(reader.current)
    elif _PROMPT.match(line):
        reader.options[reader.current].has_prompt = True


def _depends(reader: _Reader, expression: str) -> None:
    """A dependency of the option, or of the menu or choice that was just opened."""
    if reader.current:
        reader.options[reader.current].depends.append(expression)
    elif reader.around:
        reader.around[-1].append(expression)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Statements with their first line's number: continued lines joined, comments and help texts left out."""
    lines = iter(enumerate(text.split("\n"), 1))
    help_indent: int | None = None
    for number, line in lines:
        statement = line.strip()
        indent = len(line.expandtabs()) - len(line.expandtabs().lstrip())
        if help_indent is not None and (not statement or indent > help_indent):
            continue
        help_indent = indent if _HELP.fullmatch(statement) else None
        while statement.endswith("\\"):
            statement = f"{statement[:-1]} {next(lines, (0, ''))[1].strip()}"
        if statement and not statement.startswith("#") and help_indent is None:
            yield number, statement
