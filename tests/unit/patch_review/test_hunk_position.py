# SPDX-License-Identifier: Apache-2.0
"""Where a hunk belongs in a base, what it makes of the lines there, and the verdict on it."""

from __future__ import annotations

import pytest

from orchestrator.mail.diff import FoundPatch, find_patches
from orchestrator.mail.hunk import Hunk, HunkLine, Shaped, shape
from orchestrator.mail.message import read_messages
from orchestrator.patch_review.applicability import Applicability, Kind, check
from orchestrator.patch_review.hunk_position import HunkPosition, NoPosition, find_place
from orchestrator.patch_review.restore import Piece, _indent, _partners, respace, restore
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.patch_review.tree_files import Files
from orchestrator.patch_review.unified import unified

PATH = "d/x.c"


def shaped(*raw: str) -> Shaped:
    found = shape(hunk(*raw))
    assert found is not None
    return found


def hunk(*raw: str, section: str = "", start: int = 1) -> Hunk:
    old, new = (sum(text[0] != sign for text in raw) for sign in "+-")
    return Hunk(1, start, old, start, new, section, raw)


def place(base: str, *raw: str, start: int = 1, section: str = "") -> HunkPosition | NoPosition:
    own = hunk(*raw, section=section, start=start)
    found = shape(own)
    assert found is not None
    return find_place(own, found, SourceFile(PATH, base.replace(" ", "\n") + "\n"), start=start)


EQUALLY = NoPosition("lines 1 and 4 fit equally well")


@pytest.mark.parametrize(
    ("base", "raw", "start", "expected"),
    [
        ("a b c", (" a", "-b", "+x", " c"), 1, HunkPosition(0, 0)),
        ("z a b c", (" a", "-b", "+x", " c"), 1, HunkPosition(1, 1)),
        ("a b c", (" a", "-b", "+x", " c"), 3, HunkPosition(0, -2)),
        ("a b c a b c", (" a", "-b", "+x", " c"), 4, HunkPosition(3, 0)),
        ("a b c a b c", (" a", "-b", "+x", " c"), 1, HunkPosition(0, 0)),
        ("a b c z a b c", (" a", "-b", "+x", " c"), 3, NoPosition("lines 1 and 5 fit equally well")),
        ("a b c a b d", (" a", "-b", "+x", " d"), 1, HunkPosition(3, 3)),
        ("a b z z a b c", (" a", "-b", "+x", " c"), 3, HunkPosition(4, 2)),
        ("a b z a b z", (" a", "-b", "+x", " c"), 1, EQUALLY),
        ("z b c z", (" a", "-b", "+x", " c"), 1, HunkPosition(0, 0)),  # half of the context agrees
        (
            "z b z",
            (" a", "-b", "+x", " c"),
            1,
            NoPosition("the lines around the change are others in the base"),
        ),
        ("a z c", (" a", "-b", "+x", " c"), 1, NoPosition("the base has no line 'b'")),
        (
            "a z c b",
            (" a", "-b", "+x", " c"),
            1,
            NoPosition("the lines around the change are others in the base"),
        ),
        ("a c", (" a", "+x", " c"), 1, HunkPosition(0, 0)),
        ("z a c", (" a", "+x", " c"), 1, HunkPosition(1, 1)),
        ("a z c", (" a", "+x", " c"), 1, NoPosition("the lines around the change are others in the base")),
        ("z b a c", (" b", " a", "+x", " c"), 1, HunkPosition(1, 1)),
        ("z z a c", (" b", " a", "+x", " c"), 1, HunkPosition(1, 1)),
        ("a", (" a", "+x"), 1, HunkPosition(0, 0)),
        ("a", ("+x", " a"), 1, HunkPosition(0, 0)),
        ("b", (" a", "+x"), 1, NoPosition("the lines around the change are others in the base")),
        ("a b", ("-a", "-b", "+x"), 1, HunkPosition(0, 0)),
        ("a z", ("-a", "-b", "+x"), 1, NoPosition("the base has no line 'b'")),
        ("b", (" a", "-b"), 1, NoPosition("the lines around the change are others in the base")),
    ],
)
def test_places(base: str, raw: tuple[str, ...], start: int, expected: HunkPosition | NoPosition) -> None:
    assert place(base, *raw, start=start) == expected


def test_a_hunk_that_shows_nothing_belongs_into_an_empty_file() -> None:
    own = hunk("+x")
    assert find_place(own, shaped("+x"), SourceFile(PATH, ""), start=0) == HunkPosition(0, 0)
    expected = NoPosition("it shows no line of the base to find its place by")
    assert find_place(own, shaped("+x"), SourceFile(PATH, "a\n"), start=0) == expected


FUNCTIONS = "int f(void)\n{\n\tone();\n\ttwo();\n}\n\nint g(void)\n{\n\tone();\n\ttwo();\n}\n"


