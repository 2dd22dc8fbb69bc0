# SPDX-License-Identifier: Apache-2.0
"""A directory is brought to a tree's content: what is the same is not touched, nothing leads outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.kernels.source_build.listing import (
    FILE,
    LINK,
    PROGRAM,
    Entry,
    Layout,
    blob_id,
    identity,
    leads_inside,
)

_OLD_S = 1_000_000_000


def _entries(files: dict[str, str], *, mode: str = FILE) -> list[Entry]:
    return [Entry(path, mode, text.encode) for path, text in files.items()]


def _laid(tmp_path: Path, *entries: Entry) -> Layout:
    layout = Layout(tmp_path / "tree", {})
    layout.directory.mkdir()
    layout.bring(entries, "the tree")
    return layout


def test_an_id_is_the_one_that_git_gives() -> None:
    assert blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    layout = _laid(tmp_path, *_entries({"mm/slub.c": "same", "mm/slab.c": "old", "Makefile": "x"}))
    for path in layout.directory.rglob("*.c"):
        os.utime(path, (_OLD_S, _OLD_S))
    layout.bring(_entries({"mm/slub.c": "same", "mm/slab.c": "new", "Makefile": "x"}), "the tree")
    assert (layout.directory / "mm/slub.c").stat().st_mtime == _OLD_S
    assert (layout.directory / "mm/slab.c").stat().st_mtime > _OLD_S
    assert (layout.directory / "mm/slab.c").read_text() == "new"


def test_what_is_known_to_be_the_same_is_not_even_read(tmp_path: Path) -> None:
    layout = _laid(tmp_path, *_entries({"Makefile": "x"}))

    def read() -> bytes:
        raise AssertionError

    layout.bring([Entry("Makefile", FILE, read, blob_id(b"x"))], "the tree")


def test_a_file_that_has_another_name_elsewhere_is_replaced_and_not_written_into(tmp_path: Path) -> None:
    layout = _laid(tmp_path, *_entries({"Makefile": "before"}))
    other = tmp_path / "other"
    other.hardlink_to(layout.directory / "Makefile")
    layout.bring(_entries({"Makefile": "after"}), "the tree")
    assert other.read_text() == "before"


def test_what_is_gone_is_removed_with_its_directories(tmp_path: Path) -> None:
    layout = _laid(tmp_path, *_entries({"a/b/c.c": "1", "d.c": "2"}))
    layout.bring(_entries({"d.c": "2"}), "the tree")
    assert [path.name for path in layout.directory.rglob("*")] == ["d.c"]
    assert identity(layout.held) == identity({"d.c": (FILE, blob_id(b"2"))})


@pytest.mark.parametrize(("before", "after"), [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a")])
def test_a_file_becomes_a_directory_and_the_other_way_round(tmp_path: Path, before: str, after: str) -> None:
    layout = _laid(tmp_path, *_entries({before: "1"}))
    layout.bring(_entries({after: "2"}), "the tree")
    assert (layout.directory / after).read_text() == "2"
    assert list(layout.held) == [after]


def test_a_link_becomes_a_directory(tmp_path: Path) -> None:
    layout = _laid(tmp_path, Entry("dts", LINK, lambda: b"arch"), *_entries({"arch/a": "1"}))
    layout.bring(_entries({"arch/a": "1", "dts/a": "2"}), "the tree")
    assert (layout.directory / "arch/a").read_text() == "1"
    assert not (layout.directory / "dts").is_symlink()


def test_modes_and_links_come_out_as_they_were(tmp_path: Path) -> None:
    layout = _laid(
        tmp_path,
        Entry("run.sh", PROGRAM, lambda: b"#!/bin/sh\n"),
        Entry("scripts/dtc/arm", LINK, lambda: b"../../arch/arm"),
        Entry("arch/arm/a.dts", FILE, lambda: b"1"),
    )
    assert os.access(layout.directory / "run.sh", os.X_OK)
    assert not os.access(layout.directory / "arch/arm/a.dts", os.X_OK)
    assert (layout.directory / "scripts/dtc/arm/a.dts").read_text() == "1"


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", "", "a/..", ".git/config", "sub/.git/hooks/x", "a\0b"]
)
def test_no_file_lies_outside_of_the_tree(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match="the tree holds"):
        _laid(tmp_path, Entry(path, FILE, lambda: b""))


def test_nothing_is_written_through_a_link_of_the_tree(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="behind a symbolic link"):
        _laid(tmp_path, Entry("a", LINK, lambda: b"b"), Entry("a/x", FILE, lambda: b""))


def test_neither_by_a_link_of_the_tree_before(tmp_path: Path) -> None:
    layout = _laid(tmp_path, *_entries({"b/x": "1"}), Entry("a", LINK, lambda: b"b"))
    layout.bring(_entries({"b/x": "1", "a/x": "2"}), "the tree")
    assert (layout.directory / "b/x").read_text() == "1"
    assert (layout.directory / "a/x").read_text() == "2"


def test_nor_by_one_further_up(tmp_path: Path) -> None:
    layout = _laid(tmp_path, *_entries({"b/c/x": "1"}), Entry("a", LINK, lambda: b"b"))
    layout.bring(_entries({"b/c/x": "1", "a/c/x": "2"}), "the tree")
    assert (layout.directory / "b/c/x").read_text() == "1"


@pytest.mark.parametrize(
    ("path", "target", "inside"),
    [
        ("a", "b", True),
        ("a/b", "../c/d", True),
        ("a/b", "./../c", True),
        ("a", "../b", False),
        ("a/b", "../../c", False),
        ("a", "/etc/passwd", False),
        ("a/b/c", "d/../../e", False),
        ("a", "b/..", False),
    ],
)
def test_a_link_stays_inside_whatever_others_there_are(path: str, target: str, inside: bool) -> None:
    assert leads_inside(path, target) is inside


def test_a_link_to_the_outside_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'vendor' leads out of the tree, to '\.\./\.\./vendor'"):
        _laid(tmp_path, Entry("vendor", LINK, lambda: b"../../vendor"))


def test_an_interrupted_write_leaves_a_true_listing(tmp_path: Path) -> None:
    layout = _laid(tmp_path, *_entries({"a": "1", "b": "2"}))

    def interrupted() -> Iterator[Entry]:
        yield Entry("a", FILE, lambda: b"new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        layout.bring(interrupted(), "the tree")
    assert layout.held == {"a": (FILE, blob_id(b"new")), "b": (FILE, blob_id(b"2"))}
