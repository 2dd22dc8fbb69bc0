# SPDX-License-Identifier: Apache-2.0
"""What looks like a patch and is none is called what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.mail.contents import Contents, contents_json, read_contents
from orchestrator.mail.diff import two_files
from orchestrator.mail.leftovers import LeftoverKind
from orchestrator.patch_review.review import Review
from orchestrator.report.console.mail_contents import page
from orchestrator.reproduce.source import load_source
from tests.unit.mail.texts import SIMPLE_DIFF, quote
from tests.unit.reproduce.texts import write

HEAD = "From: a@example.org\nSubject: Re: [PATCH] x: y\n\n"


def contents(text: str) -> Contents:
    return read_contents((HEAD + text).encode())


def kinds(text: str) -> list[str]:
    return [item.kind.name for item in contents(text).leftovers]


HUNK = "@@ -1,3 +1,3 @@ int f(int a)\n before\n-old(a);\n+new(a);\n behind\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tests/generic/521.out\t2022-05-20 15:06:24", "/root/results//generic/521.out.bad\t2022-05-20"),
        ("expected.txt", "actual.txt"),
        ("expected/list.txt", "actual/list.txt"),
        ("/tmp/kunit.golden", "/tmp/kunit.printed"),
        ("before.log", "after.log"),
        ("/tmp/a", "/tmp/b"),
        ("dmesg-6.1.txt", "dmesg-6.12.txt"),
    ],
)
@pytest.mark.parametrize("indent", ["", "    "])
def test_a_diff_of_what_tests_printed_is_no_patch(old: str, new: str, indent: str) -> None:
    text = "".join(f"{indent}{line}\n" for line in f"--- {old}\n+++ {new}\n{HUNK}".splitlines())
    found = contents(f"generic/521:\n{text}")
    assert found.patches == ()
    (item,) = found.leftovers
    assert (item.kind, item.line) == (LeftoverKind.COMPARISON, 5)
    assert item.words.startswith(f"{old.split()[0]} and {new.split()[0]}: what a program printed")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a/mm/x.c", "b/mm/x.c"),
        ("mm/x.c.orig", "mm/x.c"),
        ("linux.orig/mm/x.c\t2024-01-01", "linux/mm/x.c\t2024-01-02"),
        ("/usr/src/linux-6.1/mm/x.c", "/usr/src/linux-new/mm/x.c"),
        ("a/mm/x.c~", "b/mm/x.c"),
        ("/dev/null", "b/tests/1.out"),
        ("a/Documentation/mm/index.rst", "b/Documentation/mm/index.rst"),
    ],
)
def test_two_states_of_a_file_are_a_patch(old: str, new: str) -> None:
    found = contents(f"--- {old}\n+++ {new}\n{HUNK}")
    assert (len(found.patches), found.leftovers) == (1, ())


def test_git_makes_a_patch_of_a_tests_expected_output() -> None:
    diff = f"diff --git a/tests/1.out b/tests/1.out\n--- a/tests/1.out\n+++ b/tests/1.out\n{HUNK}"
    assert len(contents(diff).patches) == 1


def test_beside_a_patch_the_output_is_left_out() -> None:
    found = contents(f"{SIMPLE_DIFF}\n--- 1.out\n+++ 1.out.bad\n{HUNK}")
    assert [file.path for patch in found.patches for file in patch.files] == ["drivers/android/pages.c"]
    assert [item.kind.name for item in found.leftovers] == ["COMPARISON"]


@pytest.mark.parametrize(
    "text",
    [
        HUNK,
        f"words\n{quote(HUNK, 1)}words\n",
        "@@ -9,4 +9,4 @@ int f(int a)\n \ta;\n \n-\told;\n+\tnew;\n \tb;\n",
        "@@ int f(int a) @@\n-\told(a);\n+\tnew(a);\n",
        "How about:\n\n-\tkfree(x);\n+\tkvfree(x);\n\n?\n",
        "> +\tif (!x)\n> +\t\treturn -ENOMEM;\n\nNo.\n",
        "-    a = b(c);\n+    a = d(c);\n",
    ],
)
def test_a_hunk_without_a_file_is_a_fragment(text: str) -> None:
    found = contents(text)
    assert (kinds(text), found.patches, found.empty) == (["FRAGMENT"], (), False)


def test_a_fragment_names_its_function_and_its_size() -> None:
    (item,) = contents(HUNK).leftovers
    assert item.sentence == (
        "line 4: a fragment: a hunk (in int f(int a)) without the name of a file above it, +1 -1:"
        " it can be put on no base"
    )


@pytest.mark.parametrize(
    "text",
    [
        "- a point;\n- another one, with words\n",
        "+1 from me\n",
        "-- \nA Reviewer\n",
        "--- a heading ---\n",
        "-----\n+++++\n",
        "The list:\n - one\n + two\n",
        "Node 0 -\t5\n",
    ],
)
def test_points_of_a_list_are_no_fragment(text: str) -> None:
    assert kinds(text) == []


def test_what_a_patch_of_the_text_shows_in_full_is_no_fragment() -> None:
    hunk = SIMPLE_DIFF[SIMPLE_DIFF.index("@@") :]
    assert kinds(f"{SIMPLE_DIFF}-- \n2.34\n\n{quote(hunk, 1)}") == []
    assert kinds(f"{SIMPLE_DIFF}-- \n2.34\n\n> -\tint other = 0;\n> +\tint other = 1;\n") == ["FRAGMENT"]


STAT = " mm/a.c |  6 +++---\n mm/b.c | 12 ++++++------\n 2 files changed, 9 insertions(+), 9 deletions(-)\n"


@pytest.mark.parametrize(
    "text",
    [
        STAT,
        quote(STAT, 1),
        "The following changes are available at git://x\n\nA (2):\n      one\n      two\n\n" + STAT,
        " .../android/binder.c | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n",
        " logo.png | Bin 0 -> 5 bytes\n 1 file changed, 0 insertions(+), 0 deletions(-)\n",
    ],
)
def test_a_diffstat_by_itself_is_called_one(text: str) -> None:
    assert kinds(text) == ["DIFFSTAT"]


def test_a_diffstat_says_what_it_counts() -> None:
    (item,) = contents(STAT).leftovers
    assert item.words == "2 files (mm/a.c, mm/b.c), +9 -9, without the diff that it counts"


def test_a_patchs_own_diffstat_and_a_cover_letters_are_none() -> None:
    stat = " drivers/android/pages.c | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n"
    assert kinds(f"{stat}\n{SIMPLE_DIFF}") == []


def test_what_is_shown_and_given_to_scripts() -> None:
    found = contents(HUNK + "\n" + STAT)
    shown = list(page(found, Review()))
    assert shown[-3] == "Patches: none"
    assert shown[-2].startswith("  line 4: a fragment: a hunk")
    assert shown[-1].startswith("  line 12: a diffstat: 2 files") or "a diffstat" in shown[-1]
    assert [item["kind"] for item in contents_json(found)["no_patches"]] == ["a fragment", "a diffstat"]


def test_reproduce_says_what_there_is_instead(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        load_source([write(tmp_path, HEAD + HUNK)])
    assert "a fragment" in refused.value.evidence[0]


def test_names() -> None:
    assert two_files("a/x.c", "b/x.c") == ""
    assert two_files("x.out", "x.out") == "x.out and x.out"
