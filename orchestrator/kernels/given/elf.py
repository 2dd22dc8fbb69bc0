# SPDX-License-Identifier: Apache-2.0
"""ELF kernels (`vmlinux`): what is loaded of them, in the form that QEMU starts.

QEMU starts an x86_64 one where it is, by a note. For arm64 it would jump into it without the registers
that the boot protocol wants, so that it is laid out flat, as the kernel's own `Image` is
(objcopy -O binary in arch/arm64/boot/Makefile).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from orchestrator.kernels.compression import LIMIT_BYTES

MAGIC = b"\x7fELF"
PVH_ENTRY = re.compile(rb"\x04\0\0\0[\x04\x08]\0\0\0\x12\0\0\0Xen\0")
"""Note XEN_ELFNOTE_PHYS32_ENTRY (include/xen/interface/elfnote.h): where QEMU enters an x86 kernel."""

_HEADER = struct.Struct("<HHIQQQIHHHHHH")
_HEADER_AT = 16
_SEGMENT = struct.Struct("<IIQQQQQQ")
_LITTLE_64_BIT = b"\x02\x01"
_PT_LOAD = 1
_SHOFF_AT = 40
_SHNUM_AT = 60
_TYPES = {1: "relocatable", 2: "program", 3: "program", 4: "core"}

ElfType = Literal["relocatable", "program", "core"]


@dataclass(frozen=True)
class Segment:
    """A part of the file that is loaded: where it stands in it, and in the machine's memory."""

    offset: int
    size_bytes: int
    address: int

    @property
    def end(self) -> int:
        """Behind its last byte in the file."""
        return self.offset + self.size_bytes


@dataclass(frozen=True)
class Elf:
    """The header of a file of 64 bits, little endian. `machine`: EM_*, include/uapi/linux/elf-em.h."""

    type: str
    machine: int
    segments: tuple[Segment, ...]

    @property
    def end(self) -> int:
        """Behind the last byte that is loaded; what follows are symbols and debug information."""
        return max((segment.end for segment in self.segments), default=0)


def parse(content: bytes) -> Elf | None:
    """What the header says; None when it is none, of another kind, or cut."""
    if not content.startswith(MAGIC + _LITTLE_64_BIT):
        return None
    try:
        header = _HEADER.unpack_from(content, _HEADER_AT)
        segments = tuple(_loaded(content, at=header[4], size=header[8], count=header[9]))
    except (struct.error, OverflowError):  # cut, or a place that no file reaches to
        return None
    return Elf(_TYPES.get(header[0], ""), header[1], segments)


def _loaded(content: bytes, *, at: int, size: int, count: int) -> Iterator[Segment]:
    for number in range(count):
        kind, _, offset, _, address, size_bytes, _, _ = _SEGMENT.unpack_from(content, at + number * size)
        if kind == _PT_LOAD and size_bytes:
            yield Segment(offset, size_bytes, address)


def flat(content: bytes, elf: Elf) -> bytes:
    """The segments as they lie in memory, from the first one on; ValueError when that is no kernel's size."""
    if not elf.segments:
        return b""
    start = min(segment.address for segment in elf.segments)
    size = max(segment.address - start + segment.size_bytes for segment in elf.segments)
    if size > LIMIT_BYTES:
        raise ValueError("its segments lie too far apart for a kernel")
    image = bytearray(size)
    for segment in elf.segments:
        at = segment.address - start
        image[at : at + segment.size_bytes] = content[segment.offset : segment.end]
    return bytes(image)


def lowest(content: bytes, elf: Elf) -> bytes:
    """The segment that lies lowest in memory: what a flat image begins with."""
    first = min(elf.segments, key=lambda segment: segment.address, default=None)
    return content[first.offset : first.end] if first else b""


def without_symbols(content: bytes, elf: Elf) -> bytes:
    """The file without what is not loaded, which can be ten times the rest, and without a word of it."""
    kept = bytearray(content[: elf.end])
    kept[_SHOFF_AT : _SHOFF_AT + 8] = bytes(8)
    kept[_SHNUM_AT : _SHNUM_AT + 4] = bytes(4)
    return bytes(kept)
