# SPDX-License-Identifier: Apache-2.0
"""What comes before a patch on the branch that it is from: the patches of a series are checked one by one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import CommandFailed, HostError
from orchestrator.host.process import run

_GIT_S = 60.0
_MOST_COMMITS = 64
"""So many of a branch are looked at: longer series are rare."""
_MOST_BEFORE = 24


def longer_series(raw: bytes, tree: Path, scope: str) -> Iterator[bytes]:
    """The patch in `raw` behind one commit before it, behind two..., each time as a series in mbox format.

    Commits that touch nothing below `scope` are not counted. Nothing where `tree` is no git work tree, or
    none of its latest commits is this patch (by git-patch-id(1)).
    """
    commit = _commit_of(raw, tree)
    if commit is None:
        return
    for count in range(2, _MOST_BEFORE + 2):
        series = _git(tree, "format-patch", "--stdout", "--numbered", f"-{count}", commit, "--", scope)
        if series.count(b"\nSubject: [PATCH ") < count:
            return
        yield series


def _commit_of(raw: bytes, tree: Path) -> str | None:
    wanted = _ids(raw, tree)
    if not wanted:
        return None
    log = _git(tree, "log", "--no-merges", "-p", f"-{_MOST_COMMITS}", "--format=commit %H")
    return _ids(log, tree).get(next(iter(wanted)))


def _ids(text: bytes, tree: Path) -> dict[str, str]:
    """By the identifier of a change the commit that makes it."""
    lines = _git(tree, "patch-id", "--stable", stdin=text).decode().splitlines()
    return dict(line.split()[:2] for line in lines if len(line.split()) == 2)


def _git(tree: Path, *words: str, stdin: bytes | None = None) -> bytes:
    """What git says; nothing where it refuses, or is not there."""
    argv = ["git", "-C", os.fspath(tree), "-c", "log.showSignature=false", *words]
    try:
        return run(argv, deadline=Deadline.after(_GIT_S, f"git in {tree}"), input_bytes=stdin).stdout
    except (CommandFailed, HostError):
        return b""
