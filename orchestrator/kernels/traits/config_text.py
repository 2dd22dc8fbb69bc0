# SPDX-License-Identifier: Apache-2.0
"""Texts of kernel configurations: a whole .config, or a fragment that says only some of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SET = re.compile(r"CONFIG_(\w+)=(.*)")
_NOT_SET = re.compile(r"# CONFIG_(\w+) is not set")


@dataclass(frozen=True)
class KernelConfig:
    """Options by their names without CONFIG_: `y`, `m`, `n`, a number, or a text without its quotes.

    `whole`: what is not there is off. In a fragment nothing is known of it. `name` is for people.
    """

    options: Mapping[str, str]
    name: str
    whole: bool = True

    def value(self, option: str) -> str | None:
        """Its value; None where that is not known."""
        return self.options.get(option, "n" if self.whole else None)

    def on(self, option: str) -> bool | None:
        """Whether it is built in or a module, or has a value; None where that is not known."""
        value = self.value(option)
        return None if value is None else value != "n"

    def number(self, option: str) -> int | None:
        """A decimal number, or one with 0x; None where there is none."""
        try:
            return int(self.value(option) or "", 0)
        except ValueError:
            return None


def read_config(text: str, name: str, *, whole: bool = True) -> KernelConfig:
    """The options of a text as Kconfig writes it; the last word on an option counts, as it does there."""
    options: dict[str, str] = {}
    for line in text.splitlines():
        stripped = line.strip()
        if found := _SET.fullmatch(stripped):
            options[found[1]] = found[2].strip().strip('"')
        elif found := _NOT_SET.fullmatch(stripped):
            options[found[1]] = "n"
    return KernelConfig(options, name, whole)
