# SPDX-License-Identifier: Apache-2.0
"""Trees on this machine: found as they are, known again without a process, and nothing of theirs is run."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.bases import TreeSpec
from orchestrator.errors import InputError
from orchestrator.host.process import witnessed
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.debian.trees import PackagedTrees
from orchestrator.kernels.source_build.finder import TreeFinder
from orchestrator.kernels.source_build.listing import Layout
from orchestrator.kernels.source_build.tree import KernelTree
from tests.unit.kernels.source_build.conftest import MAKEFILE, Run

_OLD_S = 1_000_000_000


@pytest.fixture
def finder(tmp_path: Path) -> TreeFinder:
    """With an empty cache."""
    return TreeFinder(Cache(tmp_path / "cache"), PackagedTrees(), ARCHS["arm64"])


def _find(finder: TreeFinder, path: Path, revision: str | None = None) -> KernelTree:
    return finder.find(TreeSpec(path, revision), lambda _: None)


def _laid_out(tree: KernelTree, directory: Path) -> dict[str, str]:
    layout = Layout(directory, {})
    directory.mkdir()
    with tree.entries() as entries:
        layout.bring(entries, tree.name)
    return {path: (directory / path).read_text() for path in layout.held}


def _age(tree: Path) -> None:
    for path in tree.rglob("*"):
        os.utime(path, (_OLD_S, _OLD_S), follow_symlinks=False)


def test_a_directory_is_taken_as_it_is_but_for_what_was_built_in_it(
    finder: TreeFinder, kernel_tree: Path, tmp_path: Path
) -> None:
    built = {
        ".config": "CONFIG_X=y\n", "include/generated/autoconf.h": "", "include/config/auto.conf": "",
        "mm/.slub.o.cmd": "", "mm/slub.o": "", "arch/arm64/kernel/vmlinux.lds": "",
        "arch/arm64/kernel/.vmlinux.lds.cmd": "", "modules.order": "",
    }  # fmt: skip
    for path, text in built.items():
        (kernel_tree / path).parent.mkdir(parents=True, exist_ok=True)
        (kernel_tree / path).write_text(text)
    (kernel_tree / "scripts").mkdir()
    (kernel_tree / "scripts/fixdep").write_bytes(b"\x7fELF\x02\x01")
    tree = _find(finder, kernel_tree)
    assert sorted(_laid_out(tree, tmp_path / "out")) == [".gitignore", "Makefile", "mm/slub.c"]
    assert tree.commit == ""


def test_of_a_work_tree_what_git_knows_or_does_not_ignore(
    finder: TreeFinder, kernel_tree: Path, git: Run, tmp_path: Path
) -> None:
    (kernel_tree / "mm/slub.c").write_text("int changed;\n")
    (kernel_tree / "mm/new.c").write_text("int added;\n")
    (kernel_tree / "mm/slub.o").write_text("object")
    tree = _find(finder, kernel_tree)
    files = _laid_out(tree, tmp_path / "out")
    assert files["mm/slub.c"] == "int changed;\n"
    assert "mm/new.c" in files
    assert "mm/slub.o" not in files
    assert (tree.commit, tree.dirty) == (git("rev-parse", "HEAD"), True)
    assert tree.name.endswith(", changed")


def test_a_clean_work_tree_and_its_revision_are_the_same_content(
    finder: TreeFinder, kernel_tree: Path, git: Run
) -> None:
    here, there = _find(finder, kernel_tree), _find(finder, kernel_tree, "v6.12.3")
    assert here.identity == there.identity
    assert here.lineage == there.lineage
    assert not here.dirty
    assert there.commit == git("rev-parse", "HEAD")


def test_a_revision_is_taken_whatever_lies_in_the_work_tree(
    finder: TreeFinder, kernel_tree: Path, git: Run, tmp_path: Path
) -> None:
    (kernel_tree / "mm/slub.c").write_text("int changed;\n")
    assert _laid_out(_find(finder, kernel_tree, "main"), tmp_path / "out")["mm/slub.c"] == "int slub;\n"
    git("commit", "-qam", "second")
    assert _laid_out(_find(finder, kernel_tree, "main"), tmp_path / "out2")["mm/slub.c"] == "int changed;\n"
    assert _laid_out(_find(finder, kernel_tree, "main~1"), tmp_path / "out3")["mm/slub.c"] == "int slub;\n"


@pytest.mark.usefixtures("git")
@pytest.mark.parametrize("revision", [None, "v6.12.3", "main"])
def test_what_did_not_change_is_known_without_a_process(
    finder: TreeFinder, kernel_tree: Path, revision: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.kernels.source_build.directory._TICK_NS", 0)
    found = _find(finder, kernel_tree, revision)
    started: list[str] = []
    with witnessed(lambda _, program: started.append(program), {}):
        known = finder.known(TreeSpec(kernel_tree, revision))
    assert started == []
    assert known is not None
    assert (known.identity, known.name, known.commit) == (found.identity, found.name, found.commit)


@pytest.mark.usefixtures("git")
@pytest.mark.parametrize("change", ["write", "add", "remove", "commit"])
def test_what_changed_is_not_known(
    finder: TreeFinder, kernel_tree: Path, git: Run, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.kernels.source_build.directory._TICK_NS", 0)
    before = _find(finder, kernel_tree)
    if change in ("write", "commit"):
        (kernel_tree / "mm/slub.c").write_text("int slab;\n")
    if change == "commit":
        git("commit", "-qam", "second")
    if change == "add":
        (kernel_tree / "mm/new.c").write_text("")
    if change == "remove":
        (kernel_tree / "mm/slub.c").unlink()
    assert finder.known(TreeSpec(kernel_tree)) is None
    after = _find(finder, kernel_tree)
    assert after.identity != before.identity
    assert after.dirty is (change != "commit")


def test_a_moved_branch_is_not_known_and_a_commit_always_is(
    finder: TreeFinder, kernel_tree: Path, git: Run
) -> None:
    first = git("rev-parse", "HEAD")
    _find(finder, kernel_tree, "main")
    _find(finder, kernel_tree, first)
    (kernel_tree / "mm/slub.c").write_text("int slab;\n")
    git("commit", "-qam", "second")
    assert finder.known(TreeSpec(kernel_tree, "main")) is None
    assert finder.known(TreeSpec(kernel_tree, first)) is not None


def test_nothing_that_a_repository_names_is_run(
    finder: TreeFinder, kernel_tree: Path, git: Run, tmp_path: Path
) -> None:
    """Monitors, filters, hooks, conversions: all of them would leave a file behind."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    (kernel_tree / ".gitattributes").write_text("* filter=trap diff=trap merge=trap ident export-subst\n")
    git("add", "-f", ".gitattributes")
    git("commit", "-qm", "attributes")
    settings = {
        "core.fsmonitor": str(trap), "core.hooksPath": str(tmp_path), "filter.trap.clean": str(trap),
        "filter.trap.smudge": str(trap), "filter.trap.process": str(trap), "diff.trap.textconv": str(trap),
        "core.sshCommand": str(trap), "core.pager": str(trap), "core.editor": str(trap),
        "extensions.partialClone": "origin", "remote.origin.url": f"ext::{trap}",
        "uploadpack.packObjectsHook": str(trap),
        "alias.ls-tree": f"!{trap}", "gpg.program": str(trap),
    }  # fmt: skip
    for name, value in settings.items():
        git("config", name, value)
    for hook in ("post-index-change", "post-checkout", "reference-transaction"):
        (tmp_path / hook).symlink_to(trap)
    (kernel_tree / "mm/slub.c").write_text("/* $Id$ $Format:%H$ */\n")
    (tmp_path / "sprung").unlink(missing_ok=True)
    files = _laid_out(_find(finder, kernel_tree), tmp_path / "out")
    _laid_out(_find(finder, kernel_tree, "HEAD"), tmp_path / "out2")
    assert files["mm/slub.c"] == "/* $Id$ $Format:%H$ */\n"
    assert not (tmp_path / "sprung").exists()


