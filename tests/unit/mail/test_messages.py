# SPDX-License-Identifier: Apache-2.0
"""A saved mail as lines: what programs and archives put around them is taken off, and nothing else."""

from __future__ import annotations

import base64

import pytest

from orchestrator.mail.message import MailLine, read_messages
from orchestrator.patch_review.source_file import SourceFile

HEAD = "From: A <a@example.org>\nSubject: {}\n"


def texts(text: str | bytes) -> list[str]:
    return [line.text for line in lines(text)]


def lines(text: str | bytes) -> list[MailLine]:
    data = text.encode() if isinstance(text, str) else text
    return [line for message in read_messages(data) for line in message.lines]


def undone(text: str | bytes) -> tuple[str, ...]:
    data = text.encode() if isinstance(text, str) else text
    (message,) = read_messages(data)
    return message.undone


def test_lines_are_numbered_over_all_mails_of_a_file() -> None:
    mbox = "".join(
        f"From a@b Mon Sep 17 00:00:00 2001\n{HEAD.format(name)}\none\n> two\n\n" for name in ("x", "y")
    )
    messages = read_messages(mbox.encode())
    assert [message.subject for message in messages] == ["x", "y"]
    assert [(line.number, line.depth, line.text) for line in messages[1].lines] == [
        (7, 0, "From: A <a@example.org>"), (8, 0, "Subject: y"), (9, 0, ""),
        (10, 0, "one"), (11, 1, "two"), (12, 0, ""),
    ]  # fmt: skip
    assert messages[0].depths == [0, 1]
    assert messages[0].text.endswith("one\ntwo\n\n")
    assert read_messages(b"") == []


@pytest.mark.parametrize(
    ("head", "is_mail"),
    [
        ("From: a\nSubject: x\n", True),
        ("Subject: x\nDate: y\n more\n\tmore\n", True),
        ("Subject: x\nX-Other: y\n", False),
        ("Subject: x\n", False),
        ("words\nFrom: a\nSubject: x\n", False),
    ],
)
def test_two_known_fields_make_a_mail(head: str, is_mail: bool) -> None:
    found = texts(f"{head}\nText\n")
    assert found[-1] == "Text"
    assert (len(found) == 4 and found[0].startswith("From: ")) is is_mail


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Subject: [PATCH v2] a: b \n\nx\n", "[PATCH v2] a: b"),
        ("x\nRe: Re: [RFC PATCH 1/2] a\n", "Re: Re: [RFC PATCH 1/2] a"),
        ("x [PATCH] y\n", ""),
        (HEAD.format("=?utf-8?q?=C3=BCber?= all\n  of it") + "\nx\n", "über all of it"),
        (HEAD.format("=?nonsense?q?=C3?=") + "\nx\n", "=?nonsense?q?=C3?="),
    ],
)
def test_subjects(text: str, subject: str) -> None:
    (message,) = read_messages(text.encode())
    assert message.subject == subject


QUOTED = "a =3D b\nlong=\n line=\n end\n"


@pytest.mark.parametrize(
    ("text", "expected", "what"),
    [
        (QUOTED, ["a = b", "long line end"], ("quoted-printable decoded",)),
        ("a =3D b\nlong=\n line\n", ["a =3D b", "long=", " line"], ()),
        ("a = b\nlong=\n line=\n end\n", ["a = b", "long=", " line=", " end"], ()),
        ("  a\n\n   b\n", ["a", "", " b"], ("indentation taken off",)),
        (" a\n  b\n", [" a", "  b"], ()),
        ("a &lt; b\n", ["a < b"], ("HTML entities undone",)),
        ("a &lt; b &amp;&#65;&#x42;&nbsp;c\n", ["a < b &AB c"], ("HTML entities undone",)),
        ("a &lt; b < c\n", ["a &lt; b < c"], ()),
        ("a &lt; b &gt; < c\n", ["a < b > < c"], ("HTML entities undone",)),
        ("a &amp; b\n", ["a &amp; b"], ()),
        ("  <html><p>a</html>\n", ["  ", "a"], ("HTML taken off",)),
        ("<b>a</b>\n", ["<b>a</b>"], ()),
        ("a\r\nb\r\n", ["a", "b"], ()),
    ],
)
def test_what_archives_and_people_do_to_text(text: str, expected: list[str], what: tuple[str, ...]) -> None:
    assert (texts(text), undone(text)) == (expected, what)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>a<br>b<div>c</div>", ["", "a", "b", "c"]),
        ("<title>t</title><style>s</style><script>x</script>a", ["a"]),
        ("<pre>a\n  b\n</pre>c", ["a", "  b", "", "c"]),
        ("a<blockquote>b\nc<blockquote>d</blockquote>e</blockquote>f", ["a", "bc", "d", "e", "f"]),
        ("</blockquote></pre></title>a<tr>b", ["", "", "a", "b"]),
        ("a&nbsp;b", ["a b"]),
    ],
)
def test_html(body: str, expected: list[str]) -> None:
    assert texts(f"<html>{body}") == expected


def test_html_quotations_have_depths() -> None:
    found = lines("<html><pre>a<blockquote>b<blockquote>c</blockquote></blockquote>d")
    assert [(line.depth, line.text) for line in found] == [(0, "a"), (1, "b"), (2, "c"), (0, ""), (0, "d")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">a\n>b\n", [(1, "a"), (1, "b")]),
        ("> a\n>  b\n", [(1, "a"), (1, " b")]),
        ("> a\n>b\n", [(1, " a"), (1, "b")]),
        (">> a\n> > b\n", [(2, "a"), (2, "b")]),
        (" > a\n", [(1, "a")]),
        ("> a\n> b\n> c\n> d\n> e\n> f\n> g\n> h\n> i\n>j\n", [(1, letter) for letter in "abcdefghij"]),
        (" a\n b\n", [(0, " a"), (0, " b")]),
        (">" * 20 + " a\n", [(20, "a")]),
        (">" * 21 + " a\n", [(20, "a")]),
    ],
)
def test_quotations(text: str, expected: list[tuple[int, str]]) -> None:
    assert [(line.depth, line.text) for line in lines(text)] == expected