@pytest.mark.parametrize(
    ("section", "index"), [("int g(void)", 8), ("int f(void)", 2), ("int h(void)", None)]
)
def test_the_function_of_the_header_decides_between_equal_places(section: str, index: int | None) -> None:
    raw = (" one();", "-two();", "+three();", " lost();")
    own = hunk(*raw, section=section)
    found = find_place(own, shaped(*raw), SourceFile(PATH, FUNCTIONS), start=7)
    assert found == (
        NoPosition("lines 9 and 3 fit equally well") if index is None else HunkPosition(index, index + 1 - 7)
    )
    nowhere = find_place(own, shaped(" a", "-one();", " b"), SourceFile(PATH, FUNCTIONS), start=1)
    where = section.split("(")[0].split()[1]
    assert nowhere == NoPosition(f"the lines around the change in {where}() are others in the base")


@pytest.mark.parametrize(
    ("text", "partner", "result"),
    [
        ("a = b;", "\ta  =  b;", "\ta  =  b;"),
        ("a = c;", "\ta  =  b;", "\ta  =  c;"),
        ("a = b + c;", "\ta\t=  b;", "\ta\t= b + c;"),
        ("x a = b;", "a  =\tb;", "x a  =\tb;"),
        ("a", "  b", "  a"),
        ("", "\tb", "\t"),
        ("a b c d", "a\tb", "a\tb c d"),
    ],
)
def test_white_space_of_a_line_alike(text: str, partner: str, result: str) -> None:
    assert respace(text, partner) == result


@pytest.mark.parametrize(
    ("added", "removed", "partners"),
    [
        (["abcd", "efgh"], ["abce", "efgi"], ["abce", "efgi"]),
        (["efgh"], ["abce", "efgi"], ["efgi"]),
        (["efgh", "abcd"], ["abce", "efgi"], ["efgi", None]),
        (["abcd"], ["abxy"], [None]),
        (["abcd"], ["abcy"], ["abcy"]),
        (["abcd"], [], [None]),
        (["wxyz"], ["0123"] * 20 + ["wxyz"], [None]),
        (["wxyz"], ["0123"] * 19 + ["wxyz"], ["wxyz"]),
    ],
)
def test_which_removed_line_an_added_one_replaces(
    added: list[str], removed: list[str], partners: list[str | None]
) -> None:
    assert _partners(added, removed) == partners


@pytest.mark.parametrize(
    ("above", "text", "indent"),
    [
        (["\ta();"], "b();", "\t"),
        (["\tif (a)"], "b();", "\t\t"),
        (["\tif (a) {"], "b();", "\t\t"),
        (["\telse"], "b();", "\t\t"),
        (["\tdo"], "b();", "\t\t"),
        (["out:"], "b();", "\t"),
        (["\t\ta();"], "}", "\t"),
        (["\tif (a) {"], "}", "\t\t"),
        (["\tcall(a,"], "b);", "\t     "),
        (["\tcall(a, (b),"], "c);", "\t     "),
        (["\tcall(a, other(b,"], "c));", "\t\t      "),
        (["void f(int a,"], "int b)", "       "),
        (["\ta();", "", "  "], "b();", "\t"),
        (["    a();"], "b();", ""),
        ([], "b();", ""),
        ([")a();"], "b();", ""),
    ],
)
def test_the_indentation_that_a_line_has_below_others(above: list[str], text: str, indent: str) -> None:
    assert _indent(above, text) == indent


BASE = "int f(void)\n{\n\tone();\n\ttwo(1);\n\treturn 0;\n}\n"


def test_an_exact_hunk_is_taken_as_it_is() -> None:
    raw = (" {", " \tone();", "-\ttwo(1);", "+\ttwo(2);", "+  odd();", " \treturn 0;")
    piece = restore(shaped(*raw), SourceFile(PATH, BASE), 1)
    assert piece == Piece(1, 4, ["{", "\tone();", "\ttwo(2);", "  odd();", "\treturn 0;"])


def test_a_hunk_without_its_white_space_gets_the_base_s() -> None:
    raw = (" {", " one(0);", "-two(1);", "+two(2);", "+if (x)", "+three();", "+", " return 0;")
    piece = restore(shaped(*raw), SourceFile(PATH, BASE), 1)
    new = ["{", "\tone();", "\ttwo(2);", "\tif (x)", "\t\tthree();", "", "\treturn 0;"]
    assert piece == Piece(1, 4, new, {2, 3, 4, 5}, [("one(0);", "one();")], white_space=True, guessed=2)


