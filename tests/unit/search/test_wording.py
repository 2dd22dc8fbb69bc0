# SPDX-License-Identifier: Apache-2.0
"""Sentences and margins follow from the tipping points."""

from __future__ import annotations

import pytest

from orchestrator.search.bisection import Direction, Tipping
from orchestrator.search.varied import Varied
from orchestrator.search.wording import describe, margin

COUNT = Varied("trigger.count", 20, 600)
MMAPS = Varied("trigger.count", 20, 600, noun="mmap")
MEMORY = Varied("device.memory", 128, 512, 1 << 20)
NEVER, ALWAYS = Tipping(Direction.NEVER), Tipping(Direction.ALWAYS)


def high(clear: int | None, certain: int | None) -> Tipping:
    return Tipping(Direction.HIGH, clear, certain)


def low(clear: int | None, certain: int | None) -> Tipping:
    return Tipping(Direction.LOW, clear, certain)


@pytest.mark.parametrize(
    ("found", "varied", "text"),
    [
        (high(120, 128), COUNT, "OOM begins between 120 (in no trial) and 128 (in all)"),
        (low(200, 190), MEMORY, "OOM begins between 200MiB (in no trial) and 190MiB (in all)"),
        (
            high(590, None),
            COUNT,
            "OOM begins beyond 590; there is none up to it, and no value has it in all trials",
        ),
        (high(None, 90), COUNT, "OOM in all trials from 90 on; there is some at every value"),
        (high(None, None), COUNT, "OOM in some trials at both ends, more often at one of them"),
        (NEVER, COUNT, "no OOM from 20 to 600"),
        (high(120, 128), MMAPS, "OOM begins between 120 mmaps (in no trial) and 128 mmaps (in all)"),
        (NEVER, MMAPS, "no OOM from 20 to 600 mmaps"),
        (ALWAYS, MEMORY, "OOM in every trial from 128MiB to 512MiB"),
        (Tipping(Direction.UNCLEAR), COUNT, "no single tipping point from 20 to 600"),
    ],
)  # fmt: skip
def test_a_tipping_point_in_a_sentence(found: Tipping, varied: Varied, text: str) -> None:
    assert describe(found, varied).text == text


@pytest.mark.parametrize(
    ("first", "other", "varied", "bounds", "text"),
    [
        (high(120, 128), high(300, 310), COUNT, (172, 190), "bears 172 to 190 more trigger.count than"),
        (high(120, 128), NEVER, COUNT, (472, None), "bears at least 472 more trigger.count than"),
        (high(300, 310), high(120, 128), COUNT, (-190, -172), "bears 172 to 190 less trigger.count than"),
        (high(120, 128), NEVER, MMAPS, (472, None), "bears at least 472 more mmaps than"),
        (high(300, 310), high(120, 128), MMAPS, (-190, -172), "bears 172 to 190 fewer mmaps than"),
        (high(120, 128), high(121, 127), COUNT, (-7, 7), "shows no difference beyond the intervals to"),
        (high(120, 128), ALWAYS, COUNT, (None, -100), "bears at least 100 less trigger.count than"),
        (low(200, 190), low(150, 140), MEMORY, (40, 60), "needs 40MiB to 60MiB less device.memory than"),
        (low(200, 190), NEVER, MEMORY, (62, None), "needs at least 62MiB less device.memory than"),
        (low(150, 140), low(200, 190), MEMORY, (-60, -40), "needs 40MiB to 60MiB more device.memory than"),
        (NEVER, NEVER, COUNT, (None, None), "shows no difference to"),
        (NEVER, ALWAYS, COUNT, (None, None), "cannot be compared with"),
        (high(120, 128), low(200, 190), COUNT, (None, None), "cannot be compared with"),
        (high(120, None), NEVER, COUNT, (None, None), "has no known margin in trigger.count against"),
    ],
)
def test_what_a_variant_buys(
    first: Tipping, other: Tipping, varied: Varied, bounds: tuple[int | None, int | None], text: str
) -> None:
    found = margin(("kcalloc", first), ("kvcalloc", other), varied)
    assert (found.at_least, found.at_most) == bounds
    assert found.text == f"kvcalloc {text} kcalloc"
