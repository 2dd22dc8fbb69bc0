# SPDX-License-Identifier: Apache-2.0
"""Patches to a whole tree: what is built for them, where moved code is, and verdicts of whole series."""

from __future__ import annotations

import io
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.arch import ARCHS
from orchestrator.errors import HostError, InputError
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.source_build.tarball import entries_of, opened
from orchestrator.kernels.source_build.tree import KernelTree
from orchestrator.kernels.source_build.whole import known_whole, obtain_whole
from orchestrator.mail.contents import read_contents
from orchestrator.mail.diff import FoundPatch
from orchestrator.patch_review import bases
from orchestrator.patch_review.applicability import Applicability, Kind
from orchestrator.patch_review.bases import Checked, check_column
from orchestrator.patch_review.building import Way, way_of, whole_building
from orchestrator.patch_review.kernel_parts import Compiled, compiled, is_kernel_part
from orchestrator.patch_review.relocation import check_anywhere
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.patch_review.sources import SCOPE, BaseSource
from orchestrator.patch_review.tree_files import ChangedFiles, Files, TreeFiles
from orchestrator.patch_review.unified import unified

BODY = "".join(f"\tstep_{number}(argument);\n" for number in range(12))
CODE = f"int work(void)\n{{\n{BODY}\treturn 0;\n}}\n"
DRIVER = f"{SCOPE}/binder.c"
TREE = {
    "Makefile": "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 3\n",
    "mm/Makefile": "obj-y := page.o \\\n\t$(parts-y)\nparts-$(CONFIG_MMU) += map.o\n"
    "obj-$(CONFIG_FRAG) += frag.o\nobj-$(CONFIG_ODD) += odd.o\n",
    "mm/page.c": CODE,
    "mm/map.c": CODE.replace("step", "map"),
    "mm/frag.c": CODE.replace("step", "frag"),
    "mm/odd.c": CODE.replace("step", "odd"),
    "mm/list.h": "struct list;\n",
    "mm/Kconfig": 'config MMU\n\tdef_bool y\nconfig FRAG\n\tbool "f"\n\tdepends on ROOM && !GONE\n'
    'config ROOM\n\tbool "r"\nconfig GONE\n\tbool "g"\n'
    'config ODD\n\tbool "o"\n\tdepends on X86\n',
    "fs/new/file.c": CODE.replace("step", "file"),
    "fs/Makefile": "obj-$(CONFIG_FRAG) += new/\n",
    "fs/new/Makefile": "obj-$(CONFIG_NEWFS) += newfs.o\nnewfs-objs := file.o\n",
    "fs/Kconfig": 'config NEWFS\n\ttristate "n"\n',
    "arch/x86/mm/fault.c": CODE.replace("step", "fault"),
    "Documentation/mm/page.rst": "Pages\n=====\n\nWords about pages.\n",
    DRIVER: CODE.replace("step", "binder"),
}


def files_of(tree: dict[str, str] = TREE) -> TreeFiles:
    return TreeFiles(list(tree), lambda path: tree[path].encode())


def change(path: str, old: str = "_6(", new: str = "_6a(", tree: dict[str, str] = TREE) -> str:
    text = tree[path]
    return unified(SourceFile(path, text), SourceFile(path, text.replace(old, new)))


def patches_of(*diffs: str, total: int = 0) -> tuple[FoundPatch, ...]:
    found: tuple[FoundPatch, ...] = contents(*diffs, total=total).patches
    return found


def contents(*diffs: str, total: int = 0) -> Any:
    text = "".join(
        f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nSubject: [PATCH {mark}] x\n\n"
        f"Words.\n---\n{diff}-- \n2.43.0\n\n"
        for number, diff in enumerate(diffs, 1)
        for mark in ([f"{number}/{total}"] if total else ["v1"])
    )
    return read_contents(text.encode())


def building_of(*diffs: str, arch: str = "arm64") -> tuple[Way, tuple[str, ...], tuple[str, ...]]:
    (patch,) = patches_of("".join(diffs))
    found = whole_building(patch, files_of(), ARCHS[arch], "linux-source-6.12")
    return found.way, found.options, found.remarks