def test_a_line_that_was_joined_is_rebuilt_in_an_exact_hunk_too() -> None:
    lines = (HunkLine("-", "\ttwo(1);"), HunkLine("+", "\ttwo(1, 2);", whole=False))
    piece = restore(Shaped(lines, 3, 1), SourceFile(PATH, BASE), 3)
    assert (piece.new, piece.rebuilt, piece.white_space, piece.guessed) == (["\ttwo(1, 2);"], {0}, False, 0)


def patch(diff: str) -> FoundPatch:
    (found,) = [item for message in read_messages(diff.encode()) for item in find_patches(message)]
    return found


def verdict(diff: str, base: str | None = BASE, scope: str = "d") -> Applicability:
    files: Files = {} if base is None else {PATH: SourceFile(PATH, base)}
    return check(patch(diff), files, scope)


def diff(*raw: str, start: int = 1, old: str = f"a/{PATH}", new: str = f"b/{PATH}", section: str = "") -> str:
    own = hunk(*raw)
    lines = "".join(f"{line}\n" for line in raw)
    return f"--- {old}\n+++ {new}\n@@ -{start},{own.old_count} +{start},{own.new_count} @@ {section}\n{lines}"


CHANGE = (" {", " \tone();", "-\ttwo(1);", "+\ttwo(2);", " \treturn 0;")


@pytest.mark.parametrize(
    ("text", "base", "kind", "remarks"),
    [
        (diff(*CHANGE, start=2), BASE, Kind.APPLIES, ()),
        (diff(*CHANGE, start=5), BASE, Kind.ADAPTED, (f"{PATH}: hunk 1: -3 lines away",)),
        (
            diff(*CHANGE, start=2), BASE.replace("one()", "1()"), Kind.ADAPTED,
            (f"{PATH}: hunk 1: context 'one();' is '1();' in the base",),
        ),
        (
            diff(*CHANGE, start=2), BASE.replace("one()", "1" * 99), Kind.ADAPTED,
            (f"{PATH}: hunk 1: context 'one();' is '{'1' * 90}' in the base",),
        ),
        (
            diff(*(text.replace("\t", " ") for text in CHANGE), start=2), BASE, Kind.ADAPTED,
            (f"{PATH}: hunk 1: white space rebuilt from the base's lines",),
        ),
        (
            diff(*CHANGE, start=2, section="int lost(void)"), BASE, Kind.ADAPTED,
            (f"{PATH}: hunk 1: lands in f(), the base has no lost()",),
        ),
        (diff(*CHANGE, start=2, section="int f(void)"), BASE, Kind.APPLIES, ()),
        (diff(*CHANGE, start=2), BASE.replace("two(1)", "two(2)"), Kind.ALREADY, ()),
        (
            diff(*CHANGE, start=2), BASE.replace("two(1)", "two(3)"), Kind.REFUSED,
            (
                f"{PATH}: hunk 1: the base has no line 'two(1);'",
                f"in reverse: {PATH}: hunk 1: the base has no line 'two(2);'",
            ),
        ),
        (diff(*CHANGE, start=2), None, Kind.LACKS, (PATH,)),
        (
            diff("+int x;", old="/dev/null"), BASE, Kind.REFUSED,
            (
                f"{PATH}: the base has this file already",
                f"in reverse: {PATH}: hunk 1: the base has no line 'int x;'",
            ),
        ),
        (diff("+int x;", old="/dev/null"), None, Kind.APPLIES, ()),
        (diff("+int x;", old="/dev/null"), "int x;\n", Kind.ALREADY, ()),
        (
            diff(*CHANGE, old="a/e/x.c", new="b/e/x.c"), BASE, Kind.ELSEWHERE, ("outside d: e/x.c",),
        ),
        (
            diff(*CHANGE, old="a/d/../x.c", new="b/d/../x.c"), BASE, Kind.OUTSIDE, ("outside d: d/../x.c",),
        ),
        (
            diff(*CHANGE, old="/etc/x.c", new="/etc/x.c"), BASE, Kind.OUTSIDE, ("outside d: /etc/x.c",),
        ),
        (diff(*CHANGE, old="a/dd/x.c", new="b/dd/x.c"), BASE, Kind.ELSEWHERE, ("outside d: dd/x.c",)),
    ],
)  # fmt: skip
def test_verdicts(text: str, base: str | None, kind: Kind, remarks: tuple[str, ...]) -> None:
    found = verdict(text, base)
    assert (found.kind, found.remarks) == (kind, remarks)
    assert bool(found.text) is (kind in (Kind.APPLIES, Kind.ADAPTED, Kind.ALREADY))


