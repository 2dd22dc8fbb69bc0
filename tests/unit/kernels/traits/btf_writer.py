# SPDX-License-Identifier: Apache-2.0
"""Writes BTF as pahole does, so that what is read can be held against what was meant."""

from __future__ import annotations

import struct
from collections.abc import Sequence

INT, PTR, STRUCT, TYPEDEF, CONST = 1, 2, 4, 8, 10


class BtfWriter:
    """Types in order; `add` gives the number of each. On top of `base` numbers and strings go on."""

    def __init__(self, base: BtfWriter | None = None) -> None:
        self.first_number: int = base.next_number if base else 1
        self.first_string: int = base.first_string + len(base.strings) if base else 0
        self.strings: bytes = b"" if base else b"\0"
        self.types = b""
        self.next_number: int = self.first_number

    def string(self, text: str) -> int:
        """The offset of a new string."""
        if not text:
            return 0
        offset = self.first_string + len(self.strings)
        self.strings += text.encode() + b"\0"
        return offset

    def add(self, kind: int, name: str = "", target: int = 0, parts: Sequence[tuple[str, int]] = ()) -> int:
        """A type: with `parts` a struct of these members."""
        info = kind << 24 | len(parts)
        self.types += struct.pack("<III", self.string(name), info, target)
        self.types += b"".join(struct.pack("<III", self.string(part), number, 0) for part, number in parts)
        self.types += struct.pack("<I", 8 * target) if kind == INT else b""
        self.next_number += 1
        return self.next_number - 1

    def data(self) -> bytes:
        """The section."""
        strings = self.strings or b"\0"
        header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(self.types), len(self.types), len(strings))
        return header + self.types + strings


def kernel() -> BtfWriter:
    """Some types of a kernel without the driver."""
    writer = BtfWriter()
    writer.add(INT, "long unsigned int", 8)
    page = writer.add(STRUCT, "page", 64, [("flags", 1)])
    writer.add(PTR, target=page)
    return writer


def with_lru_pages(writer: BtfWriter, size_bytes: int = 32) -> BtfWriter:
    """The driver of 4.14 to 6.13, behind some typedefs."""
    element = writer.add(STRUCT, "binder_lru_page", size_bytes, [("page_ptr", 3)])
    constant = writer.add(CONST, target=writer.add(TYPEDEF, "lru_page_t", element))
    pointer = writer.add(PTR, target=constant)
    writer.add(STRUCT, "binder_alloc", 120, [("vma", 3), ("pages", pointer)])
    return writer


def with_page_pointers(writer: BtfWriter) -> BtfWriter:
    """The driver from 6.14 on."""
    pointer = writer.add(PTR, target=3)
    writer.add(STRUCT, "binder_alloc", 120, [("vma", 3), ("pages", pointer)])
    return writer


def elf(sections: dict[str, bytes]) -> bytes:
    """A 64-bit little-endian ELF file with these sections."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in [*sections, ".shstrtab"])
    contents = [b"", *sections.values(), names]
    body, headers, offset, name_offset = b"", b"", 64, 0
    for index, content in enumerate(contents):
        kind = 0 if index == 0 else 1
        headers += struct.pack("<IIQQQQIIQQ", name_offset, kind, 0, 0, offset, len(content), 0, 0, 1, 0)
        body += content
        offset += len(content)
        name_offset = names.index(b"\0", name_offset) + 1
    count = len(contents)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return (
        ident
        + struct.pack("<HHIQQQIHHHHHH", 1, 183, 1, 0, 0, offset, 0, 64, 0, 0, 64, count, count - 1)
        + body
        + headers
    )
