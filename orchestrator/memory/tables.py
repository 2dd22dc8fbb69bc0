# SPDX-License-Identifier: Apache-2.0
"""What the memory files have in common: zones, frozen models, the error for damaged text."""

from __future__ import annotations

from orchestrator.errors import InputError
from orchestrator.frozen import Frozen

# Zones that a kernel allocation such as GFP_KERNEL never uses (gfp_zone in include/linux/gfp.h).
NOT_FOR_KERNEL = frozenset({"Movable", "HighMem", "Device"})


class Table(Frozen):
    """Base of the parsed files: frozen, unknown fields refused."""


def zone_counts(zone: str) -> bool:
    """Whether an unmovable kernel request may take pages from this zone ("Normal", "DMA32", ...)."""
    return zone not in NOT_FOR_KERNEL


def damaged(file: str, line: str) -> InputError:
    """The error for a line that the file's format does not allow."""
    return InputError(f"damaged {file}: {line[:120]!r}", hint="the text must be the whole file as read")


def whole_number(text: str, file: str, line: str) -> int:
    """A decimal number of sane length; InputError otherwise."""
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise damaged(file, line)
    return int(text)
