# SPDX-License-Identifier: Apache-2.0
"""Types of a kernel out of its BTF: what pahole wrote into vmlinux and into modules.

Source of the format: Documentation/bpf/btf.rst. A module has split BTF: its types and strings go on where
those of vmlinux end, so that they can be read only together with them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

POINTER_BYTES = 8
"""BTF does not say; every architecture of `arch.py` has 64 bits."""

_HEADER = struct.Struct("<HBBIIIII")
"""magic, version, flags, hdr_len, type_off, type_len, str_off, str_len."""
_TYPE = struct.Struct("<III")
"""name_off, info, size or type."""
_MEMBER = struct.Struct("<III")
"""name_off, type, offset."""
_START = re.compile(rb"\x9f\xeb\x01\x00[\x18-\x40]\0\0\0", re.DOTALL)
"""Magic number, version 1, no flags, and a header of 24 bytes or somewhat more."""

_INT, _PTR, _ARRAY, _STRUCT, _UNION, _ENUM, _FWD, _TYPEDEF, _VOLATILE, _CONST, _RESTRICT = range(1, 12)
_FUNC, _FUNC_PROTO, _VAR, _DATASEC, _FLOAT, _DECL_TAG, _TYPE_TAG, _ENUM64 = range(12, 20)
_NO_TYPE = 0
_SAME_AS = frozenset({_TYPEDEF, _VOLATILE, _CONST, _RESTRICT, _TYPE_TAG})
_SIZED = frozenset({_INT, _STRUCT, _UNION, _ENUM, _FLOAT, _ENUM64})
# What follows a type: so many bytes, and so many for each of its `vlen` parts.
_FOLLOWING = {
    _INT: (4, 0), _PTR: (0, 0), _ARRAY: (12, 0), _STRUCT: (0, 12), _UNION: (0, 12), _ENUM: (0, 8),
    _FWD: (0, 0), _TYPEDEF: (0, 0), _VOLATILE: (0, 0), _CONST: (0, 0), _RESTRICT: (0, 0), _FUNC: (0, 0),
    _FUNC_PROTO: (0, 8), _VAR: (4, 0), _DATASEC: (0, 12), _FLOAT: (0, 0), _DECL_TAG: (4, 0),
    _TYPE_TAG: (0, 0), _ENUM64: (0, 12),
}  # fmt: skip
_DEEPEST = 32
"""Typedefs of typedefs: no kernel has a fraction of it; data that somebody made may go in circles."""


class BtfError(ValueError):
    """These bytes are no BTF, or damaged."""


@dataclass(frozen=True)
class BtfType:
    """One type. `target` is the size in bytes of what is sized, the number of another type elsewhere."""

    name: str
    kind: int
    target: int
    parts: int
    following: int


class Btf:
    """The types of one section, on top of those of `base`. Numbers of types count on over both.

    Raises BtfError for bytes that are no BTF.
    """

    def __init__(self, data: bytes, base: Btf | None = None) -> None:
        self._base = base
        self._types, self._strings = _split(data)
        self._first_string = base.string_bytes if base else 0
        self._first = base.next_number if base else _NO_TYPE + 1
        self._offsets = tuple(_offsets(self._types))

    @property
    def next_number(self) -> int:
        """Number of the first type that lies behind these."""
        return self._first + len(self._offsets)

    @property
    def string_bytes(self) -> int:
        """Where the strings of a section on top of this one begin."""
        return self._first_string + len(self._strings)

    def pointee_bytes(self, struct_name: str, member: str) -> int | None:
        """Size in bytes of what a member of a struct points to; None where there is no such struct.

        Raises BtfError where the struct is there and the member is not, or is no pointer to what has a size.
        """
        found = self._struct(struct_name)
        if found is None:
            return None
        for name, number in self._members(found):
            if name == member:
                pointer = self._resolved(number)
                if pointer is None or pointer.kind != _PTR:
                    raise BtfError(f"'{member}' of struct {struct_name} is no pointer")
                return self._size_bytes(pointer.target)
        raise BtfError(f"struct {struct_name} has no member '{member}'")

    def _struct(self, name: str) -> BtfType | None:
        """The struct of this name among the section's own types."""
        for start in self._name_offsets(name):
            wanted = struct.pack("<I", start)
            for offset in self._offsets:
                if self._types.startswith(wanted, offset):
                    found = self._at(offset)
                    if found.kind == _STRUCT:
                        return found
        return None

    def _name_offsets(self, name: str) -> Iterator[int]:
        """Where the string stands, in the numbers that types use; a base's strings are shared."""
        place = b"\0" + self._strings
        found = place.find(b"\0" + name.encode() + b"\0")
        if found >= 0:
            yield self._first_string + found
        if self._base is not None:
            yield from self._base._name_offsets(name)

    def _members(self, owner: BtfType) -> Iterator[tuple[str, int]]:
        for index in range(owner.parts):
            name_offset, number, _ = _MEMBER.unpack_from(self._types, owner.following + index * _MEMBER.size)
            yield self._string(name_offset), number

    def _string(self, offset: int) -> str:
        if offset < self._first_string and self._base is not None:
            return self._base._string(offset)
        start = offset - self._first_string
        end = self._strings.find(b"\0", start)
        if not 0 <= start <= end:
            raise BtfError(f"no string at {offset}")
        return self._strings[start:end].decode("ascii", "backslashreplace")

    def _numbered(self, number: int) -> BtfType | None:
        """The type of this number; None for void."""
        if number == _NO_TYPE:
            return None
        if number < self._first and self._base is not None:
            return self._base._numbered(number)
        if number >= self.next_number:
            raise BtfError(f"no type {number}")
        return self._at(self._offsets[number - self._first])

    def _at(self, offset: int) -> BtfType:
        name_offset, info, target = _TYPE.unpack_from(self._types, offset)
        return BtfType(self._string(name_offset), _kind(info), target, _parts(info), offset + _TYPE.size)

    def _resolved(self, number: int) -> BtfType | None:
        """The type behind typedefs, `const` and the like; None for void."""
        for _ in range(_DEEPEST):
            found = self._numbered(number)
            if found is None or found.kind not in _SAME_AS:
                return found
            number = found.target
        raise BtfError(f"type {number} is a name for itself")

    def _size_bytes(self, number: int) -> int:
        found = self._resolved(number)
        if found is not None and found.kind == _PTR:
            return POINTER_BYTES
        if found is None or found.kind not in _SIZED:
            raise BtfError("it points to what has no size")
        return found.target