def test_files_of_a_tree_are_read_when_they_are_asked_for() -> None:
    read: list[str] = []

    def content(path: str) -> bytes:
        read.append(path)
        return b"text\n"

    files = TreeFiles(["a", "b"], content)
    assert (len(files), list(files), "b" in files, "c" in files, read) == (2, ["a", "b"], True, False, [])
    changed = ChangedFiles(ChangedFiles(files, {"c": SourceFile("c", "new\n")}), {"b": None})
    assert (sorted(changed), len(changed), "b" in changed) == (["a", "c"], 2, False)
    assert (changed["a"].text, changed["c"].text, read) == ("text\n", "new\n", ["a"])
    for gone in ("b", "d"):
        with pytest.raises(KeyError):
            changed[gone]


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("mm/page.c", True), ("Makefile", True), ("include/linux/mm.h", True), ("mm/Kconfig", True),
        ("Documentation/mm/page.rst", False), ("tools/testing/selftests/mm/x.c", False),
        ("MAINTAINERS", False),
        (".mailmap", False), ("samples/x.c", False), ("drivers/x/README.md", False),
    ],
)  # fmt: skip
def test_what_is_part_of_a_kernel(path: str, part: bool) -> None:
    assert is_kernel_part(path) is part


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("mm/page.c", Compiled()),
        ("mm/map.c", Compiled(("MMU",))),
        ("mm/frag.c", Compiled(("FRAG",))),
        ("mm/list.h", Compiled()),
        ("fs/new/file.c", Compiled(("NEWFS", "FRAG"))),
        ("mm/none.c", Compiled(known=False)),
        ("arch/x86/mm/fault.c", Compiled(only_arch="x86")),
        ("rust/kernel/lib.rs", Compiled(("RUST",))),
    ],
)
def test_makefiles_tell_what_is_compiled(path: str, expected: Compiled) -> None:
    assert compiled(path, files_of(), "arm64") == expected


def test_options_are_set_with_what_they_depend_on() -> None:
    assert building_of(change("mm/page.c")) == (Way.WHOLE, (), ())
    assert building_of(change("mm/map.c")) == (Way.WHOLE, (), ())
    assert building_of(change("mm/frag.c")) == (Way.WHOLE, ("FRAG", "ROOM"), ())
    assert building_of(change("fs/new/file.c")) == (Way.WHOLE, ("FRAG", "NEWFS", "ROOM"), ())


def test_what_cannot_be_compiled_is_nothing_to_run() -> None:
    why = "mm/odd.c cannot be compiled: CONFIG_ODD depends on X86"
    assert building_of(change("mm/odd.c")) == (Way.NOTHING, (), (why,))
    assert building_of(change("mm/odd.c"), change("mm/page.c")) == (Way.WHOLE, (), (why,))
    foreign = "arch/x86/mm/fault.c is not compiled for arm64; --arch x86_64 takes that"
    assert building_of(change("arch/x86/mm/fault.c")) == (Way.NOTHING, (), (foreign,))
    assert building_of(change("arch/x86/mm/fault.c"), arch="x86_64")[0] is Way.WHOLE


def test_series_are_built_by_what_their_parts_touch() -> None:
    docs = change("Documentation/mm/page.rst", "Words", "Other words")
    assert way_of(patches_of(change(DRIVER)), SCOPE) is Way.MODULE
    assert way_of(patches_of(change(DRIVER), docs, total=2), SCOPE) is Way.MODULE
    assert way_of(patches_of(change(DRIVER), change("mm/page.c"), total=2), SCOPE) is Way.WHOLE
    assert way_of(patches_of(change(DRIVER) + docs), SCOPE) is Way.MODULE
    assert way_of(patches_of(change(DRIVER) + docs + change("mm/page.c")), SCOPE) is Way.WHOLE
    assert way_of(patches_of(docs), SCOPE) is Way.NOTHING
    outside = change("mm/page.c").replace("mm/page.c", "mm/../../page.c")
    assert way_of(patches_of(outside), SCOPE) is Way.MODULE  # refused without any source


def moved(diff: str, tree: dict[str, str]) -> Applicability:
    (patch,) = patches_of(diff)
    return check_anywhere(patch, files_of(tree), "")


def test_a_file_of_another_name_and_code_in_another_file_are_found() -> None:
    elsewhere = {path.replace("fs/new/", "fs/old/server/"): text for path, text in TREE.items()}
    found = moved(change("fs/new/file.c"), elsewhere)
    assert (found.kind, found.remarks[0]) == (
        Kind.ADAPTED, "fs/new/file.c is fs/old/server/file.c in the base",
    )  # fmt: skip
    assert "file_6a(" in found.result["fs/old/server/file.c"].text
    other = {**TREE, "mm/page.c": "int nothing;\n", "mm/init.c": "int before;\n\n" + CODE}
    found = moved(change("mm/page.c"), other)
    assert found.remarks[0] == "mm/page.c: hunk 1: work() is in mm/init.c in the base"
    assert "step_6a(" in found.result["mm/init.c"].text
    twice = {**other, "mm/again.c": CODE}
    assert moved(change("mm/page.c"), twice).kind is Kind.REFUSED
    none = {path: text for path, text in TREE.items() if not path.startswith("fs/new")}
    assert moved(change("fs/new/file.c"), none).kind is Kind.LACKS


