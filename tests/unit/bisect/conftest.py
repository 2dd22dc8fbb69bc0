# SPDX-License-Identifier: Apache-2.0
"""A work tree with a commit in it, and a scenario."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import run

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
def git(tree: Path, tmp_path: Path) -> Git:
    """git in the tree, which it makes a repository with one commit."""
    env = {
        "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(tmp_path),
        "GIT_AUTHOR_NAME": "n", "GIT_COMMITTER_NAME": "n",
        "GIT_AUTHOR_EMAIL": "e", "GIT_COMMITTER_EMAIL": "e",
    }  # fmt: skip

    def git(*arguments: str) -> str:
        return run(
            ["git", *arguments], cwd=tree, env=env, deadline=Deadline.after(900.0, "git")
        ).stdout.decode()

    (tree / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 12\n")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "mm: a first commit\n\nIts message goes on.")
    return git
