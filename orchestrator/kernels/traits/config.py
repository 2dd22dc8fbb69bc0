# SPDX-License-Identifier: Apache-2.0
"""What a configuration says of an option: a whole .config, or fragments that say only some of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class KernelConfig:
    """Options by their names without CONFIG_, with values as a .config has them: `y`, `m`, `n`, a number.

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
