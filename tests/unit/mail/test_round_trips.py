# SPDX-License-Identifier: Apache-2.0
"""A patch that went through mail programs is read to the hunks that were sent."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Callable

import pytest
from hypothesis import given

from orchestrator.mail.contents import read_contents
from orchestrator.mail.diff import find_patches
from orchestrator.mail.message import read_messages
from orchestrator.patch_review.source_file import SourceFile
from tests.unit.mail.texts import LINES, changed_file, changes, diff_to, mail_of, quote

Hunks = list[tuple[str, ...]]


def hunks_of(data: bytes) -> Hunks:
    patches = [patch for message in read_messages(data) for patch in find_patches(message)]
    assert [patch.missing for patch in patches] == [()]
    found = [hunk for file in patches[0].files for hunk in file.hunks]
    return [hunk.raw[: sum(_counts(hunk.raw, hunk.old_count, hunk.new_count))] for hunk in found]


def _counts(raw: tuple[str, ...], old: int, new: int) -> list[int]:
    """1 for each line that is the hunk's."""
    taken = []
    for text in raw:
        if (old, new) == (0, 0):
            break
        old, new = old - (text[:1] != "+"), new - (text[:1] != "-")
        taken.append(1)
    return taken


def headed(body: bytes, *fields: str) -> bytes:
    head = ["From: A <a@example.org>", "Subject: [PATCH] pages: change something", *fields, "", ""]
    return "\n".join(head).encode() + body


def flow(text: str, *, stuffs: bool, delsp: bool, width: int) -> str:
    """As programs do that break long lines softly, whatever they are lines of."""
    out: list[str] = []
    for line in text.splitlines():
        pieces, rest = [], line
        while len(rest) > width and (cut := rest.rfind(" ", 2, width)) > 0 and rest[: cut + 1].strip():
            pieces.append(rest[: cut + 1] + (" " if delsp else ""))
            rest = rest[cut + 1 :]
        pieces.append(rest)
        out += [f" {piece}" if stuffs and piece[:1] in (" ", ">") else piece for piece in pieces]
    return "".join(f"{line}\n" for line in out)


FLOWED = "Content-Type: text/plain; charset=utf-8; format=flowed"

Trip = Callable[[str], bytes]
TRIPS: dict[str, Trip] = {
    "base64": lambda text: headed(
        base64.encodebytes(text.encode()), "Content-Type: text/plain", "Content-Transfer-Encoding: base64"
    ),
    "quoted-printable": lambda text: headed(
        quopri.encodestring(text.encode()), "Content-Transfer-Encoding: quoted-printable", "To: b"
    ),
    "microsoft": lambda text: headed(
        text.replace("\n", "\r\n").encode(),
        "x-ms-office365-filtering-correlation-id: 6e9ff794",
        "X-MS-Exchange-AntiSpam-MessageData-0: =?us-ascii?Q?x?=",
    ),
    "quoted": lambda text: headed(quote(text, 2).encode()),
    "mbox": lambda text: b"From a@b Mon Sep 17 00:00:00 2001\n" + headed(text.encode()),
    "attached": lambda text: headed(
        b"--B\n\nSee there.\n--B\nContent-Type: message/rfc822\n\n" + headed(text.encode()) + b"--B--\n",
        "Content-Type: multipart/mixed; boundary=B",
    ),
}


def flowing(*, stuffs: bool, delsp: bool) -> Trip:
    def trip(text: str) -> bytes:
        body = flow(text, stuffs=stuffs, delsp=delsp, width=66)
        return headed(body.encode(), FLOWED + ("; delsp=yes" if delsp else ""))

    return trip


TRIPS |= {
    f"flowed, stuffed {stuffs}, DelSp {delsp}": flowing(stuffs=stuffs, delsp=delsp)
    for stuffs in (True, False)
    for delsp in (True, False)
}


@pytest.mark.parametrize("name", TRIPS)
@given(after=changes())
def test_every_trip_ends_at_the_same_hunks(name: str, after: SourceFile) -> None:
    diff = diff_to(after)
    if diff:
        sent = mail_of(diff).partition("\n\n")[2]
        assert hunks_of(TRIPS[name](sent)) == hunks_of(mail_of(diff).encode())


