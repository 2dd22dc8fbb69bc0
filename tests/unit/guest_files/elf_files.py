# SPDX-License-Identifier: Apache-2.0
"""ELF files as small as they can be, with just what loaders look at."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

_BASE = 0x10000
ARM64, X86_64, ARM, RISCV = 183, 62, 40, 243


def elf(
    machine: int = ARM64,
    *,
    bits: int = 64,
    kind: int = 3,
    interpreter: str = "",
    needed: Sequence[str] = (),
    runpath: str = "",
    big: bool = False,
) -> bytes:
    """An ELF file: one loaded segment, and where wanted an interpreter and a dynamic section."""
    order, wide = ">" if big else "<", bits == 64
    header_size, entry_size = (64, 56) if wide else (52, 32)
    count = 1 + bool(interpreter) + bool(needed or runpath)
    strings, places = b"\0", []
    for text in (*needed, *([runpath] if runpath else [])):
        places.append(len(strings))
        strings += text.encode() + b"\0"
    at = header_size + entry_size * count
    interp_at, strings_at = at, at + len(interpreter) + 1
    dynamic_at = strings_at + len(strings)
    tags = [(1, place) for place in places[: len(needed)]]
    tags += [(29, places[-1])] if runpath else []
    tags += [(5, _BASE + strings_at), (0, 0)]
    dynamic = b"".join(struct.pack(f"{order}{'qQ' if wide else 'iI'}", *tag) for tag in tags)
    end = dynamic_at + len(dynamic)
    segments = [(1, 0, _BASE, end)]
    segments += [(3, interp_at, _BASE + interp_at, len(interpreter) + 1)] if interpreter else []
    segments += [(2, dynamic_at, _BASE + dynamic_at, len(dynamic))] if needed or runpath else []
    ident = b"\x7fELF" + bytes([2 if wide else 1, 2 if big else 1, 1]) + bytes(9)
    head = ident + struct.pack(
        f"{order}HHI{'QQQ' if wide else 'III'}IHHHHHH",
        kind, machine, 1, 0, header_size, 0, 0, header_size, entry_size, count, 0, 0, 0,
    )  # fmt: skip
    table = b"".join(_segment(order, segment, wide=wide) for segment in segments)
    return head + table + interpreter.encode() + b"\0" + strings + dynamic


def _segment(order: str, segment: tuple[int, int, int, int], *, wide: bool) -> bytes:
    kind, offset, address, size = segment
    if wide:
        return struct.pack(f"{order}IIQQQQQQ", kind, 5, offset, address, address, size, size, 0)
    return struct.pack(f"{order}IIIIIIII", kind, offset, address, address, size, size, 5, 0)


def write(path: Path, content: bytes) -> Path:
    """A file, with the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
