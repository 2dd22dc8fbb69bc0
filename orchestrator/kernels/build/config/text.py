# SPDX-License-Identifier: Apache-2.0
"""The text of a .config, read and written (Documentation/kbuild/kconfig.rst, scripts/kconfig/confdata.c).

Options go by their names without `CONFIG_`. A value is as the file has it: `y`, `m`, `n` (which the file
writes as "is not set", or not at all), a number, or a text in quotation marks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.errors import InputError

OFF = "n"
PREFIX = "CONFIG_"

_SET = re.compile(r"CONFIG_(\w+)=(.*)", re.ASCII)
_NOT_SET = re.compile(r"# CONFIG_(\w+) is not set", re.ASCII)
_NAME = re.compile(r"\w+", re.ASCII)
_VALUE = re.compile(r'[ymn]|-?[0-9]+|0[xX][0-9a-fA-F]+|"(?:[^"\\\n\r\0]|\\[^\n\r\0])*"', re.ASCII)


def option_of(line: str) -> tuple[str, str] | None:
    """The option and the value of one line; None for a line that sets nothing."""
    line = line.rstrip()
    if match := _SET.fullmatch(line):
        return match[1], match[2]
    if match := _NOT_SET.fullmatch(line):
        return match[1], OFF
    return None


def parse_config(text: str) -> dict[str, str]:
    """Every option that a configuration mentions. Of several values the last counts, as in kconfig."""
    return dict(filter(None, map(option_of, text.split("\n"))))


def checked_config(text: str, name: str) -> dict[str, str]:
    """As parse_config, of a file that a user named: InputError for one that is no configuration."""
    options = parse_config(text)
    if not options:
        raise InputError(
            f"{name} is no kernel configuration: no line of it is as CONFIG_NAME=y",
            hint="/proc/config.gz of a running kernel has to be unpacked; a kernel's own is called .config",
        )
    return options


def plain_name(option: str) -> str:
    """The name without `CONFIG_`; InputError for what cannot be an option."""
    name = option.removeprefix(PREFIX)
    if not _NAME.fullmatch(name):
        raise InputError(f"'{option}' is no name of a kernel option", hint="such as COMPACTION or CMA_AREAS")
    return name


def line_of(option: str, value: str) -> str:
    """The line that sets an option. InputError for what is no option, or no value of any."""
    name = plain_name(option)
    if not _VALUE.fullmatch(value):
        raise InputError(
            f"option {name}: '{value}' is no value of a kernel option",
            hint="a value is y, m, n, a number such as 7 or 0x1000, or a text in quotation marks: '\"text\"'",
        )
    return f"# {PREFIX}{name} is not set" if value == OFF else f"{PREFIX}{name}={value}"


def same_value(one: str, other: str) -> bool:
    """Whether two values mean the same: 0x10 and 0X10 do."""
    return one == other or (one[:2].lower() == other[:2].lower() == "0x" and int(one, 16) == int(other, 16))


def value_in(options: Mapping[str, str], option: str) -> str:
    """The value of an option; `n` for one that is not mentioned."""
    return options.get(option, OFF)
