# SPDX-License-Identifier: Apache-2.0
"""Sizes of the simple structs of a kernel header: pointers, lists and integers, on 64 bits.

No compiler: what is no plain member of a known type (a bit field, an `#ifdef`, a struct of another header)
gives no size, and whoever asks says so.
"""

from __future__ import annotations

import re

POINTER_BYTES = 8
_SIZES = {
    "char": 1, "bool": 1, "u8": 1, "s8": 1, "u16": 2, "s16": 2, "short": 2, "int": 4, "u32": 4, "s32": 4,
    "unsigned": 4, "unsigned int": 4, "long": 8, "unsigned long": 8, "u64": 8, "s64": 8, "size_t": 8,
    "binder_uintptr_t": 8, "gfp_t": 4, "atomic_t": 4, "atomic64_t": 8, "refcount_t": 4,
}  # fmt: skip
_STRUCTS = {
    "list_head": (16, 8), "hlist_node": (16, 8), "hlist_head": (8, 8), "rb_node": (24, 8),
    "rb_root": (8, 8), "rcu_head": (16, 8), "llist_node": (8, 8),
}  # fmt: skip
"""Size and alignment; include/linux/types.h, rbtree_types.h, llist.h."""

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_MEMBER = re.compile(
    r"(?:(?:const|volatile)\s+)*(?:struct\s+(?P<struct>\w+)|(?P<plain>\w+(?:\s+(?:int|long))?))"
    r"(?P<stars>[\s*]+)(?:__rcu\s+)?(?P<name>\w+)(?:\[(?P<count>\d+)\])?"
)


def without_comments(source: str) -> str:
    """C source, each comment a space."""
    return _COMMENT.sub(" ", source)


def struct_members(source: str, name: str) -> tuple[str, ...] | None:
    """The declarations of the members; None where no such struct, or one with more than declarations."""
    found = re.search(rf"\bstruct\s+{re.escape(name)}\s*\{{([^{{}}]*)\}}", source)
    if found is None or "#" in found[1]:
        return None
    return tuple(" ".join(member.split()) for member in found[1].split(";") if member.strip())


def pointee_bytes(source: str, struct: str, member: str) -> int | None:
    """Size in bytes of what a member of a struct points to; None where the source does not tell simply."""
    plain = without_comments(source)
    for declaration in struct_members(plain, struct) or ():
        found = _MEMBER.fullmatch(declaration)
        if found is not None and found["name"] == member and found["count"] is None:
            return _pointee_bytes(plain, found)
    return None


def _pointee_bytes(source: str, found: re.Match[str]) -> int | None:
    depth = found["stars"].count("*")
    if depth == 0:
        return None
    if depth > 1:
        return POINTER_BYTES
    layout = _layout(source, found["struct"], found["plain"])
    return layout[0] if layout else None


def _layout(source: str, struct: str | None, plain: str | None) -> tuple[int, int] | None:
    """Size and alignment of a type that is no pointer."""
    if struct is None:
        size_bytes = _SIZES.get(" ".join((plain or "").split()))
        return (size_bytes, size_bytes) if size_bytes else None
    return _STRUCTS.get(struct) or _struct_layout(source, struct)


def _struct_layout(source: str, struct: str) -> tuple[int, int] | None:
    """By the rules of the C ABI of all 64-bit architectures: each member at a multiple of its alignment."""
    members = struct_members(source, struct)
    size_bytes, alignment = 0, 1
    for declaration in members or ():
        layout = _member_layout(source, declaration, struct)
        if layout is None:
            return None
        size_bytes = _up(size_bytes, layout[1]) + layout[0]
        alignment = max(alignment, layout[1])
    return (_up(size_bytes, alignment), alignment) if size_bytes else None


def _member_layout(source: str, declaration: str, owner: str) -> tuple[int, int] | None:
    found = _MEMBER.fullmatch(declaration)
    if found is None:
        return None
    if "*" in found["stars"]:
        layout: tuple[int, int] | None = (POINTER_BYTES, POINTER_BYTES)
    else:
        layout = None if found["struct"] == owner else _layout(source, found["struct"], found["plain"])
    return (layout[0] * int(found["count"] or 1), layout[1]) if layout else None


def _up(size_bytes: int, alignment: int) -> int:
    return -(-size_bytes // alignment) * alignment
