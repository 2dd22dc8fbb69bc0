# SPDX-License-Identifier: Apache-2.0
"""Diffs in a mail's lines: where they begin and end, which lines are whose, and what is missing."""

from __future__ import annotations

import pytest

from orchestrator.mail.diff import (
    MAX_HUNKS,
    MAX_LINE_CHARS,
    Diffstat,
    FoundPatch,
    find_patches,
    without_copies,
)
from orchestrator.mail.hunk import Hunk, HunkLine, shape
from orchestrator.mail.message import read_messages

DIFF = "--- a/d/x.c\n+++ b/d/x.c\n@@ -3,3 +3,3 @@ int f(int a)\n before\n-old\n+new\n behind\n"


def found(text: str) -> list[FoundPatch]:
    return [patch for message in read_messages(text.encode()) for patch in find_patches(message)]


def only(text: str) -> FoundPatch:
    (patch,) = found(text)
    return patch


def hunk(*raw: str, old: int = 3, new: int = 3, section: str = "") -> Hunk:
    return Hunk(1, 1, old, 1, new, section, raw)


def test_a_diff_line_by_line() -> None:
    patch = only(f"words\n{DIFF}words behind\n")
    assert (patch.line, patch.depth, patch.subject, patch.place) == (2, 0, "", "line 2")
    (file,) = patch.files
    assert (file.old_path, file.new_path, file.path, file.odd) == ("d/x.c", "d/x.c", "d/x.c", "")
    (own,) = file.hunks
    assert (own.line, own.old_start, own.old_count, own.new_start, own.new_count) == (4, 3, 3, 3, 3)
    assert (own.section, own.function) == ("int f(int a)", "f")
    assert (patch.added, patch.removed, patch.missing) == (["new"], ["old"], ())


@pytest.mark.parametrize(
    ("header", "counts"),
    [
        ("@@ -1 +1 @@\n-a\n+b\n", (1, 1, 1, 1)),
        ("@@ -5,0 +6,2 @@\n+a\n+b\n", (5, 0, 6, 2)),
        ("  @@ -1,2 +1 @@ x\n  -a\n  -b\n  +c\n", (1, 2, 1, 1)),
        ("\n\n@@ -1 +1 @@\n-a\n+b\n", (1, 1, 1, 1)),
    ],
)
def test_headers_of_hunks(header: str, counts: tuple[int, ...]) -> None:
    (own,) = only("--- a/x\n+++ b/x\n" + header).files[0].hunks
    assert (own.old_start, own.old_count, own.new_start, own.new_count) == counts
    assert shape(own) is not None


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (("a/d/x.c", "b/d/x.c"), ("d/x.c", "d/x.c")),
        (("d/x.c", "d/x.c"), ("d/x.c", "d/x.c")),
        (("old/d/x.c", "new/d/x.c"), ("d/x.c", "d/x.c")),
        (("/dev/null", "b/d/x.c"), (None, "d/x.c")),
        (("a/d/x.c", "/dev/null"), ("d/x.c", None)),
        (("/dev/null", "d/x.c"), (None, "d/x.c")),
        (("a/x.c", "a/x.c"), ("x.c", "x.c")),
        (("x.c", "y.c"), ("x.c", "y.c")),
        (("/etc/x", "/etc/x"), ("/etc/x", "/etc/x")),
        (("a/d/x.c\t2024-01-01", "b/d/x.c  "), ("d/x.c", "d/x.c")),
    ],
)
def test_paths(names: tuple[str, str], paths: tuple[str | None, str | None]) -> None:
    (file,) = only(f"--- {names[0]}\n+++ {names[1]}\n@@ -1 +1 @@\n-a\n+b\n").files
    assert (file.old_path, file.new_path) == paths
    assert file.path == paths[0] or file.path == paths[1]


@pytest.mark.parametrize(
    ("headers", "odd"),
    [
        ("index 1..2 100644\n", ""),
        ("new file mode 100644\nindex 0..1\n", ""),
        ("old mode 100644\nnew mode 100755\n", "old mode 1"),
        ("similarity index 90%\nrename from d/x\nrename to d/y\n", "rename from"),
        ("copy from d/x\ncopy to d/y\n", "copy from"),
        ("index 1..2\nGIT binary patch\n", "GIT binary patch"),
        ("Binary files a/x and b/x differ\n", "Binary files"),
    ],
)
def test_what_is_more_than_text_is_kept_in_words(headers: str, odd: str) -> None:
    (file,) = only(f"diff --git a/d/x b/d/y\n{headers}").files
    assert (file.old_path, file.new_path, file.odd) == ("d/x", "d/y", odd)
    same = only(f"diff --git a/d/x b/d/x\n{headers}--- a/d/x\n+++ b/d/x\n@@ -1 +1 @@\n-a\n+b\n").files
    assert [(file.path, len(file.hunks)) for file in same] == [("d/x", 1)]