def flowed_hunk(*lines: str, old: int, new: int, delsp: bool = False) -> tuple[str, ...]:
    text = "".join(f"{line}\n" for line in ("--- a/x.c", "+++ b/x.c", f"@@ -1,{old} +1,{new} @@ f", *lines))
    (hunk,) = hunks_of(headed(text.encode(), FLOWED + ("; delsp=yes" if delsp else "")))
    return hunk


@pytest.mark.parametrize("blank", ["", " ", "  "])
@pytest.mark.parametrize("delsp", [False, True])
def test_a_blank_line_of_context_stays(blank: str, delsp: bool) -> None:
    read = flowed_hunk("  before", blank, "-old", "+new", blank, "  behind", old=5, new=5, delsp=delsp)
    assert [text.rstrip() for text in read] == [" before", "", "-old", "+new", "", " behind"]


def test_white_space_at_the_end_of_a_line_is_no_soft_break() -> None:
    assert flowed_hunk("   * first ", "-\told; ", "+\told;", "   * last", old=3, new=3) == (
        "  * first ", "-\told; ", "+\told;", "  * last",
    )  # fmt: skip


def test_a_soft_break_within_a_line_is_joined() -> None:
    assert flowed_hunk("  a long ", "line", "-b - ", "- c", "+d", old=2, new=2) == (
        " a long line", "-b - - c", "+d",
    )  # fmt: skip


def test_a_reviewers_words_between_flowed_lines_do_not_end_the_hunk() -> None:
    text = "> --- a/x.c\n> +++ b/x.c\n> @@ -1,3 +1,3 @@\n>  a \n>  \n\nHm, why? \nSo.\n\n> -old\n> +new\n"
    assert hunks_of(headed(text.encode(), FLOWED)) == [(" a ", " ", "-old", "+new")]


def test_prose_of_a_flowed_mail_still_flows() -> None:
    (message,) = read_messages(headed(b"one \ntwo\n \nthree\n", FLOWED))
    assert [line.text for line in message.lines][3:] == ["one two", "", "three"]


@pytest.mark.parametrize(
    "field",
    [
        "x-ms-office365-filtering-correlation-id: 6e9",
        "ARC-Seal: i=1; a=rsa-sha256",
        "X-Spam_score_int: -20",
        "X-Mailman-3.3: yes",
        "X#odd!name: 1",
        "DKIM-Signature: v=1; a=rsa;\n\tbh=abc;\n h=x1:y2",
    ],
)
def test_any_header_name_is_one(field: str) -> None:
    body = base64.encodebytes(b"a words\n")
    (message,) = read_messages(headed(body, field, "Content-Transfer-Encoding: base64"))
    assert (message.undone, message.lines[-1].text) == (("base64 decoded",), "a words")


def test_a_mark_or_an_empty_line_before_the_header_does_no_harm() -> None:
    for before in (b"\xef\xbb\xbf", b"\n\n", b"\r\n"):
        (message,) = read_messages(before + headed(b"text\n"))
        assert message.subject == "[PATCH] pages: change something"


def test_the_subject_of_an_attached_mail_is_its_patchs() -> None:
    diff = diff_to(changed_file([line.replace("ret1 = 0", "ret1 = 1") for line in LINES]))
    inner = mail_of(diff).replace("Subject:", "From: c@example.org\nSubject:").replace("change", "mend")
    outer = b"--B\n\nSee there.\n--B\nContent-Type: message/rfc822\n\n" + inner.encode() + b"--B--\n"
    (patch,) = read_contents(headed(outer, "Content-Type: multipart/mixed; boundary=B")).patches
    assert patch.subject == "[PATCH] pages: mend something"


def test_an_mbox_that_marks_from_lines_keeps_them() -> None:
    data = b"From a@b Mon Sep 17 00:00:00 2001\n" + headed(b">From here on\n>>From there\n")
    (message,) = read_messages(data)
    assert [(line.depth, line.text) for line in message.lines][3:] == [(0, "From here on"), (1, "From there")]
