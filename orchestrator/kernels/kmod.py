# SPDX-License-Identifier: Apache-2.0
"""Kernel modules as files: what they depend on, and the order to load them in."""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def module_name(path: str) -> str:
    """The module's name from its file name: `kernel/x/null-blk.ko.xz` -> `null_blk`."""
    return PurePosixPath(path).name.partition(".ko")[0].replace("-", "_")


def is_module(path: str) -> bool:
    """True for `.ko` and its compressed forms."""
    return bool(re.search(r"\.ko(\.xz)?$", path))


def decompress(path: str, content: bytes) -> bytes:
    """The module as the kernel wants it; Debian compresses modules since 6.12."""
    return lzma.decompress(content) if path.endswith(".xz") else content


def depends(module: bytes) -> tuple[str, ...]:
    """The modules that must be loaded before, as modpost wrote them into `.modinfo`.

    The section is a list of NUL-terminated `key=value` strings (include/linux/moduleparam.h).
    """
    match = _DEPENDS.search(module)
    names = match[1].decode() if match else ""
    return tuple(name.replace("-", "_") for name in names.split(",") if name)


def load_order(
    wanted: Iterable[str], dependencies: Mapping[str, Iterable[str]], builtin: Iterable[str]
) -> tuple[list[str], set[str]]:
    """Names in load order with all they depend on, and the names that are neither known nor built in."""
    built_in = set(builtin)
    order: list[str] = []
    missing: set[str] = set()

    def visit(name: str) -> None:
        if name in built_in or name in order or name in missing:
            return
        if name not in dependencies:
            missing.add(name)
            return
        for dependency in dependencies[name]:
            visit(dependency)
        order.append(name)

    for name in wanted:
        visit(name)
    return order, missing
