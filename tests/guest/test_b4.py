# SPDX-License-Identifier: Apache-2.0
"""`b4 prep --check` asks oomlab of each patch of a series, on a branch that b4 made."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from orchestrator.kernels.cache import Cache
from orchestrator.patch_review.sources import load_columns
from orchestrator.paths import cache_dir
from tests.git import git_in

pytestmark = pytest.mark.guest

DRIVER = "drivers/android/binder_alloc.c"
B4_S = 900.0


@pytest.fixture
def without_dkim(tmp_path: Path) -> Path:
    """A place for a `dkim` of ours: b4 imports it, there is no wheel of it, and nothing is signed here."""
    place = tmp_path / "modules"
    place.mkdir()
    (place / "dkim.py").write_text(
        "def __getattr__(name):\n"
        "    raise AttributeError(f'dkim.{name}: no signature is looked at in this test')\n"
    )
    return place


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with the binder driver of a base."""
    tree = tmp_path / "linux"
    columns = load_columns(Cache(cache_dir()), "arm64", lambda _: None, [])
    driver = next(column for column in columns if column.base.name == "debian-6.1").driver()
    assert driver is not None
    for name, file in driver.files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
    git_in(tree, "init", "-q", "-b", "main")
    git_in(tree, "config", "user.name", "A Developer")
    git_in(tree, "config", "user.email", "dev@example.org")
    git_in(tree, "add", "-A")
    git_in(tree, "commit", "-qm", "base")
    return tree


def commit(tree: Path, subject: str) -> None:
    message = f"{subject}\n\nWords.\n\nSigned-off-by: A Developer <dev@example.org>"
    git_in(tree, "commit", "-qam", message)


def test_each_patch_of_a_series_is_tried_on_those_before_it(
    tree: Path, without_dkim: Path, tmp_path: Path, checkout: Path
) -> None:
    def b4(*words: str) -> str:
        argv = [sys.executable, "-P", "-c", "from b4.command import cmd; cmd()", *words]
        done = run(argv, cwd=tree, env=there, deadline=Deadline.after(B4_S, "b4"))
        return re.sub("\x1b[^m]*m", "", (done.stdout + done.stderr).decode())

    there = {
        "HOME": str(tmp_path), "PYTHONPATH": f"{without_dkim}:{checkout}", "OOMLAB_CACHE": str(cache_dir()),
        "GIT_CONFIG_NOSYSTEM": "1",
    }  # fmt: skip
    check = f"{sys.executable} -P -m orchestrator check-patch binder-order3 --set trials.blocks=1"
    git_in(tree, "config", "b4.prep-perpatch-check-cmd", check)
    b4("prep", "-n", "topic", "-f", "main")
    git_in(tree, "apply", str(checkout / "images/patches/binder-kvcalloc-6.1.patch"))
    commit(tree, "binder: use kvcalloc")
    driver = tree / DRIVER
    driver.write_text(driver.read_text().replace("kvcalloc(alloc->buffer", "kcalloc(alloc->buffer"))
    commit(tree, "binder: use kcalloc again")
    said = b4("prep", "--check")
    assert "binder: use kvcalloc\n" in said, said
    assert "ERROR: with the patch 1 x oom in 1 of 1 memory state; without it: passed" in said, said
    assert "Success: 1, Warning: 0, Error: 1" in said, said
    assert git_in(tree, "status", "--porcelain") == ""
