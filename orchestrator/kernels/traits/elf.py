# SPDX-License-Identifier: Apache-2.0
"""Sections of 64-bit little-endian ELF files by name: what every architecture of `arch.py` has.

Source of the format: elf(5).
"""

from __future__ import annotations

import struct

_IDENT = b"\x7fELF\x02\x01"
"""Magic number, ELFCLASS64, ELFDATA2LSB."""
_SECTION_TABLE = struct.Struct("<40xQ10xHHH")
"""Of the file's header: e_shoff, e_shentsize, e_shnum, e_shstrndx."""
_SECTION = struct.Struct("<II16xQQ24x")
"""sh_name, sh_type, sh_offset, sh_size."""
_WITHOUT_CONTENT = 8
"""SHT_NOBITS: the section takes no room in the file."""


def section(data: bytes, name: str) -> bytes | None:
    """The content of the first section of this name; None where there is none, or no such ELF file."""
    try:
        return _find(data, name.encode() + b"\0")
    except (struct.error, OverflowError):  # cut short, damaged, or no ELF file at all
        return None


def _find(data: bytes, name: bytes) -> bytes | None:
    if not data.startswith(_IDENT):
        return None
    table, entry_bytes, count, names_index = _SECTION_TABLE.unpack_from(data)
    sections = [_SECTION.unpack_from(data, table + index * entry_bytes) for index in range(count)]
    if names_index >= count:
        return None
    _, _, names_offset, names_bytes = sections[names_index]
    names = data[names_offset : names_offset + names_bytes]
    for name_offset, kind, offset, size_bytes in sections:
        if names.startswith(name, name_offset) and kind != _WITHOUT_CONTENT:
            content = data[offset : offset + size_bytes]
            return content if len(content) == size_bytes else None
    return None
