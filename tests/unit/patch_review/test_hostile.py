# SPDX-License-Identifier: Apache-2.0
"""Text that is no mail, or means harm: nothing found, nothing raised, no waiting."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.errors import InputError
from orchestrator.files.mails import load_mail
from orchestrator.mail.contents import read_contents
from orchestrator.patch_review.applicability import Applicability, Kind, check
from orchestrator.patch_review.bases import Checked
from orchestrator.patch_review.review import Review, Reviewed, file_name
from orchestrator.report.console.mail_contents import page
from tests.unit.mail.texts import DATA, FILES, SCOPE, SIMPLE_DIFF, mail_of, only_patch


@given(st.binary(max_size=2000))
def test_random_bytes_hold_nothing(data: bytes) -> None:
    assert not read_contents(data).patches


@given(
    st.lists(
        st.sampled_from(
            [
                "@@ -1,3 +1,3 @@",
                "+a",
                "-b",
                " c",
                "> x",
                "--- a/x",
                "diff --git a/x b/x",
                "+++ b/x",
                "-- ",
                "",
                "=",
                "&gt;",
                "From x 2024",
                "Subject: [PATCH] x",
                "@@",
            ]
        )
    )
)
def test_pieces_of_patches_never_raise_and_never_apply_by_chance(lines: list[str]) -> None:
    for patch in read_contents("\n".join(lines).encode()).patches:
        kind = check(patch, FILES, SCOPE).kind
        assert kind in (Kind.INCOMPLETE, Kind.OUTSIDE, Kind.ELSEWHERE, Kind.REFUSED)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 3_000_000,
        ">" * 200_000,
        "@@ -1,3 +1,3 @@\n" * 20_000,
        f"--- a/{SCOPE}/x.c\n+++ b/{SCOPE}/x.c\n" + "@@ -1 +1 @@\n-a\n+b\n" * 20_000,
        f"--- a/{SCOPE}/x.c\n+++ b/{SCOPE}/x.c\n@@ -1,50000 +1,50000 @@\n" + "wrapped words here\n" * 50_000,
        "BM_x " + "1 " * 100_000,
        "<html><pre>" + "<blockquote>" * 20_000,
        "From: a\nSubject: =?utf-8?b?" + "A" * 100_000 + "?=\nMIME-Version: 1.0\n\nx",
    ],
    ids=["line", "quotes", "hunk headers", "hunks", "long hunk", "row", "html", "header"],
)  # fmt: skip
def test_huge_inputs_end_soon(text: str) -> None:
    begin = time.process_time()
    contents = read_contents(text.encode())
    for patch in contents.patches:
        check(patch, FILES, SCOPE)
    assert time.process_time() - begin < 20


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "is empty"), (b" \n\n", "is empty"), (b"\x7fELF\0\1", "is binary")]
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "mail"
    file.write_bytes(data)
    with pytest.raises(InputError, match=words):
        load_mail(file)


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            load_mail(path)


@pytest.mark.parametrize("data", [b"", b"\0", b"Hello,\n\nnothing here.\n"])
def test_the_command_ends_with_2_for_input_it_cannot_use(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "mail"
    file.write_bytes(data)
    assert CliRunner().invoke(app, ["mail", str(file)]).exit_code == 2


def test_names_of_written_files_hold_no_path() -> None:
    text = mail_of(SIMPLE_DIFF).replace("pages: change something", "../../etc/x\x1b[31m; rm -rf /")
    reviewed = Reviewed(1, only_patch(text.encode()), (), ())
    name = file_name(reviewed, Checked("debian-6.1", Applicability(Kind.APPLIES)))
    assert name.startswith("01-")
    assert "/" not in name
    assert name.isascii()
    assert name.isprintable()


def test_control_characters_of_a_mail_do_not_reach_the_terminal() -> None:
    text = mail_of(SIMPLE_DIFF).replace("change something", "\x1b]0;title\x07")
    assert all(line.isprintable() for line in page(read_contents(text.encode()), Review()))


def test_the_mail_on_a_page_tells_what_a_reader_must_know() -> None:
    text = "\n".join(page(read_contents((DATA / "kvcalloc-quoted.txt").read_bytes()), Review()))
    assert "called from binder_alloc_mmap_handler" in text
    assert "prints 1.40 where the time says 1.26" in text
    assert "geometric mean           1.152  1.115" in text
