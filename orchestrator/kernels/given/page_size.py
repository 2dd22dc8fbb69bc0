# SPDX-License-Identifier: Apache-2.0
"""How large the pages of a kernel are that somebody brings, before all of it is read.

A scenario is checked by that: an order is so many pages. The header says it, within the first bytes of
whatever the image is wrapped in; taking the image apart is left to those who boot it.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import OomlabError
from orchestrator.files.reading import read_bounded
from orchestrator.kernels.compression import beginning, compression_of
from orchestrator.kernels.given import elf
from orchestrator.kernels.given.image import LIMIT_BYTES, header_pages, read_image
from orchestrator.kernels.given.wrappings import WRAPPINGS
from orchestrator.units import MIB

_BEGINNING_BYTES = MIB
_DEEPEST = 4


def page_size_of(path: Path) -> int | None:
    """Bytes; None where the file does not say, or is no kernel: who boots it says what it is instead."""
    try:
        content = read_bounded(path, LIMIT_BYTES, what="kernel image")
        # Some do not say it at their beginning: where the configuration does, or a program has to unpack.
        return _at_beginning(content) or read_image(content, str(path)).page_size_bytes
    except OomlabError:
        return None


def _at_beginning(content: bytes) -> int | None:
    for _ in range(_DEEPEST):
        parsed = elf.parse(content)
        size = header_pages(content if parsed is None else elf.lowest(content, parsed))
        inside = None if size or parsed else _opened(content)
        if not inside:
            return size
        content = inside
    return None


def _opened(content: bytes) -> bytes | None:
    compression = compression_of(content)
    if compression is not None:
        return beginning(content, compression, _BEGINNING_BYTES)
    try:
        return next((inside for each in WRAPPINGS if (inside := each.open(content)) is not None), None)
    except ValueError:
        return None