def _split(data: bytes) -> tuple[bytes, bytes]:
    """The types and the strings."""
    if not _START.match(data) or len(data) < _HEADER.size:
        raise BtfError("no BTF header")
    *_, header_bytes, type_offset, type_bytes, string_offset, string_bytes = _HEADER.unpack_from(data)
    types = data[header_bytes + type_offset :][:type_bytes]
    strings = data[header_bytes + string_offset :][:string_bytes]
    whole = len(types) == type_bytes and len(strings) == string_bytes
    if not whole or not types or not strings.endswith(b"\0"):
        raise BtfError("BTF is cut short")
    return types, strings


def _offsets(types: bytes) -> Iterator[int]:
    """Where each type begins. A kernel has some hundred thousand of them: this is the loop that counts."""
    offset, end, unpack = 0, len(types), _TYPE.unpack_from
    while offset < end:
        yield offset
        try:
            _, info, _ = unpack(types, offset)
            fixed, each = _FOLLOWING[_kind(info)]
        except (struct.error, KeyError):
            raise BtfError(f"no type at byte {offset}") from None
        offset += _TYPE.size + fixed + each * _parts(info)
    if offset != end:
        raise BtfError("the last type is cut short")


def _kind(info: int) -> int:
    return info >> 24 & 0x1F


def _parts(info: int) -> int:
    return info & 0xFFFF