def test_a_header_that_mail_broke_off_names_one_path() -> None:
    (file,) = only(
        "diff --git a/d/x.c\nb/d/x.c\nindex 1..2\n--- a/d/x.c\n+++ b/d/x.c\n@@ -1 +1 @@\n-a\n+b\n"
    ).files
    assert (file.path, len(file.hunks)) == ("d/x.c", 1)
    (file,) = only("diff --git a/d/x.c\n").files
    assert (file.old_path, file.new_path) == ("d/x.c", "d/x.c")


OTHER = DIFF.replace("x.c", "y.c")


@pytest.mark.parametrize(
    ("text", "patches"),
    [
        (DIFF + OTHER, [2]),
        (DIFF + "words\n" + OTHER, [2]),
        (DIFF + "-- \n2.39.5\n" + OTHER, [1, 1]),
        (DIFF + "Subject: [PATCH] y\n" + OTHER, [1, 1]),
        (DIFF + "Subject: [PATCH] y\n\nWords.\n---\n y.c | 2 +-\n 1 file changed\n\n" + OTHER, [1, 1]),
        (DIFF + "Index: y.c\n" + OTHER, [1, 1]),
        (DIFF + "_" * 10 + "\n" + OTHER, [1, 1]),
        (DIFF + "From 0123456789ab Mon\n" + OTHER, [1, 1]),
        ("-- \n" + DIFF + OTHER, [2]),
    ],
)
def test_where_one_patch_ends_and_the_next_begins(text: str, patches: list[int]) -> None:
    assert [len(patch.files) for patch in found(text)] == patches


def test_subject_and_diffstat_are_those_right_before_a_patch() -> None:
    stat = " 1 file changed, 1 insertion(+), 1 deletion(-)\n"
    first, second = found(f"[PATCH 1/2] a\n{stat}{DIFF}-- \n2.39\n\n{OTHER}")
    assert (first.subject, first.diffstat, first.missing) == ("[PATCH 1/2] a", Diffstat(1, 1, 1), ())
    assert (second.subject, second.diffstat) == ("[PATCH 1/2] a", None), "that of the mail"


@pytest.mark.parametrize(
    ("stat", "missing"),
    [
        (" 1 file changed, 1 insertion(+), 1 deletion(-)", ""),
        (" 2 files changed, 1 insertion(+), 1 deletion(-)", "2 files, +1 -1; found 1 file, +1 -1"),
        (" 1 file changed, 2 insertions(+), 1 deletion(-)", "1 file, +2 -1; found 1 file, +1 -1"),
        (" 1 file changed, 1 insertion(+)", "1 file, +1 -0; found 1 file, +1 -1"),
        (" 1 file changed, 1 deletion(-)", "1 file, +0 -1; found 1 file, +1 -1"),
    ],
)
def test_the_diffstat_counts(stat: str, missing: str) -> None:
    assert only(f"{stat}\n{DIFF}").missing == ((f"the diffstat says {missing}",) if missing else ())


SECOND = "@@ -{} +{} @@\n x\n-y\n+z\n w\n"


@pytest.mark.parametrize(
    ("hunks", "missing"),
    [
        (SECOND.format("3,3", "3,3") + SECOND.format("9,3", "9,3"), ()),
        ("@@ -3 +3,2 @@\n-a\n+b\n+c\n" + SECOND.format("9,3", "10,3"), ()),
        (
            "@@ -3 +3,2 @@\n-a\n+b\n+c\n" + SECOND.format("9,3", "9,3"),
            ("d/x.c: hunk 2 (line 7) starts where it would only with another hunk before it",),
        ),
        (
            SECOND.format("9,3", "10,3"),
            ("d/x.c: hunk 1 (line 3) starts where it would only with another hunk before it",),
        ),
        ("@@ -3,4 +3,4 @@\n x\n-y\n+z\n", ("d/x.c: hunk 1 (line 3) has fewer lines than its header says",)),
        ("", ("d/x.c: no hunk",)),
        (SECOND.format("3,3", "3,3") + "[...]\n", ("text was cut out between its hunks",)),
        (SECOND.format("3,3", "3,3") + "-- \n", ()),
    ],
)
def test_what_shows_that_a_patch_is_not_whole(hunks: str, missing: tuple[str, ...]) -> None:
    assert only(f"--- a/d/x.c\n+++ b/d/x.c\n{hunks}").missing == missing


