# SPDX-License-Identifier: Apache-2.0
"""Which commit is checked out in a tree."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import CommandFailed, InputError
from orchestrator.host.process import run
from orchestrator.text.plain import one_line

_SHORT = 12
_GIT_S = 60.0


@dataclass(frozen=True)
class Commit:
    """A commit: its whole name in hexadecimal, and the first line of its message."""

    name: str
    subject: str

    @property
    def short(self) -> str:
        """As many digits as the kernel's documentation asks for, where a commit is named."""
        return self.name[:_SHORT]


def head_of(tree: Path) -> Commit:
    """The commit that is checked out; InputError where `tree` is no git work tree."""
    text = _git(tree, "log", "-1", "--no-show-signature", "--format=%H%n%s")
    name, _, subject = text.partition("\n")
    return Commit(name.strip(), one_line(subject.strip()))


def top_of(tree: Path) -> Path:
    """The top of the work tree that `tree` is, or lies in."""
    return Path(_git(tree, "rev-parse", "--show-toplevel").removesuffix("\n"))


def _git(tree: Path, *words: str) -> str:
    try:
        done = run(["git", "-C", tree, *words], deadline=Deadline.after(_GIT_S, f"git in {tree}"))
    except CommandFailed as error:
        raise InputError(
            f"{tree} is no git work tree with a commit in it",
            hint="a bisection needs one; what lies there without git can be run: oomlab run --base-tree",
            evidence=[error.output_tail],
        ) from None
    return os.fsdecode(done.stdout)
