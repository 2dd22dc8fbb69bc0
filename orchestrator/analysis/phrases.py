# SPDX-License-Identifier: Apache-2.0
"""Names, sizes and changes as sentences have them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from orchestrator.analysis.records import When
from orchestrator.analysis.samples import TimingKey
from orchestrator.scenario.costs import CostFigure
from orchestrator.text.amounts import is_factor, plural, short

WHEN = {"relaxed": "relaxed", "target": "at the target", "trigger": "in the trigger",
        "after": "after the trigger"}  # fmt: skip
"""Under what memory something was, in words; in the order of a table."""
_PERCENT = 100
_NOTHING = 1e-6
_UNITS = ((1 << 20, "MiB"), (1 << 10, "KiB"))
_LARGEST_IN_BYTES = 1 << 17
"""Google Benchmark's arguments up to 64 KiB are known by their bytes."""


def subject(key: TimingKey) -> str:
    """What was timed: `real_time of BM_sendVec_binder at 4096 B, relaxed`."""
    name, *arguments = key.name.split("/")
    what = f"the trigger's {plural(name)}"
    if key.when != "trigger":
        what = ", ".join([_sized(name, arguments), WHEN[key.when]])
    return f"{key.statistic} of {what}"


def cost_subject(figure: CostFigure, when: When) -> str:
    """What it cost, and when: `CPU time of kswapd in the trigger`."""
    return f"{figure.words}{' ' if when == 'trigger' else ', '}{WHEN[when]}"


def _sized(name: str, arguments: list[str]) -> str:
    """The first argument of a benchmark is its size; others are `KEY:VALUE`."""
    words = [f"at {bytes_text(int(each))}" if each.isdigit() else f"({each})" for each in arguments]
    return " ".join([name, *words])


def bytes_text(size_bytes: int) -> str:
    """A size as people know it."""
    if size_bytes >= _LARGEST_IN_BYTES:
        for unit_bytes, unit in _UNITS:
            if size_bytes % unit_bytes == 0:
                return f"{size_bytes // unit_bytes} {unit}"
    return f"{size_bytes} B"


def change(ratio: float) -> str:
    """`takes 4.2 % longer`, or as much shorter; `takes 255 times as long`."""
    if is_factor(ratio):
        return f"takes {short(ratio)} times as long"
    return f"takes {abs(ratio - 1) * _PERCENT:.1f} % {'longer' if ratio >= 1 else 'shorter'}"


def other_boot_words(names: Sequence[str], *, same_image: bool = False) -> str:
    """Why variants are not paired with the first one: another kernel image boots to memory of its own.

    So does the same image with another command line.
    """
    what = "another command line" if same_image else "another kernel image"
    if len(names) == 1:
        verb = "has" if same_image else "runs"
        return f"{names[0]} {verb} {what}: its memory before the trigger is its own"
    listed, verb = f"{', '.join(names[:-1])} and {names[-1]}", "have" if same_image else "run"
    return f"{listed} {verb} {what}: their memory before the trigger is their own"


def upwards(share: float) -> str:
    """A share in percent, rounded up: a bound may be too wide, never too narrow."""
    # A little off, for 1.04 - 1 is a little more than 0.04: 4 % is meant, and not 4.1 %.
    return f"{math.ceil(share * _PERCENT * 10 - _NOTHING) / 10:g}"


def share_text(part: int, whole: int) -> str:
    """A part in percent; never 0 % or 100 % where it is not quite that."""
    if part in (0, whole):
        return "0 %" if part == 0 else "100 %"
    return f"{min(max(part * _PERCENT / whole, 0.1), 99.9):.3g} %"
