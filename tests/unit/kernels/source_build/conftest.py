# SPDX-License-Identifier: Apache-2.0
"""Small trees that are kernels as far as anybody looks, and git for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git import git_in

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
def git(kernel_tree: Path) -> Run:
    """git in that tree, which it makes a repository with one commit, v6.12.3."""

    def git(*words: str) -> str:
        return git_in(kernel_tree, *words).strip()

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "first")
    git("tag", "v6.12.3")
    return git
