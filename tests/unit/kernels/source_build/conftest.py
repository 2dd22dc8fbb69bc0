# SPDX-License-Identifier: Apache-2.0
"""Small trees that are kernels as far as anybody looks, and git for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import run

MAKEFILE = "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 3\nEXTRAVERSION =\n"

Run = Callable[..., str]


@pytest.fixture
def kernel_tree(tmp_path: Path) -> Path:
    """A directory with a kernel's Makefile and a few files."""
    tree = tmp_path / "linux"
    ignored = ".*\n*.o\n!.gitignore\n"
    for path, text in (("Makefile", MAKEFILE), ("mm/slub.c", "int slub;\n"), (".gitignore", ignored)):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    return tree


@pytest.fixture
def git(kernel_tree: Path, tmp_path: Path) -> Run:
    """git in that tree, which it makes a repository with one commit, v6.12.3."""
    env = {
        "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(tmp_path),
        "GIT_AUTHOR_NAME": "n", "GIT_COMMITTER_NAME": "n",
        "GIT_AUTHOR_EMAIL": "e", "GIT_COMMITTER_EMAIL": "e",
    }  # fmt: skip

    def git(*arguments: str) -> str:
        deadline = Deadline.after(60.0, "git")
        return run(["git", *arguments], cwd=kernel_tree, env=env, deadline=deadline).stdout.decode().strip()

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "first")
    git("tag", "v6.12.3")
    return git
