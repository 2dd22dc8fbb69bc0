# SPDX-License-Identifier: Apache-2.0
"""Undoes what logs and mails put around a kernel message.

Removed: terminal escapes, mail quoting, HTML entities, list and diff indentation, /dev/kmsg records,
`<level>`, syslog, journal and logcat columns, printk time stamps and caller ids, vendor context
brackets. Escaped newlines (`\\x0a`, `#012`) become lines of their own.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from orchestrator.oom.logcat import without_columns

# A kernel message is below 2 KiB (LOG_LINE_MAX is 1 KiB); logs joined by escapes are longer.
MAX_LINE_BYTES = 16384


class LogLine(NamedTuple):
    """One message: text without prefixes and surrounding white space."""

    number: int
    text: str
    stamped: bool
    """A time stamp or a "kernel:" tag stood before it, so it begins a message of its own."""
    time_s: float | None = None
    caller: str | None = None
    source: str = "kernel"
    """The program that logged it; anything but "kernel" is user space."""
    continues: bool = False
    """The line ended in a backslash: the next one belongs to it."""
    width: int = 0
    """Of the line as it came, up to its last visible character; 0 where it is not known."""
    indented: bool = False
    """White space stood before it that no quotation mark brings with it."""


_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]|\x1b[()][0-9A-B]")
_ENTITY = re.compile(r"&(?:gt|lt|amp|quot|apos|nbsp|#\d{1,6});")
_QUOTE = re.compile(r"^\s*(?:[>|]\s?)+")
_KMSG = re.compile(r"^\d+,\d+,(?P<usec>\d{1,18}),[-c+](?:,caller=(?P<caller>[TC]\d+))?(?:,[^;]*)?;")
_LEVEL = re.compile(r"^<\d{1,3}>\s?")
_DATE = (
    r"(?:[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)?(?: \d{4})?"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?[+-]\d\d:?\d\d|Z)?"
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d \d{4})"
)
# "Apr 30 12:20:42 host kernel: ", "2024-01-01T00:00:00 host systemd[1]: ", "Mar 06 19:25:03 [kernel] "
_SYSLOG = re.compile(
    rf"^{_DATE}[ \t]+"
    r"(?:\[\w+\][ \t]+|(?:[\w.-]+[ \t]+)??(?P<tag>[\w./@-]+)(?:\[\d+\])?:(?:[ \t]|$))"
)
# dmesg --decode and dmesg --human
_FACILITY = re.compile(r"^(?:kern|user|daemon) *:\w+ *: ?")
_HUMAN_STAMP = re.compile(r"^\[ *(?:\+\d+\.\d+|[A-Z][a-z]{2} ?\d{1,2} \d\d:\d\d)\]")
_TAG = re.compile(r"^(?:[\w.-]+ )?kernel: ?(?:\[\d+\]: )?")
_STAMP = re.compile(r"^\[ *(?P<time>\d{1,12}\.\d{1,9})\](?:\[ *(?P<caller>[TC]\d+)\])?")
_DATED_STAMP = re.compile(rf"^\[{_DATE}\]")
_VENDOR = re.compile(r"^\s*\[\d+: {0,12}[^\]\[]{1,24}: {0,8}\d+\]")
_INNER_STAMP = re.compile(r"\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? ")
_ESCAPED_NEWLINE = re.compile(r"\\x0a|#012|\\n(?= ?[a-z_]+:)")


class _Meta:
    """What the prefixes of one line said."""

    __slots__ = ("caller", "source", "stamped", "time_s")

    def __init__(self) -> None:
        self.stamped = False
        self.time_s: float | None = None
        self.caller: str | None = None
        self.source = "kernel"


def _strip_log_columns(text: str, meta: _Meta) -> str:
    """Syslog, journal or logcat columns; notes which program spoke."""
    match = _SYSLOG.match(text)
    if match is not None:
        meta.stamped = True
        meta.source = match["tag"] or "kernel"
        return text[match.end() :]
    columns = without_columns(text)
    if columns is not None:
        meta.stamped = True
        meta.source = columns.source
        return columns.text
    match = _FACILITY.match(text)
    if match is not None:
        meta.stamped = True
        return text[match.end() :]
    return text


def _strip_kernel_columns(text: str, meta: _Meta) -> str:
    """kmsg record, level, "kernel:" tag, time stamp, caller id, vendor context."""
    match = _KMSG.match(text)
    if match is not None:
        meta.stamped, meta.time_s, meta.caller = True, int(match["usec"]) / 1e6, match["caller"]
        text = text[match.end() :]
    match = _LEVEL.match(text)
    if match is not None:
        meta.stamped = True
        text = text[match.end() :]
    match = _STAMP.match(text)
    if match is not None:
        meta.stamped, meta.time_s, meta.caller = True, float(match["time"]), match["caller"]
        text = text[match.end() :]
    else:
        match = _DATED_STAMP.match(text) or _HUMAN_STAMP.match(text)
        if match is not None:
            meta.stamped = True
            text = text[match.end() :]
    match = _VENDOR.match(text) if "[" in text[:4] else None
    return text[match.end() :] if match is not None else text


def _strip_prefixes(text: str, meta: _Meta) -> str:
    if text[:1] not in "[<" or text.startswith("[ "):
        text = _strip_log_columns(text, meta).lstrip()
    text = _strip_kernel_columns(text, meta).lstrip()
    if "kernel:" in text:
        match = _TAG.match(text)
        if match is not None:
            meta.stamped = True
            text = text[match.end() :].lstrip()
    if meta.time_s is None and text.startswith("["):
        text = _strip_kernel_columns(text, meta)
    return text.strip()


def _skip_to_inner_stamp(text: str, meta: _Meta) -> str:
    """Shell output without a newline is followed by a kernel message on the same line."""
    starts = [match.start() for match in _INNER_STAMP.finditer(text)]
    return _strip_kernel_columns(text[starts[-1] :], meta).strip() if starts else text


def clean(raw: bytes) -> str:
    """The text of one line of input, without what mails and terminals put around it. Never raises."""
    # A serial line ends in CR LF: without the CR most lines have nothing to be cleaned of.
    text = raw[:MAX_LINE_BYTES].rstrip(b"\r").decode("utf-8", "replace")
    if not text.isprintable():
        text = _CONTROL.sub("", text.replace("\u00a0", " "))
    if "&" in text and _ENTITY.search(text):
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = text.strip()
    if text[:1] in (">", "|"):
        text = _QUOTE.sub("", text, count=1).strip()
    return text


def without_prefixes(text: str, number: int) -> LogLine:
    """A line that is clean, without the prefixes that are known beforehand."""
    meta = _Meta()
    continues = text.endswith("\\")
    text = _strip_prefixes(text[:-1] if continues else text, meta)
    if not meta.stamped and "] " in text:
        text = _skip_to_inner_stamp(text, meta)
    return LogLine(number, text, meta.stamped, meta.time_s, meta.caller, meta.source, continues)


def messages(line: LogLine) -> list[LogLine]:
    """The messages of a line, in which escaped ends of lines may stand; none for a blank one."""
    if "\\" not in line.text and "#012" not in line.text:
        return [line] if line.text else []
    pieces = (piece.strip() for piece in _ESCAPED_NEWLINE.split(line.text))
    return [line._replace(text=piece) for piece in pieces if piece]


def read_line(raw: bytes, number: int) -> list[LogLine]:
    """The messages in one line of input; none for a blank line. Never raises."""
    return messages(without_prefixes(clean(raw), number))