class FakeColumn:
    """A base whose two sources are at hand."""

    def __init__(self, tree: dict[str, str]) -> None:
        driver = {path: SourceFile(path, text) for path, text in tree.items() if path.startswith(SCOPE)}
        self.asked: list[str] = []
        self._driver = BaseSource("a base", driver, no_scripts)
        self._whole = BaseSource(
            "a base", files_of(tree), no_scripts, scope="", arch=ARCHS["arm64"], package="linux-source-6.12"
        )

    def driver(self) -> BaseSource:
        self.asked.append("driver")
        return self._driver

    def whole(self) -> BaseSource:
        self.asked.append("whole")
        return self._whole


def no_scripts() -> Any:
    raise AssertionError("nobody asked for checkpatch")


def column_of(monkeypatch: pytest.MonkeyPatch, *diffs: str) -> tuple[dict[int, Checked], list[str]]:
    def proven(verdict: Applicability, _files: Files, _target: str, _scope: str) -> Applicability:
        return verdict

    monkeypatch.setattr(bases, "_proven", proven)
    column: Any = FakeColumn(TREE)
    checked = check_column(contents(*diffs, total=len(diffs) if diffs[1:] else 0).arranged, column)
    return checked, list(dict.fromkeys(column.asked))


def test_the_whole_source_is_only_got_for_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    docs = change("Documentation/mm/page.rst", "Words", "Other words")
    checked, asked = column_of(monkeypatch, change(DRIVER))
    assert ([item.building.way for item in checked.values()], asked) == ([Way.MODULE], ["driver"])
    checked, asked = column_of(monkeypatch, change("mm/frag.c"))
    assert (checked[1].verdict.kind, asked) == (Kind.APPLIES, ["whole"])
    assert checked[1].building.base == {
        "source": "linux-source-6.12", "config": "small", "options": {"FRAG": "y", "ROOM": "y"},
    }  # fmt: skip
    checked, asked = column_of(monkeypatch, change(DRIVER), docs)
    assert [checked[n].building.way for n in (1, 2)] == [Way.MODULE, Way.NOTHING]
    assert [checked[n].verdict.kind for n in (1, 2)] == [Kind.APPLIES] * 2
    checked, asked = column_of(monkeypatch, change(DRIVER), change("mm/page.c"))
    assert ([checked[n].building.way for n in (1, 2)], asked) == ([Way.WHOLE] * 2, ["whole"])


def test_documentation_beside_the_driver_is_left_out_of_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    docs = change("Documentation/mm/page.rst", "Words", "Other words")
    found, asked = column_of(monkeypatch, docs + change(DRIVER))
    checked = found[1]
    assert (checked.verdict.kind, checked.building.way, asked) == (Kind.APPLIES, Way.MODULE, ["driver"])
    assert "Documentation" not in checked.verdict.text
    assert "binder_6a(" in checked.verdict.text
    left = "left out, for nothing is built of it: Documentation/mm/page.rst"
    assert checked.building.remarks == (left,)


def kernel_tree(archive: Path, identity: str = "one") -> KernelTree:
    @contextmanager
    def entries() -> Any:
        with opened(archive) as tar:
            yield entries_of(tar, archive.name)

    return KernelTree("linux-source-6.12 6.12.3-1", identity, "linux-source-6.12", entries)


def tarball(path: Path, tree: dict[str, str]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, text in tree.items():
            member = tarfile.TarInfo(f"linux/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("linux/link")
        link.type, link.linkname = tarfile.SYMTYPE, "Makefile"
        archive.addfile(link)
    return path


def test_a_tree_is_laid_out_once_and_read_in_its_own_state_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    tree = kernel_tree(tarball(tmp_path / "linux.tar", TREE))
    told: list[str] = []
    assert known_whole(cache, tree) is None
    assert not list(tmp_path.glob("cache/store/*"))
    found = obtain_whole(cache, tree, told.append)
    assert "1.8 GB unpacked" in told[0]
    assert found.read("mm/page.c").decode() == CODE
    assert sorted(found.paths()) == sorted(TREE)
    told.clear()
    assert obtain_whole(cache, tree, told.append) == found
    assert told == []
    assert known_whole(cache, kernel_tree(tmp_path / "linux.tar", "another")) is None
    (found.directory / "mm/page.c").write_text("changed\n")
    with pytest.raises(HostError, match=r"mm/page\.c was changed"):
        found.read("mm/page.c")


def test_a_tree_that_is_cut_short_is_not_taken_for_whole(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    archive = tarball(tmp_path / "linux.tar", TREE)
    whole = archive.read_bytes()
    archive.write_bytes(whole[:2000])
    with pytest.raises(InputError, match="not a whole one"):
        obtain_whole(cache, kernel_tree(archive), lambda _text: None)
    assert known_whole(cache, kernel_tree(archive)) is None
    archive.write_bytes(whole)
    assert (
        obtain_whole(cache, kernel_tree(archive), lambda _text: None).read("Makefile").startswith(b"VERSION")
    )