def mime(body: str | bytes, *fields: str) -> bytes:
    data = body if isinstance(body, bytes) else body.encode()
    return (HEAD.format("x") + "".join(f"{field}\n" for field in fields) + "\n").encode() + data


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("soft \nend\n", [(4, "soft end")]),
        ("soft \n> other\n", [(4, "soft "), (5, "other")]),
        (" stuffed\n  two\n", [(4, "stuffed"), (5, " two")]),
        ("a\n-- \nb \n-- \n", [(4, "a"), (5, "-- "), (6, "b "), (7, "-- ")]),
        ("one \ntwo \nthree\nfour\n", [(4, "one two three"), (7, "four")]),
        ("open \n", [(4, "open ")]),
    ],
)
def test_format_flowed(body: str, expected: list[tuple[int, str]]) -> None:
    found = lines(mime(body, "Content-Type: text/plain; format=flowed"))
    assert [(line.number, line.text) for line in found if line.number > 3] == expected
    assert undone(mime(body, "Content-Type: text/plain; format=flowed")) == ("format=flowed undone",)


def test_delsp_takes_the_space_of_a_soft_break_off() -> None:
    kind = "Content-Type: text/plain; format=flowed; delsp={}"
    assert texts(mime("soft \nend\n", kind.format("yes")))[3:] == ["softend"]
    assert texts(mime("soft \nend\n", kind.format("no")))[3:] == ["soft end"]


def test_encodings_and_character_sets() -> None:
    coded = mime(base64.b64encode(b"a\nb\n"), "Content-Transfer-Encoding: Base64")
    assert (texts(coded)[3:], undone(coded)) == (["a", "b"], ("base64 decoded",))
    quoted = mime("a=3Db\n", "Content-Transfer-Encoding: quoted-printable")
    assert (texts(quoted)[3:], undone(quoted)) == (["a=b"], ("quoted-printable decoded",))
    assert undone(mime("a\n", "Content-Transfer-Encoding: 8bit")) == ()
    for charset in ("iso-8859-1", "nonsense", "utf-8", "us-ascii"):  # a patch is bytes: they can be had back
        assert texts(mime(b"\xfc\n", f"Content-Type: text/plain; charset={charset}"))[3:] == ["\udcfc"]
    assert texts(mime("ü\n", "Content-Type: text/plain; charset=nonsense"))[3:] == ["ü"]


def parts(*bodies: tuple[str, str]) -> bytes:
    text = "".join(f"--B\nContent-Type: {kind}\n\n{body}\n" for kind, body in bodies)
    return mime(f"{text}--B--\n", "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=B")


def test_html_counts_only_where_no_plain_text_says_the_same() -> None:
    html = ("text/html", "<p>web")
    both = parts(("text/plain", "plain"), html)
    assert (texts(both)[3:], undone(both)) == (["plain"], ())
    alone = parts(html)
    assert (texts(alone)[3:], undone(alone)) == (["", "web"], ("HTML taken off",))


@pytest.mark.parametrize(
    ("name", "kept"), [("a.patch", True), ("a.diff", True), ("a.txt", True), ("a.bin", False), ("", False)]
)
def test_attachments_that_are_text_by_their_name(name: str, kept: bool) -> None:
    disposition = f'\nContent-Disposition: attachment; filename="{name}"' if name else ""
    found = texts(parts(("text/plain", "plain"), (f"application/octet-stream{disposition}", "attached")))
    assert ("attached" in found) is kept


C = """\
// words
int first(int a)
{
	return a;
}

static struct x *second(struct y *y,
			int b)
{
	if (b)
		third(y);
MACRO(a)
	return 0;
}
int declared(int a);
int open(void)
"""


def test_functions_of_a_source() -> None:
    file = SourceFile("a.c", C)
    names = [file.function_at(index) for index in range(len(file.lines))]
    assert names == ["", *["first"] * 4, "", *["second"] * 8, "", ""]
    assert (file.function_lines("second"), file.function_lines("third")) == (range(6, 14), range(0))
    headings = [file.heading(index) for index in (0, 1, 2, 6, 7, 15)]
    first, second = "int first(int a)", "static struct x *second(struct y *y,"
    assert headings == ["", "", first, first, second, second]
    assert SourceFile("b.c", f"int {'f' * 100}(void)\n{{\n}}\n").heading(1) == f"int {'f' * 76}"
    long = SourceFile("c.c", f"int f({'x' * 292})\n{{\n}}\nint f({'x' * 293})\n{{\n}}\n")
    assert [long.function_at(index) for index in (0, 3)] == ["f", ""]


def test_lines_and_their_places() -> None:
    file = SourceFile("a.c", "a b\n\nab\n\tc")
    assert file.lines == ["a b", "", "ab", "\tc"]
    assert SourceFile("a.c", "a\n").lines == ["a"]
    assert SourceFile("a.c", "").lines == []
    assert file.squeezed == ["ab", "", "ab", "c"]
    assert file.places == {"ab": [0, 2], "": [1], "c": [3]}
    assert file.known == {"ab", "", "c"}
