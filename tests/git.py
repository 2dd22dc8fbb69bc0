# SPDX-License-Identifier: Apache-2.0
"""git as tests call it: with nobody's settings and one author."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.host.process import run

GIT_S = 900.0
"""A loaded machine takes its time for a whole kernel tree, and `bisect run` for all of its steps."""


def git_in(tree: Path, *words: str, **environment: str) -> str:
    """What a git command says in a directory. Raises CommandFailed, and DeadlinePassed after `GIT_S`."""
    settings = {
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(tree.parent),
        "GIT_AUTHOR_NAME": "n", "GIT_COMMITTER_NAME": "n",
        "GIT_AUTHOR_EMAIL": "e", "GIT_COMMITTER_EMAIL": "e",
        **environment,
    }  # fmt: skip
    # Objects are read once: packing them would be most of the work.
    quick = ("-c", "core.compression=0", "-c", "gc.auto=0")
    deadline = Deadline.after(GIT_S, f"git {' '.join(words)}")
    return run(["git", *quick, *words], cwd=tree, env=settings, deadline=deadline).stdout.decode()
