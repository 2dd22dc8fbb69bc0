# SPDX-License-Identifier: Apache-2.0
"""Which files of a source become part of a kernel, and which options have them compiled.

What the Makefiles say is read as Documentation/kbuild/makefiles.rst has it: `obj-$(CONFIG_A) += x.o dir/`,
`x-y := part.o`, `lib-y`, and lists that name other lists. Conditions (`ifdef`) are not evaluated. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from orchestrator.patch_review.tree_files import Files

_NO_PART = ("Documentation", "LICENSES", "samples", "tools")
_NO_PART_FILES = ("COPYING", "CREDITS", "MAINTAINERS", "README")
_NO_PART_SUFFIXES = (".rst", ".md", ".yaml", ".gitignore")
_COMPILED = (".c", ".S", ".rs")
_LIST = re.compile(
    r"^\s*([\w.-]+?)-(y|m|objs|\$\(CONFIG_(\w+)\)|\$\(subst m,y,\$\(CONFIG_(\w+)\)\))\s*[:+?]?=(.*)$"
)
_TARGETS = ("obj", "lib", "core", "drivers", "libs", "net", "virt")
_DEPTH = 8


@dataclass(frozen=True)
class Compiled:
    """When a file is compiled: with all of `options`. `known`: its Makefiles say so.

    `only_arch`: it is compiled for this architecture alone, by its name below arch/.
    """

    options: tuple[str, ...] = ()
    known: bool = True
    only_arch: str = ""


def is_kernel_part(path: str) -> bool:
    """Whether a file can make a difference to a kernel: no documentation, tool, sample or list of names."""
    top, _, rest = path.partition("/")
    if not rest and (top.startswith(".") or top in _NO_PART_FILES):
        return False
    return top not in _NO_PART and not path.endswith(_NO_PART_SUFFIXES)


def compiled(path: str, files: Files, arch: str) -> Compiled:
    """When a file is compiled into a kernel for `arch`, named as below arch/; headers always are."""
    parts = path.split("/")
    if parts[0] == "arch" and len(parts) > 2 and parts[1] != arch:
        return Compiled(only_arch=parts[1])
    if parts[0] == "rust":
        return Compiled(("RUST",))
    if not path.endswith(_COMPILED):
        return Compiled()
    options: list[str] = []
    folder, target = parts[:-1], re.sub(r"\.(?:c|S|rs)$", ".o", parts[-1])
    while folder and folder != ["arch", arch]:
        found = _in_folder(files, "/".join(folder), target)
        if found is None:
            # A directory may be named further up: `obj-y += base/power/`.
            if not target.endswith("/"):
                return Compiled(tuple(options), known=False)
        else:
            options += found
            target = ""
        target = f"{folder[-1]}/{target}"
        folder = folder[:-1]
    return Compiled(tuple(dict.fromkeys(options)))


def _in_folder(files: Files, folder: str, target: str) -> tuple[str, ...] | None:
    """The options by which a directory's Makefile takes a target in; None where it does not name it."""
    lists = [row for name in ("Kbuild", "Makefile") for row in _lists(_text(files, f"{folder}/{name}"))]
    return _options(lists, {target}, _DEPTH)


def _options(lists: list[_Row], targets: set[str], depth: int) -> tuple[str, ...] | None:
    """Those of the way with the fewest."""
    found: list[tuple[str, ...]] = []
    for name, option, words in lists:
        if not targets & words or depth == 0:
            continue
        own = (option,) if option else ()
        if name in _TARGETS:
            found.append(own)
            continue
        above = _options(lists, {f"{name}.o", f"$({name}-y)", f"$({name}-objs)", f"$({name})"}, depth - 1)
        if above is not None:
            found.append((*own, *above))
    return min(found, key=len, default=None)


_Row = tuple[str, str, frozenset[str]]
"""The name of a list, the option that it hangs on ("" for none), and its words."""


@lru_cache(maxsize=256)
def _lists(text: str) -> list[_Row]:
    return list(_rows(text.replace("\\\n", " ")))


def _rows(text: str) -> Iterator[_Row]:
    for line in text.split("\n"):
        if match := _LIST.match(line.partition("#")[0]):
            yield match[1], match[3] or match[4] or "", frozenset(match[5].split())


def _text(files: Files, path: str) -> str:
    return files[path].text if path in files else ""
