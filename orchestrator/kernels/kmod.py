# SPDX-License-Identifier: Apache-2.0
"""Kernel modules as files: what they depend on, and the order to load them in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from orchestrator.kernels.compression import compression_of, unpack

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
_VERMAGIC = re.compile(rb"\0vermagic=([^\0]*)\0")


def module_name(path: str) -> str:
    """The module's name from its file name: `kernel/x/null-blk.ko.xz` -> `null_blk`."""
    return PurePosixPath(path).name.partition(".ko")[0].replace("-", "_")


def is_module(path: str) -> bool:
    """True for `.ko` and its compressed forms (CONFIG_MODULE_COMPRESS)."""
    return bool(re.search(r"\.ko(\.(gz|xz|zst))?$", path))


def decompress(path: str, content: bytes) -> bytes:
    """The module as the kernel wants it, however it is compressed. InputError for one that is broken."""
    compression = compression_of(content)
    return content if compression is None else unpack(content, compression, path)


def depends(module: bytes) -> tuple[str, ...]:
    """The modules that must be loaded before, as modpost wrote them into `.modinfo`.

    The section is a list of NUL-terminated `key=value` strings (include/linux/moduleparam.h).
    """
    match = _DEPENDS.search(module)
    names = match[1].decode() if match else ""
    return tuple(name.replace("-", "_") for name in names.split(",") if name)


def vermagic(module: bytes) -> str | None:
    """Of which kernel a module is: its release, and what else has to be the same (linux/vermagic.h)."""
    match = _VERMAGIC.search(module)
    return match[1].decode(errors="replace").strip() if match else None


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
