# SPDX-License-Identifier: Apache-2.0
"""Series are put together by what their subjects say, parts, versions, replies: not by a file's order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InputError
from orchestrator.mail.contents import Contents, read_contents, read_files
from orchestrator.mail.series import Arranged, listed, mark_of, missing_words, narrowed, numbers_of
from orchestrator.patch_review import bases
from orchestrator.patch_review.applicability import Applicability, Kind
from orchestrator.patch_review.bases import check_all
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.patch_review.sources import BaseSource
from orchestrator.patch_review.unified import unified

PATH = "drivers/android/binder.c"
LINES = "".join(f"line {number};\n" for number in range(40))


def changed(text: str, line: int, to: str) -> str:
    return text.replace(f"line {line};\n", f"{to};\n")


def diff(before: str, after: str, path: str = PATH) -> str:
    return unified(SourceFile(path, before), SourceFile(path, after))


def mail(subject: str, text: str) -> str:
    return (
        "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n"
        f"From: A <a@example.org>\nSubject: {subject}\n\nWords.\n---\n{text}-- \n2.39.5\n\n"
    )


def part(number: int, to: str = "new") -> str:
    return diff(LINES, changed(LINES, number * 10, f"{to} {number}"))


def arranged(*mails: str) -> Arranged:
    return read_contents("".join(mails).encode()).arranged


def subjects(found: Arranged) -> list[list[str]]:
    return [[patch.subject for patch in group.patches] for group in found.groups]


@pytest.mark.parametrize(
    ("subject", "version", "part_of", "reply", "title"),
    [
        ("[PATCH] binder: x", 1, (0, 0), False, "binder x"),
        ("[PATCH 1/2] a", 1, (1, 2), False, "a"),
        ("[PATCH v3 02/10] a", 3, (2, 10), False, "a"),
        ("[RFC PATCHv2 RESEND 1/2] a", 2, (1, 2), False, "a"),
        ("Re: [PATCH V4 0/7] a", 4, (0, 7), True, "a"),
        ("[PATCH 6.1 1/2] a", 1, (1, 2), False, "a"),
        ("[PATCH 3/2] a", 1, (0, 0), False, "a"),
        ("[PATCH 1/100000] a", 1, (0, 0), False, "a"),
        ("no patch at all", 1, (0, 0), False, "no patch at all"),
    ],
)
def test_a_subject_says_which_part_it_is(
    subject: str, version: int, part_of: tuple[int, int], reply: bool, title: str
) -> None:
    mark = mark_of(subject)
    assert (mark.version, (mark.part, mark.total), mark.reply, mark.title) == (
        version, part_of, reply, title,
    )  # fmt: skip


def test_parts_are_in_the_order_of_their_numbers() -> None:
    cover = mail("[PATCH 0/3] all of it", "")
    found = arranged(mail("[PATCH 3/3] c", part(3)), cover, mail("[PATCH 1/3] a", part(1)),
                     mail("[PATCH 2/3] b", part(2)))  # fmt: skip
    assert subjects(found) == [["[PATCH 1/3] a", "[PATCH 2/3] b", "[PATCH 3/3] c"]]
    assert found.groups[0].numbers == (1, 2, 3)
    assert missing_words(found.groups[0]) == ""


def test_missing_parts_are_named_and_keep_their_numbers() -> None:
    found = arranged(mail("[PATCH v2 2/5] b", part(2)), mail("[PATCH v2 3/5] c", part(3)))
    assert found.groups[0].numbers == (2, 3)
    assert missing_words(found.groups[0]) == "parts 1,4-5 of [PATCH v2 n/5] missing"


def test_the_newest_version_wins_whatever_comes_first() -> None:
    old = [mail(f"[PATCH {n}/2] {n}", part(n, "old")) for n in (1, 2)]
    new = [mail(f"[PATCH v10 {n}/3] {n}", part(n)) for n in (1, 2, 3)]
    middle = [mail(f"[PATCH v2 {n}/2] other {n}", part(n, "mid")) for n in (1, 2)]
    for mails in ((*old, *middle, *new), (*new, *old, *middle)):
        found = arranged(*mails)
        assert [group.version for group in found.groups] == [10]
        assert sorted(group.version for group in found.older) == [1, 2]
        assert found.groups[0].numbers == (1, 2, 3)
        assert sorted(found.patches) == list(range(1, 8))


def test_a_part_that_did_not_change_between_versions_belongs_to_both() -> None:
    found = arranged(mail("[PATCH 1/2] a", part(1)), mail("[PATCH 2/2] b", part(2, "old")),
                     mail("[PATCH v2 1/2] a", part(1)), mail("[PATCH v2 2/2] b", part(2)))  # fmt: skip
    assert subjects(found) == [["[PATCH v2 1/2] a", "[PATCH v2 2/2] b"]]
    assert found.groups[0].missing == ()


def test_two_parts_may_add_the_same_line() -> None:
    middle = LINES.replace("line 10;\n", "line 10;\nkvfree(x);\n")
    after = middle.replace("line 30;\n", "line 30;\nkvfree(x);\n")
    found = arranged(mail("[PATCH 1/2] a", diff(LINES, middle)), mail("[PATCH 2/2] b", diff(middle, after)))
    assert found.groups[0].numbers == (1, 2)


def test_what_is_sent_again_replaces_what_was_sent() -> None:
    found = arranged(mail("[PATCH 1/2] a", part(1, "typo")), mail("[PATCH 2/2] b", part(2)),
                     mail("[PATCH RESEND 1/2] a", part(1)))  # fmt: skip
    assert subjects(found)[0] == ["[PATCH RESEND 1/2] a", "[PATCH 2/2] b"]


def test_a_quotation_stands_for_the_original_and_a_suggestion_does_not() -> None:
    quoted = "".join(f"> {line}\n" for line in part(1).splitlines())
    found = arranged(mail("Re: [PATCH 1/2] a", quoted), mail("[PATCH 2/2] b", part(2)),
                     mail("Re: [PATCH 2/2] b", part(2, "better")))  # fmt: skip
    assert subjects(found)[0] == ["Re: [PATCH 1/2] a", "[PATCH 2/2] b"]
    assert subjects(found)[1] == ["Re: [PATCH 2/2] b"]
    assert found.groups[1].numbers == (3,)


def test_patches_without_numbers_are_one_series_only_if_their_files_were_given_together() -> None:
    mails = [mail(f"[PATCH] {n}", part(n)) for n in (1, 2)]
    assert [group.numbers for group in arranged(*mails).groups] == [(1,), (2,)]
    files = {f"{n}.patch": text.encode() for n, text in enumerate(mails)}
    contents = read_files(files)
    assert [group.numbers for group in contents.arranged.groups] == [(1, 2)]
    assert [patch.place for patch in contents.patches] == ["0.patch, line 6", "1.patch, line 6"]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [(["1-3"], (1, 2, 3)), (["1", "2"], (1, 2)), (["4,1-2"], (4, 1, 2)), (["2", "1-2"], (2, 1))],
)
def test_numbers_and_ranges(words: list[str], numbers: tuple[int, ...]) -> None:
    assert numbers_of(words) == numbers


@pytest.mark.parametrize("word", ["", "0", "x", "2-1", "1-", "-1", "1-99999", "1,,2"])
def test_what_is_no_number_is_refused(word: str) -> None:
    with pytest.raises(InputError, match="no number of a patch"):
        numbers_of([word])


@given(st.lists(st.integers(1, 50), unique=True, min_size=1).map(sorted))
def test_a_list_of_numbers_reads_back(numbers: list[int]) -> None:
    assert list(numbers_of([listed(numbers)])) == numbers


def test_a_series_is_narrowed_and_keeps_its_order() -> None:
    whole = arranged(*(mail(f"[PATCH {n}/3] {n}", part(n)) for n in (1, 2, 3)))
    one = narrowed(whole, (3, 2)).groups[0]
    assert one.numbers == (2, 3)
    assert [number for number, _ in one.before] == [1]
    with pytest.raises(InputError, match=r"--patch 4: no such patch; there are 1-3"):
        narrowed(whole, (4,))


@pytest.fixture
def _without_patch_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proof by patch(1) needs the sandbox, and is among the build tests."""

    def proven(verdict: Applicability, files: object, target: str, scope: str) -> Applicability:
        assert files
        assert scope
        assert target == "a base"
        return verdict

    monkeypatch.setattr(bases, "_proven", proven)


