# SPDX-License-Identifier: Apache-2.0
"""Fragments: lines that are set on top of another configuration, each with what it says about itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.errors import InputError
from orchestrator.kernels.build.config.text import line_of, option_of

_OPTIONAL = "# optional: "


@dataclass(frozen=True)
class ConfigLine:
    """One option that is asked for. `comment` is what stands above it in its fragment.

    `optional` says why a kernel may lack it; empty: then it must come out as it is asked for.
    """

    option: str
    value: str
    comment: str = ""
    optional: str = ""


@dataclass(frozen=True)
class ConfigFragment:
    """Lines that go together; `name` is that of their file, or of what asks for them."""

    name: str
    lines: tuple[ConfigLine, ...]

    @property
    def text(self) -> str:
        """As `merge_config.sh` and `KCONFIG_ALLCONFIG` read it."""
        return "".join(f"{line_of(line.option, line.value)}\n" for line in self.lines)


def parse_fragment(name: str, text: str) -> ConfigFragment:
    """The lines of a fragment's file. InputError, with file and line, for what is neither."""
    lines: list[ConfigLine] = []
    comment: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if option := option_of(line):
            lines.append(_checked(name, number, option, comment))
            comment = []
        elif line.startswith("#"):
            comment.append(line)
        elif line.strip():
            raise InputError(f"{name}:{number}: neither an option nor a comment: {line.strip()}")
        else:
            comment = []
    return ConfigFragment(name, tuple(lines))


def _checked(name: str, number: int, option: tuple[str, str], comment: list[str]) -> ConfigLine:
    try:
        line_of(*option)
    except InputError as error:
        raise InputError(f"{name}:{number}: {error.message}", hint=error.hint) from None
    optional = next((line.removeprefix(_OPTIONAL) for line in comment if line.startswith(_OPTIONAL)), "")
    words = " ".join(line.lstrip("# ") for line in comment if not line.startswith(_OPTIONAL))
    return ConfigLine(*option, comment=words, optional=optional)


def merged(fragments: Iterable[ConfigFragment]) -> dict[str, ConfigLine]:
    """What is asked for in the end, by option: of two fragments the later one counts."""
    return {line.option: line for fragment in fragments for line in fragment.lines}