def test_additional_work_trees_and_bare_clones_are_repositories(
    finder: TreeFinder, kernel_tree: Path, git: Run, tmp_path: Path
) -> None:
    git("worktree", "add", "-q", str(tmp_path / "second"), "-b", "side")
    git("clone", "-q", "--bare", "--shared", str(kernel_tree), str(tmp_path / "bare.git"))
    identity = _find(finder, kernel_tree).identity
    assert _find(finder, tmp_path / "second").identity == identity
    assert _find(finder, tmp_path / "second", "side").identity == identity
    assert _find(finder, tmp_path / "bare.git", "v6.12.3").identity == identity


@pytest.mark.usefixtures("git")
@pytest.mark.parametrize(
    ("revision", "hint"),
    [("v6.12.4", "did you mean v6.12.3?"), ("--output=x", ""), ("HEAD:mm", ""), ("@{-1}", ""), ("", "")],
)
def test_a_revision_that_is_none_is_named_with_what_is_near(
    finder: TreeFinder, kernel_tree: Path, revision: str, hint: str
) -> None:
    with pytest.raises(InputError, match="has no revision") as caught:
        _find(finder, kernel_tree, revision)
    assert hint in caught.value.hint


def test_a_directory_without_git_has_no_revisions(finder: TreeFinder, kernel_tree: Path) -> None:
    with pytest.raises(InputError, match="is no git repository"):
        _find(finder, kernel_tree, "v6.12")


def test_what_is_no_kernel_is_said_with_the_one_that_is_near(finder: TreeFinder, kernel_tree: Path) -> None:
    with pytest.raises(InputError, match="is no kernel tree") as caught:
        _find(finder, kernel_tree.parent)
    assert caught.value.hint == f"did you mean {kernel_tree}?"
    with pytest.raises(InputError, match="there is no"):
        _find(finder, kernel_tree.parent / "linus")


def test_a_directory_behind_a_link_is_the_directory(
    finder: TreeFinder, kernel_tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(kernel_tree)
    assert _find(finder, tmp_path / "link").lineage == _find(finder, kernel_tree).lineage


def test_a_link_out_of_a_directory_is_refused(finder: TreeFinder, kernel_tree: Path, tmp_path: Path) -> None:
    (kernel_tree / "vendor").symlink_to("/etc")
    with pytest.raises(InputError, match="'vendor' leads out of the tree"):
        _laid_out(_find(finder, kernel_tree), tmp_path / "out")


@pytest.mark.parametrize("kind", ["", "gz", "xz", "bz2"])
def test_a_tarball_is_read_however_it_is_packed(
    finder: TreeFinder, kernel_tree: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"linux.tar{'.' if kind else ''}{kind}"
    with tarfile.open(path, f"w:{kind}") as archive:  # type: ignore[call-overload]
        archive.add(kernel_tree, "linux-6.12.3")
    tree = _find(finder, path)
    assert _laid_out(tree, tmp_path / "out")["Makefile"] == MAKEFILE
    assert finder.known(TreeSpec(path)) is not None
    path.write_bytes(b"another")
    assert finder.known(TreeSpec(path)) is None
