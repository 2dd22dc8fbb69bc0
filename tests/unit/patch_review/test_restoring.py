# SPDX-License-Identifier: Apache-2.0
"""Patches damaged as mail damages them, restored to the same change."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.mail.hunk import squeezed
from orchestrator.patch_review.applicability import Applicability, Kind, check
from orchestrator.patch_review.source_file import SourceFile
from tests.unit.mail.texts import (
    BASE,
    FILES,
    PATH,
    SCOPE,
    changes,
    diff_to,
    entities,
    flowed,
    mail_of,
    mime,
    only_patch,
    quote,
    spaces_lost,
    tabs_lost,
    wrapped,
)


def verdict_on(data: bytes) -> Applicability:
    return check(only_patch(data), FILES, SCOPE)


def same_change(verdict: Applicability, after: SourceFile) -> None:
    assert verdict.kind in (Kind.APPLIES, Kind.ADAPTED), verdict
    assert verdict.result[PATH].text == after.text


def same_words(verdict: Applicability, after: SourceFile) -> None:
    assert verdict.kind is Kind.ADAPTED, verdict
    assert verdict.remarks
    got = [squeezed(line) for line in verdict.result[PATH].lines]
    assert got == after.squeezed


@given(changes())
def test_an_unharmed_patch_applies_and_nothing_is_remarked(after: SourceFile) -> None:
    assume(after.text != BASE.text)
    verdict = verdict_on(mail_of(diff_to(after)).encode())
    same_change(verdict, after)
    assert verdict.kind is Kind.APPLIES
    assert not verdict.remarks
    assert not verdict.rebuilt


@given(changes(), st.integers(1, 4), st.sampled_from(["> ", ">"]))
def test_quoting_is_undone(after: SourceFile, depth: int, mark: str) -> None:
    assume(after.text != BASE.text)
    same_change(verdict_on(quote(mail_of(diff_to(after)), depth, mark).encode()), after)


@given(changes())
def test_entities_are_undone(after: SourceFile) -> None:
    assume(after.text != BASE.text)
    same_change(verdict_on(entities(quote(mail_of(diff_to(after)), 1)).encode()), after)


@given(changes(), st.sampled_from(["quoted-printable", "base64", "8bit"]))
def test_mime_encodings_are_undone(after: SourceFile, encoding: str) -> None:
    assume(after.text != BASE.text)
    same_change(verdict_on(mime(mail_of(diff_to(after)), encoding)), after)


@given(changes())
def test_format_flowed_is_undone(after: SourceFile) -> None:
    assume(after.text != BASE.text)
    verdict = verdict_on(flowed(mail_of(diff_to(after))))
    same_change(verdict, after)


@given(changes())
def test_carriage_returns_do_no_harm(after: SourceFile) -> None:
    assume(after.text != BASE.text)
    same_change(verdict_on(mail_of(diff_to(after)).replace("\n", "\r\n").encode()), after)


@given(changes(), st.integers(0, 2))
def test_lost_white_space_comes_from_the_base(after: SourceFile, depth: int) -> None:
    assume(after.text != BASE.text)
    verdict = verdict_on(quote(spaces_lost(mail_of(diff_to(after))), depth).encode())
    same_words(verdict, after)
    kept = set(after.lines)
    assert all(line in kept or "count_" in line for line in verdict.result[PATH].lines)


@given(changes())
def test_lost_tabs_come_from_the_base(after: SourceFile) -> None:
    assume(after.text != BASE.text)
    same_words(verdict_on(tabs_lost(mail_of(diff_to(after))).encode()), after)


@given(changes(), st.integers(58, 76), st.booleans())
def test_broken_lines_are_joined(after: SourceFile, width: int, lost: bool) -> None:
    assume(after.text != BASE.text)
    diff = diff_to(after)
    head, hunks = diff[: diff.index("@@")], diff[diff.index("@@") :]
    broken = wrapped(hunks, width)
    text = mail_of(head + (spaces_lost(broken) if lost else broken))
    verdict = verdict_on(quote(text, 1).encode())
    assert verdict.kind in (Kind.APPLIES, Kind.ADAPTED), verdict
    assert [squeezed(line) for line in verdict.result[PATH].lines] == after.squeezed


@given(changes())
def test_a_change_that_is_in_already_is_found_and_its_reverse_gives_the_base(after: SourceFile) -> None:
    assume(after.text != BASE.text)
    patch = only_patch(mail_of(diff_to(after)).encode())
    verdict = check(patch, {PATH: after}, SCOPE)
    if verdict.kind is Kind.ALREADY:
        assert verdict.result[PATH].text == BASE.text
    else:  # a line added beside equal ones can be added again: then it is said where, and only that
        assert verdict.kind is Kind.ADAPTED


@given(changes(), st.data())
def test_a_patch_that_lost_a_hunk_line_is_never_restored(after: SourceFile, data: st.DataObject) -> None:
    assume(after.text != BASE.text)
    lines = diff_to(after).splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("@@"))
    inner = [index for index in range(first + 1, len(lines)) if not lines[index].startswith("@@")]
    del lines[data.draw(st.sampled_from(inner))]
    verdict = verdict_on(mail_of("".join(f"{line}\n" for line in lines)).encode())
    assert verdict.kind in (Kind.INCOMPLETE, Kind.REFUSED), verdict
    assert not verdict.text


def test_hunks_that_the_diffstat_promises_are_missed() -> None:
    lines = list(BASE.lines)
    lines[5] = "\tint ret = 1;"
    diff = diff_to(SourceFile(PATH, "\n".join(lines) + "\n"))
    stat = " drivers/android/pages.c | 6 +++---\n 1 file changed, 3 insertions(+), 3 deletions(-)\n"
    verdict = verdict_on(mail_of(diff, stat=stat).encode())
    assert verdict.kind is Kind.INCOMPLETE
    assert "+3 -3; found 1 file, +1 -1" in verdict.remarks[0]
