# SPDX-License-Identifier: Apache-2.0
"""What a patch may touch: checked in its headers, and again in the tree that came out of the sandbox."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InputError
from orchestrator.kernels.build.patch import check_headers, check_result, read_patch, touched
from orchestrator.kernels.build.tree import OddFile, TreeFile, pack, read_tree, tree_sha256, unpack
from orchestrator.kernels.patch_file import Patch

SCOPE = "drivers/android"
FILE = f"{SCOPE}/binder.c"
BEFORE = {FILE: TreeFile(b"int a;\n")}


def patch(text: str) -> Patch:
    return Patch("a.patch", text.encode("utf-8", errors="surrogateescape"))


def paths(text: str) -> set[str]:
    return {item.path for item in touched(patch(text))}


def diff(path: str, old: str = "int a;\n", new: str = "int b;\n") -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return "".join(lines)


def git_headers(path: str, *lines: str) -> str:
    return "\n".join([f"diff --git a/{path} b/{path}", *lines, ""])


@pytest.mark.parametrize(
    "text",
    [
        diff(FILE),
        f"Subject: x\n\n---\n a | 2 +-\n\n{git_headers(FILE)}index 1..2 100644\n{diff(FILE)}-- \n2.39\n",
        diff(FILE).replace(FILE + "\n", FILE + "\t2024-06-14 12:09:29.000000000 +0800\n"),
        git_headers(FILE, "new file mode 100644"),
        git_headers(FILE, "deleted file mode 100644"),
    ],
)
def test_patches_of_the_usual_forms_pass(text: str) -> None:
    assert paths(text) == {FILE}
    check_headers(patch(text), SCOPE)


@pytest.mark.parametrize(
    "path",
    [
        "drivers/base/core.c",
        "drivers/android/../base/core.c",
        "../outside",
        "drivers/android",
        "drivers/androids/x.c",
        "Makefile",
        "/etc/passwd",
    ],
)
@pytest.mark.parametrize("form", [diff, git_headers])
def test_a_path_outside_the_scope_is_refused_by_name(path: str, form: object) -> None:
    assert callable(form)
    with pytest.raises(InputError, match="outside its scope drivers/android") as caught:
        check_headers(patch(form(path)), SCOPE)
    assert "a.patch" in caught.value.message
    assert path.lstrip("/") in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n",
        f"--- a/{FILE}\n+++ b/drivers/base/core.c\n@@ -1 +1 @@\n-a\n+b\n",
        f"Index: b/mm/slub.c\n{diff(FILE)}",
        git_headers(
            FILE, "similarity index 100%", "rename from drivers/android/binder.c", "rename to mm/x.c"
        ),
    ],
)
def test_every_kind_of_header_counts(text: str) -> None:
    with pytest.raises(InputError, match="outside its scope"):
        check_headers(patch(text), SCOPE)


def test_links_and_modes_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"a\.patch makes drivers/android/x a symbolic link"):
        check_headers(patch(git_headers(f"{SCOPE}/x", "new file mode 120000")), SCOPE)
    with pytest.raises(InputError, match=r"a\.patch changes the mode of drivers/android/binder\.c"):
        check_headers(patch(git_headers(FILE, "old mode 100644", "new mode 100755")), SCOPE)


hunk_lines = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"),
    max_size=30,
)


@given(st.lists(hunk_lines, max_size=8), st.lists(hunk_lines, max_size=8))
def test_lines_of_a_hunk_are_never_headers(old: list[str], new: list[str]) -> None:
    """Such as the removed line `-- a/x`, which a diff shows as `--- a/x`."""
    lines = [*old, "-- a/mm/slub.c", "++ b/mm/slub.c"]
    text = diff(FILE, "\n".join([*lines, ""]), "\n".join([*new, ""]))
    assert paths(text) <= {FILE}


path_parts = st.sampled_from(["drivers", "android", "..", ".", "mm", "a b", "x.c", ""])


@given(st.lists(path_parts, min_size=1, max_size=5).map("/".join))
def test_no_header_reaches_out_of_the_scope(path: str) -> None:
    text = git_headers(path) if " " not in path else diff(path)
    try:
        check_headers(patch(text), SCOPE)
    except InputError:
        return
    resolved = Path("/tree", path).resolve()
    assert resolved.is_relative_to("/tree/drivers/android")


@given(st.binary(max_size=400))
def test_any_bytes_can_be_read(content: bytes) -> None:
    for item in touched(Patch("x", content)):
        assert isinstance(item.path, str)


def test_a_content_change_passes() -> None:
    check_result(patch(""), BEFORE, {FILE: TreeFile(b"int b;\n"), f"{SCOPE}/new.h": TreeFile(b"x")}, SCOPE)
    check_result(patch(""), BEFORE, {}, SCOPE)


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ({FILE: OddFile("symbolic link")}, "makes drivers/android/binder.c a symbolic link"),
        (
            {FILE: TreeFile(b"int a;\n", 0o755)},
            "changes the mode of drivers/android/binder.c from 644 to 755",
        ),
        ({**BEFORE, f"{SCOPE}/run": TreeFile(b"", 0o4755)}, "makes drivers/android/run with mode 4755"),
        ({**BEFORE, "mm/slub.c": TreeFile(b"")}, "touches mm/slub.c, outside its scope"),
        ({**BEFORE, "../x": TreeFile(b"")}, "touches ../x, outside its scope"),
    ],
)
def test_anything_else_is_refused_by_name(after: dict[str, TreeFile | OddFile], message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_result(patch(""), BEFORE, after, SCOPE)
    assert message in caught.value.message


def test_files_outside_the_scope_cannot_be_removed_either() -> None:
    with pytest.raises(InputError, match="outside its scope"):
        check_result(patch(""), {**BEFORE, "Makefile": TreeFile(b"")}, BEFORE, SCOPE)


def test_what_is_no_patch_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear all,\n")
    with pytest.raises(InputError, match="holds no patch"):
        read_patch(file)
    with pytest.raises(InputError, match="cannot read the patch"):
        read_patch(tmp_path / "missing.patch")


tree_paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(
    lambda parts: "d/" + "-".join(parts)
)


@given(
    st.dictionaries(tree_paths, st.builds(TreeFile, st.binary(max_size=600), st.sampled_from([0o644, 0o755])))
)
def test_a_tree_survives_the_way_into_the_sandbox_and_back(tree: dict[str, TreeFile]) -> None:
    assert unpack(pack(tree)) == tree


def test_a_tree_is_read_from_disk_without_links(tmp_path: Path) -> None:
    directory = tmp_path / SCOPE
    directory.mkdir(parents=True)
    (directory / "binder.c").write_bytes(b"int a;\n")
    (directory / "link").symlink_to("binder.c")
    tree = read_tree(tmp_path, SCOPE)
    assert tree == BEFORE
    assert tree_sha256(tree) != tree_sha256({FILE: TreeFile(b"int b;\n")})


def test_a_series_that_is_out_of_order_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """patch(1) would take it from top to bottom, and both versions of it."""

    diff = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n"

    def mails(*parts: int) -> str:
        return "".join(
            f"From a Mon Sep 17 00:00:00 2001\nSubject: [PATCH {n}/3] x\n\n---\n{diff}" for n in parts
        )

    path = tmp_path / "series.mbox"
    for parts in ((1,), (0, 1, 2, 3), (2, 3)):
        path.write_text(mails(*parts))
        read_patch(path)
    for parts in ((2, 1), (1, 3), (1, 2, 1, 2)):
        path.write_text(mails(*parts))
        with pytest.raises(
            InputError, match=f"holds the patches {', '.join(map(str, parts))} of a series"
        ) as told:
            read_patch(path)
        assert "oomlab reproduce" in (told.value.hint or "")
