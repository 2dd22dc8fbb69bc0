# SPDX-License-Identifier: Apache-2.0
"""The header of a program: what machine it is for, and what it has loaded beside itself.

Read here and not by `ldd`, which runs the program, nor by a library: the few fields are read from files that
may be cut, forged or of another word size, and never more of them than is asked for. Formats: elf(5), and
the System V ABI, "Program Header" and "Dynamic Section".
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

MAGIC = b"\x7fELF"
_IDENT_BYTES = 20
_ET_EXEC, _ET_DYN = 2, 3
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 1, 5, 15, 29
_MOST_HEADERS = 512
_MOST_DYNAMIC_BYTES = 1 << 16
_LONGEST_NAME = 4096

MACHINES: dict[tuple[int, int], str] = {
    (183, 64): "arm64",
    (62, 64): "x86_64",
    (40, 32): "arm, 32 bits",
    (3, 32): "i386",
    (62, 32): "x32",
    (243, 64): "riscv64",
    (243, 32): "riscv32",
    (21, 64): "ppc64",
    (22, 64): "s390x",
    (258, 64): "loongarch64",
}
"""By EM_* (include/uapi/linux/elf-em.h) and word size; those that scenarios know under the same names."""


class BadElf(ValueError):
    """Its header leads nowhere: the file was cut, or damaged."""


@dataclass(frozen=True)
class Elf:
    """A program or a shared library. `machine`: as in `MACHINES`, else the number of it."""

    type: Literal["program", "other"]
    machine: str
    interpreter: str | None = None
    needed: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    """Directories of DT_RUNPATH, else DT_RPATH, as they stand there (`$ORIGIN/../lib`)."""

    @property
    def is_static(self) -> bool:
        """It runs without anything else."""
        return self.interpreter is None and not self.needed


@dataclass(frozen=True)
class _Layout:
    """Formats of one word size and byte order."""

    header: struct.Struct
    segment: struct.Struct
    dynamic: struct.Struct
    wide: bool

    @classmethod
    def of(cls, bits: int, order: str) -> _Layout:
        wide = bits == 64
        formats = ("QQQIHHHHHH", "IIQQQQQQ", "qQ") if wide else ("IIIIHHHHHH", "IIIIIIII", "iI")
        header, segment, dynamic = (struct.Struct(order + each) for each in formats)
        return cls(header, segment, dynamic, wide)


@dataclass(frozen=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size_bytes: int


def read_elf(file: BinaryIO) -> Elf | None:
    """What the header says; None for what is no ELF file at all. BadElf for one that is cut or damaged."""
    ident = _at(file, 0, _IDENT_BYTES, whole=False)
    if not ident.startswith(MAGIC):
        return None
    if len(ident) < _IDENT_BYTES or ident[4] not in (1, 2) or ident[5] not in (1, 2):
        raise BadElf("its ELF header is cut or damaged")
    bits, order = 32 * ident[4], "<>"[ident[5] - 1]
    kind, number = struct.unpack_from(f"{order}HH", ident, 16)
    machine = MACHINES.get((number, bits), f"machine {number}, {bits} bits")
    if order == ">":
        machine = f"{machine}, big endian" if machine != "s390x" else machine
    if kind not in (_ET_EXEC, _ET_DYN):
        return Elf("other", machine)
    layout = _Layout.of(bits, order)
    segments = list(_segments(file, layout))
    loads = [each for each in segments if each.kind == _PT_LOAD]
    entries = _dynamic(file, layout, segments)
    strings = next((_offset_of(loads, value) for tag, value in entries if tag == _DT_STRTAB), None)
    return Elf(
        "program",
        machine,
        _interpreter(file, segments),
        tuple(_names(file, strings, entries, _DT_NEEDED)),
        tuple(_search(file, strings, entries)),
    )


def _at(file: BinaryIO, offset: int, size: int, *, whole: bool = True) -> bytes:
    try:
        data = os.pread(file.fileno(), size, offset)
    except (OSError, OverflowError):
        raise BadElf("its ELF header leads beyond the end of the file") from None
    if whole and len(data) < size:
        raise BadElf("its ELF header leads beyond the end of the file")
    return data


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode(errors="backslashreplace")


def _segments(file: BinaryIO, layout: _Layout) -> Iterator[_Segment]:
    _, at, _, _, _, size, count, *_ = layout.header.unpack(_at(file, 24, layout.header.size))
    if size != layout.segment.size or not 0 < count <= _MOST_HEADERS:
        raise BadElf("its ELF header is damaged")
    table = _at(file, at, size * count)
    for values in layout.segment.iter_unpack(table):
        if layout.wide:
            kind, _, offset, address, _, size_bytes, _, _ = values
        else:
            kind, offset, address, _, size_bytes, _, _, _ = values
        yield _Segment(kind, offset, address, size_bytes)


def _interpreter(file: BinaryIO, segments: list[_Segment]) -> str | None:
    for each in segments:
        if each.kind == _PT_INTERP:
            if each.size_bytes > _LONGEST_NAME:
                raise BadElf("its ELF header is damaged")
            return _text(_at(file, each.offset, each.size_bytes))
    return None


def _dynamic(file: BinaryIO, layout: _Layout, segments: list[_Segment]) -> list[tuple[int, int]]:
    found = next((each for each in segments if each.kind == _PT_DYNAMIC), None)
    if found is None:
        return []
    size = min(found.size_bytes, _MOST_DYNAMIC_BYTES)
    table = _at(file, found.offset, size - size % layout.dynamic.size)
    entries: list[tuple[int, int]] = []
    for tag, value in layout.dynamic.iter_unpack(table):
        if tag == 0:
            break
        entries.append((tag, value))
    return entries


def _offset_of(loads: list[_Segment], address: int) -> int:
    """Where in the file that is which lies at an address once it is loaded."""
    for each in loads:
        if each.address <= address < each.address + each.size_bytes:
            return each.offset + address - each.address
    raise BadElf("its dynamic section is damaged")


def _names(file: BinaryIO, strings: int | None, entries: list[tuple[int, int]], wanted: int) -> Iterator[str]:
    for tag, value in entries:
        if tag == wanted:
            if strings is None:
                raise BadElf("its dynamic section is damaged")
            name = _text(_at(file, strings + value, _LONGEST_NAME, whole=False))
            if not name:
                raise BadElf("its dynamic section is damaged")
            yield name


def _search(file: BinaryIO, strings: int | None, entries: list[tuple[int, int]]) -> list[str]:
    """The older DT_RPATH counts where there is no DT_RUNPATH alone (ld.so(8))."""
    for wanted in (_DT_RUNPATH, _DT_RPATH):
        if found := list(_names(file, strings, entries, wanted)):
            return [folder for text in found for folder in text.split(":") if folder]
    return []