_FIRST = changed(LINES, 10, "first")
_SECOND = _FIRST.replace("first;", "second;")
STEPS = [LINES, _FIRST, _SECOND, changed(_SECOND, 20, "third")]
STACK = [mail(f"[PATCH {n}/3] {n}", diff(STEPS[n - 1], STEPS[n])) for n in (1, 2, 3)]


def verdicts(
    text: str, contents: Contents, wanted: Sequence[int] = ()
) -> dict[int, tuple[Kind, tuple[int, ...]]]:
    source = BaseSource("a base", {PATH: SourceFile(PATH, text)}, None)  # type: ignore[arg-type]
    found = narrowed(contents.arranged, wanted) if wanted else contents.arranged
    return {number: (item.verdict.kind, item.follows) for number, item in check_all(found, source).items()}


@pytest.mark.usefixtures("_without_patch_program")
def test_every_part_is_held_against_what_those_before_it_made() -> None:
    contents = read_contents("".join(reversed(STACK)).encode())
    good = Kind.APPLIES
    assert verdicts(LINES, contents) == {1: (good, ()), 2: (good, (1,)), 3: (good, (1, 2))}
    assert verdicts(LINES, contents, (3,)) == {3: (good, ())}
    assert verdicts(LINES, contents, (2,)) == {1: (good, ()), 2: (good, (1,))}


@pytest.mark.usefixtures("_without_patch_program")
def test_what_a_base_has_is_taken_off_from_the_last_part_on() -> None:
    contents = read_contents("".join(STACK).encode())
    there = Kind.ALREADY
    assert verdicts(STEPS[3], contents) == {1: (there, (3, 2)), 2: (there, (3,)), 3: (there, ())}
    assert verdicts(STEPS[1], contents) == {
        1: (there, ()), 2: (Kind.APPLIES, ()), 3: (Kind.APPLIES, (2,)),
    }  # fmt: skip


@pytest.mark.usefixtures("_without_patch_program")
def test_a_part_that_does_not_apply_is_said_and_the_others_are_judged() -> None:
    contents = read_contents("".join(STACK).encode())
    found = verdicts(LINES.replace("line 9;\nline 10;\nline 11;\n", ""), contents)
    assert [found[n][0] for n in (1, 2, 3)] == [Kind.REFUSED, Kind.REFUSED, Kind.ADAPTED]
