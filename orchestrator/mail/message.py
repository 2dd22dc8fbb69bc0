# SPDX-License-Identifier: Apache-2.0
"""A saved mail as numbered lines with their quoting level: MIME, format=flowed, HTML and entities undone.

Formats: RFC 2045 (MIME), RFC 3676 (format=flowed), mboxrd. Never raises on any bytes.
"""

from __future__ import annotations

import email
import html
import itertools
import quopri
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message as Part
from email.parser import BytesHeaderParser
from html.parser import HTMLParser

from orchestrator.mail.flowed import unflow

_FROM_LINE = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From \S+ [^\n]*\d{4}\r?\n")
_MAIL_HEADERS = {"from", "subject", "date", "mime-version", "content-type", "message-id", "received", "to"}
_QUOTE = re.compile(r"^ ?>(?:[ ]?>)*")
_ENTITY = re.compile(r"&(?:gt|lt|amp|quot|apos|nbsp|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_LONGEST_HEAD = 1 << 18
_MOST = 0.9
_MAX_DEPTH = 20
_MARK = b"\xef\xbb\xbf"
"""What editors of some systems begin UTF-8 with."""
_ASCII = bytes(range(0x20, 0x7F))


@dataclass(frozen=True)
class MailLine:
    """A line without its quoting. `number` counts from 1 in the decoded text of the file."""

    number: int
    depth: int
    text: str


@dataclass(frozen=True)
class Message:
    """One mail, or the part of a file that is none: its lines, and what was undone to get them."""

    subject: str
    lines: tuple[MailLine, ...]
    undone: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All lines without quoting."""
        return "".join(f"{line.text}\n" for line in self.lines)

    @property
    def depths(self) -> list[int]:
        """The quoting levels that occur, the least quoted first."""
        return sorted({line.depth for line in self.lines})


@dataclass(frozen=True)
class _Body:
    """The text of one MIME part."""

    text: str
    undone: tuple[str, ...] = ()
    flowed: bool = False
    delete_space: bool = False


def read_messages(data: bytes) -> list[Message]:
    """The mails in a file: one, an mbox, or plain text of any origin."""
    starts = [match.start() for match in _FROM_LINE.finditer(data)]
    edges = sorted({0, *starts, len(data)})
    messages: list[Message] = []
    first = 1
    for begin, end in itertools.pairwise(edges):
        message = _read_one(data[begin:end], first)
        first += len(message.lines)
        messages.append(message)
    return messages


def _read_one(data: bytes, first: int) -> Message:
    head = _without_mbox(data).removeprefix(_MARK).lstrip(b"\r\n")
    subject = ""
    if _has_mail_headers(head):
        parsed = BytesHeaderParser().parsebytes(head)
        subject = _decoded_header(parsed.get("Subject", ""))
        bodies, heading = _all_bodies(head), _heading(parsed)
    else:
        bodies, heading = [_plain(_decode(data, None))], []
        subject = _first_subject(bodies[0].text)
    lines: list[MailLine] = [MailLine(first + index, 0, text) for index, text in enumerate(heading)]
    for body in bodies:
        lines += _lines_of(body, first + len(lines))
    undone = tuple(dict.fromkeys(word for body in bodies for word in body.undone))
    return Message(subject, tuple(lines), undone)


def _without_mbox(data: bytes) -> bytes:
    """A mail of an mbox without the line before it, and without the `>` before "From " (mboxrd)."""
    if not data.startswith(b"From "):
        return data
    return re.sub(rb"(?m)^>(?=>*From )", b"", data.partition(b"\n")[2])


def _has_mail_headers(data: bytes) -> bool:
    """At least two well-known header fields at the start, and nothing else before the empty line.

    What a field is, the mail parser says (RFC 5322: any printable ASCII but the colon makes a name).
    """
    block = re.split(rb"\r?\n\r?\n", data[:_LONGEST_HEAD], maxsplit=1)[0]
    parsed = BytesHeaderParser().parsebytes(block + b"\n\n")
    known = sum(name.lower() in _MAIL_HEADERS for name in parsed)
    return known >= 2 and not parsed.defects and not block.startswith((b" ", b"\t"))


def _first_subject(text: str) -> str:
    match = re.search(r"^(?:Subject: )?((?:Re: )*\[[^\]\n]*PATCH[^\]\n]*\][^\n]*)", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _decoded_header(value: object) -> str:
    text = re.sub(r"\s*\r?\n\s+", " ", str(value))
    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError):
        return text


def _heading(parsed: Part) -> list[str]:
    """What of a mail's header is shown as lines."""
    sender, subject = (_decoded_header(parsed.get(name, "")) for name in ("From", "Subject"))
    return [f"From: {sender}", f"Subject: {subject}", ""]


def _all_bodies(data: bytes) -> list[_Body]:
    """What a mail holds; one whose parts are nested endlessly is taken for plain text."""
    try:
        return list(_bodies(email.message_from_bytes(data)))
    except RecursionError:  # the parser calls itself at every level
        body = _plain(_decode(data, None))
        return [_Body(body.text, (*body.undone, "nested too deeply: read as plain text"))]


def _bodies(parsed: Part) -> Iterator[_Body]:
    """The text parts; HTML only where no plain text says the same. Then the mails that it has attached."""
    parts = list(_own_parts(parsed))
    texts = [part for part in parts if _is_text(part)]
    plain = [part for part in texts if part.get_content_subtype() != "html"]
    for part in plain or texts:
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
        undone = (f"{encoding} decoded",) if encoding in ("base64", "quoted-printable") else ()
        charset = part.get_content_charset()
        text = _decode(data, charset)
        if part.get_content_subtype() == "html":
            yield _Body(_from_html(_recoded(data, charset)), (*undone, "HTML taken off"))
        elif str(part.get_param("format", "")).lower() == "flowed":
            delete_space = str(part.get_param("delsp", "")).lower() == "yes"
            yield _Body(text, (*undone, "format=flowed undone"), flowed=True, delete_space=delete_space)
        else:
            body = _plain(text)
            yield _Body(body.text, (*undone, *body.undone))
    for inner in (part.get_payload(0) for part in parts if part.is_multipart()):
        if isinstance(inner, Part):
            yield _Body("".join(f"{line}\n" for line in _heading(inner)))
            yield from _bodies(inner)


def _own_parts(part: Part) -> Iterator[Part]:
    """Its parts that have no parts, and attached mails, into which this does not look."""
    if part.is_multipart() and part.get_content_maintype() != "message":
        for child in part.get_payload():
            if isinstance(child, Part):
                yield from _own_parts(child)
    else:
        yield part


def _is_text(part: Part) -> bool:
    name = part.get_filename() or ""
    return part.get_content_maintype() == "text" or name.endswith((".patch", ".diff", ".txt"))


def _decode(data: bytes, charset: str | None) -> str:
    """Text whose bytes can be had back: a patch is bytes, whatever charset its mail names.

    git-mailinfo(1) does not recode patches either. Where ASCII is no ASCII (UTF-16, UTF-7) they must be.
    """
    if charset is not None and not _keeps_ascii(charset):
        return _recoded(data, charset)
    return data.decode("utf-8", "surrogateescape")


def _keeps_ascii(charset: str) -> bool:
    try:
        return _ASCII.decode(charset) == _ASCII.decode("ascii")
    except LookupError:
        return True  # nobody knows it
    except UnicodeDecodeError:
        return False


def _recoded(data: bytes, charset: str | None) -> str:
    for name in (charset, "utf-8"):
        try:
            return data.decode(name) if name else data.decode()
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("latin-1")


def _plain(text: str) -> _Body:
    """Text without MIME headers, as archives and people save it."""
    undone: list[str] = []
    if re.match(r"\s*<(?:!DOCTYPE html|html|pre)\b", text, re.IGNORECASE):
        return _Body(_from_html(text), ("HTML taken off",))
    if len(re.findall(r"=\r?$", text, re.MULTILINE)) >= 2 and re.search(r"=(?:3D|20|09|C2|E2)", text):
        text = _decode(quopri.decodestring(text.encode(errors="surrogateescape")), None)
        undone.append("quoted-printable decoded")
    if (dedented := _dedent(text)) != text:
        text = dedented
        undone.append("indentation taken off")
    entities = len(re.findall("&[gl]t;", text))
    if entities and entities > len(re.findall("[<>]", text)):
        text = _ENTITY.sub(lambda match: html.unescape(match[0]).replace("\xa0", " "), text)
        undone.append("HTML entities undone")
    return _Body(text, tuple(undone))


def _dedent(text: str) -> str:
    """Without the spaces that every line begins with. More than one: a lone one may be a hunk's."""
    filled = [line for line in text.split("\n") if line.strip()]
    width = min((len(line) - len(line.lstrip(" ")) for line in filled), default=0)
    if width < 2:
        return text
    return "\n".join(line[width:] for line in text.split("\n"))


class _Html(HTMLParser):
    """The text of a page; a quotation gets its marks back."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._quotes = 0
        self._hidden = 0
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Called by the parser."""
        self._quotes = min(self._quotes + (tag == "blockquote"), _MAX_DEPTH)
        self._hidden += tag in ("script", "style", "title")
        self._preformatted += tag == "pre"
        if tag in ("br", "p", "div", "tr", "blockquote"):
            self.pieces.append("\n" + "> " * self._quotes)

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser."""
        self._quotes = max(0, self._quotes - (tag == "blockquote"))
        self._hidden = max(0, self._hidden - (tag in ("script", "style", "title")))
        self._preformatted = max(0, self._preformatted - (tag == "pre"))
        if tag in ("blockquote", "pre"):
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        if self._hidden:
            return
        text = data.replace("\xa0", " ")
        if not self._preformatted:
            text = text.replace("\r", "").replace("\n", "" if self._quotes else "\n")
        self.pieces.append(text)


def _from_html(text: str) -> str:
    parser = _Html()
    parser.feed(text)
    parser.close()
    return "".join(parser.pieces)


def _lines_of(body: _Body, first: int) -> list[MailLine]:
    texts = body.text.replace("\r\n", "\n").split("\n")
    if texts and not texts[-1]:
        texts.pop()
    if body.flowed:
        flowed = unflow(texts, delete_space=body.delete_space, max_depth=_MAX_DEPTH)
        return [MailLine(first + line.at, line.depth, line.text) for line in flowed]
    split = [_split_quote(text) for text in texts]
    stripped = _depths_with_space(split)
    return [
        MailLine(first + index, depth, text[1:] if depth in stripped and text.startswith(" ") else text)
        for index, (depth, text) in enumerate(split)
    ]


def _split_quote(text: str) -> tuple[int, str]:
    match = _QUOTE.match(text)
    return (min(match[0].count(">"), _MAX_DEPTH), text[match.end() :]) if match else (0, text)


def _depths_with_space(split: Iterable[tuple[int, str]]) -> set[int]:
    """The levels whose marks are followed by a space of the quoting program, not of the text."""
    filled: dict[int, list[bool]] = {}
    for depth, text in split:
        if depth and text:
            filled.setdefault(depth, []).append(text.startswith(" "))
    return {depth for depth, spaces in filled.items() if sum(spaces) >= _MOST * len(spaces)}