def test_the_result_and_its_text() -> None:
    found = verdict(diff(*CHANGE, start=2))
    assert found.result[PATH].text == BASE.replace("two(1)", "two(2)")
    assert found.text.splitlines()[:4] == [
        f"diff --git a/{PATH} b/{PATH}", f"--- a/{PATH}", f"+++ b/{PATH}", "@@ -1,6 +1,6 @@",
    ]  # fmt: skip
    assert verdict(found.text).result == found.result
    back = verdict(diff(*CHANGE, start=2), BASE.replace("two(1)", "two(2)"))
    assert back.result[PATH].text == BASE
    rebuilt = verdict(diff(*(text.replace("\t", " ") for text in CHANGE), start=2))
    assert rebuilt.rebuilt == {(PATH, 4)}
    assert rebuilt.result == found.result


def test_files_that_come_and_go() -> None:
    made = verdict(diff("+int x;", old="/dev/null"), None)
    assert made.text.startswith(
        f"diff --git a/{PATH} b/{PATH}\nnew file mode 100644\n--- /dev/null\n+++ b/{PATH}\n"
    )
    gone = verdict(diff("-int x;", new="/dev/null"), "int x;\n")
    assert (gone.kind, gone.result) == (Kind.APPLIES, {})
    assert f"\ndeleted file mode 100644\n--- a/{PATH}\n+++ /dev/null\n" in gone.text
    undone = verdict(diff("+int x;", old="/dev/null"), "int x;\n")
    assert (undone.result, undone.text) == ({}, gone.text)


def test_two_hunks_on_the_same_lines_are_refused() -> None:
    one = diff("-\ttwo(1);", "+\ttwo(2);", start=4)
    again = "@@ -4,1 +4,1 @@\n-\ttwo(1);\n+\ttwo(3);\n"
    found = verdict(one + again)
    assert found.kind is Kind.REFUSED
    assert found.remarks[0] == f"{PATH}: hunks fall on the same lines"
    behind = "@@ -5,1 +5,1 @@\n-\treturn 0;\n+\treturn 1;\n"
    assert verdict(one + behind).kind is Kind.APPLIES


def test_broken_lines_and_guesses_are_counted() -> None:
    text = f"--- a/{PATH}\n+++ b/{PATH}\n@@ -4,1 +4,2 @@\n-two(1);\n+two(1,\n2);\n+if (z)\n"
    found = verdict(text)
    assert found.kind is Kind.ADAPTED
    assert found.remarks == (
        f"{PATH}: hunk 1: 1 broken line joined",
        f"{PATH}: hunk 1: white space rebuilt from the base's lines",
        f"{PATH}: hunk 1: indentation of 1 new line guessed from the lines above",
    )
    assert found.result[PATH].lines[3:5] == ["\ttwo(1, 2);", "\tif (z)"]


MOVED = "int f(void)\n{\n\tone();\n\tbetween();\n\ttwo(2);\n\treturn 0;\n}\n"


@pytest.mark.parametrize(
    ("base", "kind"),
    [
        (MOVED, Kind.ALREADY),
        (MOVED.replace("\treturn", "\ttwo(2);\n\treturn"), Kind.REFUSED),  # twice in the function
        (
            MOVED.replace("\treturn", "\ttwo(1);\n\treturn"),
            Kind.REFUSED,
        ),  # and what it replaced is still there
        (MOVED.replace("f(void)", "g(void)"), Kind.REFUSED),
    ],
)
def test_a_result_that_stands_elsewhere_in_its_function_is_in_already(base: str, kind: Kind) -> None:
    raw = (" lost();", " gone();", "-\ttwo(1);", "+\ttwo(2);", " away();")
    other = diff("-\told();", "+\treturn 0;", start=20).partition("@@")[2]
    found = verdict(diff(*raw, start=2, section="int f(void)") + f"@@{other}", base)
    assert found.kind is kind
    assert verdict(diff(*raw, start=2, section="int f(void)"), base).kind is Kind.REFUSED, (
        "no hunk has its place"
    )
    if kind is Kind.ALREADY:
        assert found.remarks[0] == f"{PATH}: hunk 1: its result stands elsewhere in f() (line 5)"
        assert "\ttwo(1);" in found.result[PATH].lines
        assert (PATH, 5) in found.rebuilt


def test_diffs_as_git_writes_them() -> None:
    one, two = SourceFile(PATH, "a\nb"), SourceFile(PATH, "a\nb\n")
    assert unified(one, one) == unified(None, None) == ""
    assert unified(one, two).splitlines()[3:] == [
        "@@ -1,2 +1,2 @@",
        " a",
        "-b",
        "\\ No newline at end of file",
        "+b",
    ]
    long = [f"\tcall{number}();" for number in range(20)]
    before = SourceFile(PATH, "\n".join(["int f(void)", "{", *long, "}", ""]))
    after = SourceFile(PATH, before.text.replace("call15", "other"))
    assert "@@ -15,7 +15,7 @@ int f(void)\n" in unified(before, after)
    feed = SourceFile(PATH, "a\fb\n")
    assert "-a\fb\n" in unified(feed, SourceFile(PATH, "c\n"))
