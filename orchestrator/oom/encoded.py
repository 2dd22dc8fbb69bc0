# SPDX-License-Identifier: Apache-2.0
"""Undoes base64 and quoted-printable (RFC 2045) in mails that are read line by line as they were saved."""

from __future__ import annotations

import binascii
import re

_MAX_PENDING_BYTES = 16384
_MAX_HEADERS = 200
_ENCODING = re.compile(
    rb"^Content-Transfer-Encoding:\s*\"?(?P<name>base64|quoted-printable)\b", re.IGNORECASE
)
_TYPE = re.compile(rb"^Content-Type:\s*\"?(?P<type>[\w.+-]+/[\w.+-]+)", re.IGNORECASE)
_NO_TEXT = (b"image/", b"audio/", b"video/")
_HTML = b"text/html"
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{1,1000}={0,2}")
# Between the parts of a mail, or between the mails of a folder.
_BOUNDARY = re.compile(rb"^--\S{10,}\s*$|^From \S+ .*\d{4}\s*$")
# In a body whose head is not in the text: no kernel has "=3D" there.
_QUOTED = re.compile(rb"(?:gfp_mask=3D0x|order=3D\d|constraint=3DCONSTR|nodemask=3D)")


class Encoded:
    """Lines of a mail in, lines of its text out; lines of anything else as they are."""

    def __init__(self) -> None:
        self._encoding = b""
        self._headers = 0
        self._type = b""
        self._plain_seen = False
        self._carry = b""
        self._pending = b""

    @property
    def empty(self) -> bool:
        """Whether no part that is encoded is open."""
        return not self._encoding

    def feed(self, raw: bytes) -> list[bytes]:
        """The lines that are to be read in place of this one."""
        if not self._encoding:
            return self._outside(raw)
        if self._headers:
            return self._header(raw)
        line = raw.strip()
        if _BOUNDARY.match(line) or (self._encoding == b"base64" and line and not _BASE64.fullmatch(line)):
            return [*self.flush(), raw]
        lines = self._base64(line) if self._encoding == b"base64" else self._quoted(raw.rstrip(b"\r"))
        return lines if self._is_wanted() else []

    def flush(self) -> list[bytes]:
        """Ends the part: its last line may have no end."""
        pending, wanted = self._pending, self._is_wanted()
        self._plain_seen = self._plain_seen or (bool(self._encoding) and self._type == b"text/plain")
        self._encoding, self._type, self._carry, self._pending = b"", b"", b"", b""
        self._headers = 0
        return [pending] if pending and wanted else []

    def _outside(self, raw: bytes) -> list[bytes]:
        if raw[:8].lower() == b"content-":
            self._note(raw)
        elif b"=3D" in raw and _QUOTED.search(raw):
            self._encoding = b"quoted-printable"
            return self._quoted(raw.rstrip(b"\r"))
        elif not raw.strip():
            self._type = b""
        return [raw]

    def _header(self, raw: bytes) -> list[bytes]:
        self._headers += 1
        if not raw.strip():
            self._headers = 0
        elif self._headers > _MAX_HEADERS:
            self.flush()
        else:
            self._note(raw)
        return [raw]

    def _note(self, raw: bytes) -> None:
        kind = _TYPE.match(raw)
        if kind is not None:
            self._type = kind["type"].lower()
        encoding = _ENCODING.match(raw)
        if encoding is not None:
            self._encoding = encoding["name"].lower()
            self._headers = 1

    def _is_wanted(self) -> bool:
        """Whether the part is text, and not the same once more as HTML."""
        return not (self._type.startswith(_NO_TEXT) or (self._type == _HTML and self._plain_seen))

    def _base64(self, line: bytes) -> list[bytes]:
        text = self._carry + line
        end = len(text) - len(text) % 4
        self._carry = text[end:]
        try:
            data = binascii.a2b_base64(text[:end])
        except binascii.Error:
            data = b""
        return self._lines(data)

    def _quoted(self, line: bytes) -> list[bytes]:
        line = line.rstrip(b" \t")
        soft = line.endswith(b"=")
        return self._lines(binascii.a2b_qp(line[:-1] if soft else line) + (b"" if soft else b"\n"))

    def _lines(self, data: bytes) -> list[bytes]:
        *lines, pending = (self._pending + data).split(b"\n")
        self._pending = pending[:_MAX_PENDING_BYTES]
        return lines
