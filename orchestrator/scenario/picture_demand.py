# SPDX-License-Identifier: Apache-2.0
"""What a memory picture asks of a guest: its scale, and bounds on the free lists. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ByteSize

from orchestrator.oom.usage import COMPOSITION
from orchestrator.scenario.fragmentation import UsableUnits
from orchestrator.scenario.picture import Picture
from orchestrator.units import KIB

_LARGEST_ORDER = 10
_TOLERANCE = 10
"""A count of the free list is met within 1/10 of it, or ..."""
_SLACK_UNITS = 4
"""... within so many units: single blocks come and go by themselves."""


def scaled(picture: Picture, divisor: int) -> Picture:
    """The picture with its composition divided by `divisor`, in whole KiB; ValueError below 1.

    Free list, free CMA and watermarks stay: what is left for a request of some order does not
    depend on how much memory is in use elsewhere.
    """
    if divisor < 1:
        raise ValueError(f"a picture is divided by 1 or more, not {divisor}")
    sizes = {name: getattr(picture, name) for name in COMPOSITION}
    return picture.model_copy(
        update={
            name: ByteSize(round(size / divisor / KIB) * KIB)
            for name, size in sizes.items()
            if size is not None
        }
    )


def lines(picture: Picture) -> dict[str, int]:
    """What the guest is asked for, in bytes by line: shadow call stacks become ordinary stacks."""
    names = (*COMPOSITION, "free_cma")
    wanted = {name: int(size) for name in names if (size := getattr(picture, name)) is not None}
    shadow = wanted.pop("shadow_call_stack", None)
    if shadow is not None:
        wanted["kernel_stack"] = wanted.get("kernel_stack", 0) + shadow
    return wanted


def units_of(blocks: Sequence[int]) -> tuple[int, ...]:
    """Requests of each order that a free list could serve: sum over j >= k of blocks[j] x 2^(j - k)."""
    return tuple(
        sum(count << (at - order) for at, count in enumerate(blocks) if at >= order)
        for order in range(len(blocks))
    )


def unit_bounds(blocks: Sequence[int]) -> tuple[UsableUnits, ...]:
    """Bounds on usable units that a free list of `blocks` (per order) stands for.

    One for each order that has blocks, and one above them that says there is nothing more.
    """
    while blocks and not blocks[-1]:
        blocks = blocks[:-1]
    bounds = [
        UsableUnits(order=order, min=max(0, units - slack), max=units + slack)
        for order, units in enumerate(units_of(blocks))
        for slack in (max(_SLACK_UNITS, units // _TOLERANCE),)
    ]
    above = len(blocks)
    return (*bounds, *([UsableUnits(order=above, max=0)] if above <= _LARGEST_ORDER else []))
