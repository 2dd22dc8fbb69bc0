# SPDX-License-Identifier: Apache-2.0
"""A kernel tree as the builds know it, whatever it is kept in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.kernels.manifest import Package
from orchestrator.kernels.source_build.listing import Entry

_FIELD = re.compile(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION)[ \t]*:?=[ \t]*(\S*)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class KernelTree:
    """A tree of exactly one content. `identity` stands for that content in the names of cache entries.

    `lineage` names what it is a state of (a repository, a source package): objects are kept for that.
    `entries` gives all its files, once. `listed`: the identity is `listing.identity` of these.
    `package` and `commit` are where it is from; `dirty`: it differs from the commit.
    """

    name: str
    identity: str
    lineage: str
    entries: Callable[[], AbstractContextManager[Iterable[Entry]]]
    listed: bool = False
    package: Package | None = None
    commit: str = ""
    dirty: bool = False

    @property
    def is_signed(self) -> bool:
        """Whether a distribution vouches for it: then nobody is to blame for it who could mend it."""
        return self.package is not None

    @property
    def facts(self) -> dict[str, str]:
        """For the record."""
        facts = {"tree": self.name, "tree_sha256": self.identity}
        if self.commit:
            facts |= {"commit": self.commit, "dirty": "yes" if self.dirty else "no"}
        return facts


def version_of(makefile: str) -> str:
    """The version that a kernel's top Makefile names, such as 6.12.3; "" where it is no kernel's."""
    found: dict[str, str] = dict(_FIELD.findall(makefile))
    if not found.get("VERSION", "").isdigit() or not found.get("PATCHLEVEL", "").isdigit():
        return ""
    numbers = [found["VERSION"], found["PATCHLEVEL"], found.get("SUBLEVEL") or "0"]
    return ".".join(numbers) + found.get("EXTRAVERSION", "")


def require_kernel(root: Path, name: str) -> str:
    """The version of the kernel below a directory; InputError that names `name` where there is none."""
    version = _version_below(root)
    if version:
        return version
    near = [path for path in sorted(root.glob("*/Makefile")) if _version_below(path.parent)]
    hint = f"did you mean {near[0].parent}?" if near else "its Makefile would have VERSION and PATCHLEVEL"
    raise InputError(f"{name} is no kernel tree", hint=hint)


def _version_below(root: Path) -> str:
    try:
        return version_of((root / "Makefile").read_text(errors="replace"))
    except OSError:
        return ""
