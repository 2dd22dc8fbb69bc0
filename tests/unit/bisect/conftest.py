# SPDX-License-Identifier: Apache-2.0
"""A work tree with a commit in it, and a scenario."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git import git_in

SCENARIO = """\
name: example
device: {arch: arm64, memory: 256MiB}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
trials: {blocks: 1, forks: 2, seed: 7, clock: [deterministic, realtime]}
benchmarks: [{kind: binder-mmap, sizes: [4MiB], when: [relaxed]}]
variants:
  faulty: {base: debian-6.1}
  sound: {base: {source: linux-source-6.12, config: small}}
  free: {base: debian-6.1}
expectations:
  faulty: {outcome: oom}
  sound: {outcome: passed}
"""

Git = Callable[..., str]


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "example.yaml"
    file.write_text(SCENARIO)
    return file


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "linux").mkdir()
    return tmp_path / "linux"


@pytest.fixture
def git(tree: Path) -> Git:
    """git in the tree, which it makes a repository with one commit."""

    def git(*words: str) -> str:
        return git_in(tree, *words)

    (tree / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 12\n")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "mm: a first commit\n\nIts message goes on.")
    return git