def test_bounds_on_lines_and_hunks() -> None:
    for length, kept in ((MAX_LINE_CHARS - 1, True), (MAX_LINE_CHARS, False)):
        patch = only(f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+{'y' * length}\n")
        assert (patch.missing == ()) is kept
    assert (MAX_LINE_CHARS, MAX_HUNKS) == (4000, 5000)
    hunks = "@@ -1 +1 @@\n-a\n+b\n" * (MAX_HUNKS + 1)
    assert len(only(f"--- a/x\n+++ b/x\n{hunks}").files[0].hunks) == MAX_HUNKS


def patch_of(subject: str, diff: str = DIFF, depth: int = 0) -> FoundPatch:
    mark = "> " * depth
    (patch,) = found("".join(f"{mark}{line}\n" for line in f"{subject}\n{diff}".splitlines()))
    return patch


def test_of_copies_the_most_complete_is_kept_in_its_place() -> None:
    whole, quoted = patch_of("[PATCH] a"), patch_of("[PATCH] a", depth=1)
    part = patch_of("[PATCH] a", DIFF.replace("@@ -3,3 +3,3", "@@ -3,4 +3,4"), depth=2)
    assert without_copies([quoted, part, whole]) == [whole]
    assert without_copies([part, quoted]) == [quoted]
    other = patch_of("[PATCH] b", OTHER)
    assert without_copies([other, quoted]) == [other, quoted]
    assert without_copies([quoted, other]) == [quoted, other]
    assert len(without_copies([patch_of("[PATCH 1/2] a"), patch_of("[PATCH 2/2] b")])) == 2
    assert len(without_copies([patch_of("[PATCH 1/2] a"), patch_of("Re: [PATCH 1/2] a")])) == 1
    assert len(without_copies([patch_of("[PATCH 1/2] a"), patch_of("[PATCH 2/2] b", depth=1)])) == 1


@pytest.mark.parametrize(
    ("raw", "lines", "used", "joined"),
    [
        ((" a", "-b", "+c", " d"), [" a", "-b", "+c", " d"], 4, 0),
        ((" a", "-b", "+c", " d", "+e"), [" a", "-b", "+c", " d"], 4, 0),
        ((" a", "-b", "broken", "+c", " d"), [" a", "-b broken", "+c", " d"], 5, 1),
        ((" a", "-b", "\\ No newline at end of file", "+c", " d"), [" a", "-b", "+c", " d"], 5, 0),
        ((" a", "-b", "+c", " d", "\\ No newline at end of file"), [" a", "-b", "+c", " d"], 5, 0),
        (("a", "-b", "+c", "d"), [" a", "-b", "+c", " d"], 4, 0),
        (("a", "-b", "+c", ""), [" a", "-b", "+c", " "], 4, 0),
    ],
)
def test_the_counts_of_the_header_decide(
    raw: tuple[str, ...], lines: list[str], used: int, joined: int
) -> None:
    shaped = shape(hunk(*raw))
    assert shaped is not None
    assert [line.kind + line.text for line in shaped.lines] == lines
    assert (shaped.used, shaped.joined) == (used, joined)
    assert [line.whole for line in shaped.lines].count(False) == joined


@pytest.mark.parametrize("raw", [(), (" a",), (" a", "-b", "+c"), ("+a", "+b", "+c")])
def test_too_few_lines_have_no_shape(raw: tuple[str, ...]) -> None:
    assert shape(hunk(*raw)) is None
    assert len(hunk(*raw).changes) == sum(text[:1] in ("-", "+") for text in raw)


def test_the_base_decides_which_lines_were_broken() -> None:
    raw = ("one two", "three four", "five six", "-b", "+c")
    shaped = shape(hunk(*raw), frozenset({"onetwo", "threefourfivesix", "b"}))
    assert shaped is not None
    assert [line.text for line in shaped.old] == ["one two", "three four five six", "b"]
    shaped = shape(hunk(*raw), frozenset({"onetwothreefour", "fivesix", "b"}))
    assert shaped is not None
    assert [line.text for line in shaped.old] == ["one two three four", "five six", "b"]


def test_up_to_39_lines_are_joined() -> None:
    for broken, whole in ((39, True), (40, False)):
        shaped = shape(hunk("-b", *["end"] * broken, "+c", old=1, new=1))
        assert (shaped is not None) is whole


def test_the_end_of_the_header_may_be_broken_off() -> None:
    shaped = shape(hunk("of it", " a", "-b", "+c", " d", section="int f(int part"))
    assert shaped is not None
    assert shaped.joined == 1


def test_a_reversed_hunk_removes_what_was_added_first() -> None:
    shaped = shape(hunk("-a", "+b", "+c", " d", "-e", old=3, new=3))
    assert shaped is not None
    turned = shaped.reversed()
    assert [line.kind + line.text for line in turned.lines] == ["-b", "-c", "+a", " d", "+e"]
    assert (turned.used, turned.joined) == (shaped.used, shaped.joined)
    assert turned.reversed().lines == shaped.lines
    assert shaped.old == [HunkLine("-", "a"), HunkLine(" ", "d"), HunkLine("-", "e")]


@pytest.mark.parametrize(
    ("section", "function"),
    [
        ("int f(int a)", "f"),
        ("struct x {", ""),
        ("", ""),
        ("x" * 299 + "(", "x" * 299),
        ("x" * 300 + "(", ""),
    ],
)
def test_functions_of_headers(section: str, function: str) -> None:
    assert hunk(section=section).function == function
