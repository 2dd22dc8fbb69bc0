# SPDX-License-Identifier: Apache-2.0
"""The part of docs/configurations.md that is made: the lines in which the shipped configurations differ."""

from __future__ import annotations

from orchestrator.arch import ARCHS, DEFAULT_ARCH
from orchestrator.bases import ConfigSpec
from orchestrator.kernels.build.config.fragment import ConfigLine, merged
from orchestrator.kernels.build.config.shipped import fragments_for
from orchestrator.scenario.reference import cell


def configurations_table() -> str:
    """Every option that only one of them names, or each with another value, in the order of gki-like."""
    small, phone = (
        merged(fragments_for(ConfigSpec(name), ARCHS[DEFAULT_ARCH])) for name in ("small", "gki-like")
    )
    rows = [
        f"| `{option}` | {_value(small.get(option))} | {_value(phone.get(option))} |"
        f" {cell(phone[option].comment if option in phone else 'as distributions have it')} |"
        for option in [*phone, *(name for name in small if name not in phone)]
        if _value(small.get(option)) != _value(phone.get(option))
    ]
    head = ["", "| option | `small` | `gki-like` | where that is from |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows, ""])


def _value(line: ConfigLine | None) -> str:
    return "-" if line is None else f"`{line.value}`"
