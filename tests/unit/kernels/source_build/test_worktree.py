# SPDX-License-Identifier: Apache-2.0
"""What is kept of a tree between builds, and that its absence costs no build."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.kernels.cache import Cache
from orchestrator.kernels.source_build.worktree import opened


def test_how_many_objects_a_build_compiles_is_known_once_it_was_noted(tmp_path: Path) -> None:
    with opened(Cache(tmp_path), "some-tree") as tree:
        assert tree.known_count("some-tree small arm64") == 0
        tree.note_count("some-tree small arm64", 1200)
        assert tree.known_count("some-tree small arm64") == 1200
        # Of another build of the same tree, for another architecture, say, nothing is known.
        assert tree.known_count("some-tree small x86_64") == 0


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": null}', '{"a": "many"}', '"a"'])
def test_a_damaged_count_is_none(tmp_path: Path, text: str) -> None:
    with opened(Cache(tmp_path), "some-tree") as tree:
        (tree.path / "counts.json").write_text(text)
        assert tree.known_count("a") == 0


def test_who_waits_for_a_tree_is_told_what_is_built_there(tmp_path: Path) -> None:
    told: list[str] = []
    with ExitStack() as others:
        others.enter_context(opened(Cache(tmp_path), "some-tree", "linux small x86_64"))

        def tell(text: str) -> None:
            told.append(text)
            others.close()

        with opened(Cache(tmp_path), "some-tree", "linux small arm64", tell) as tree:
            assert told == ["waiting for another build of some-tree: linux small x86_64"]
            assert (tree.path / "at-work").read_text() == "linux small arm64"
    assert not (tree.path / "at-work").exists()
