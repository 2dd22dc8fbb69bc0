# SPDX-License-Identifier: Apache-2.0
"""Learns from a text what its logger puts before each message, and takes it off.

There are more loggers than anybody can list. But a report is made of messages some of which have a shape of
their own: what stands before these is the prefix, and the lines around them have the same, but for numbers
and for what stands in brackets. Only the head of a report may come before any such message; where it is not
certain how its task is called, it waits for one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orchestrator.oom.carriers import Carriers
from orchestrator.oom.free_lists import with_asterisks
from orchestrator.oom.lines import LineKind, classify
from orchestrator.oom.shapes import find_frame, find_shape, name_end
from orchestrator.oom.transport import LogLine, clean, messages, without_prefixes

_MAX_SHAPES = 8
_MAX_PREFIX = 240
# Lines that a head waits for the first one that shows the prefix.
_MAX_HELD = 12
_TOKEN = re.compile(r"\s+|\[[^\[\]]*\]|\([^()]*\)|<[^<>]*>|\w+|[^\w\s]")
_BRACKETS = {"[": r"\[[^\[\]]*\]", "(": r"\([^()]*\)", "<": r"<[^<>]*>"}
# What a prefix has and the beginning of a sentence has not.
_SENSIBLE = re.compile(r"\d|[\]|>):;=\"'-]\s*$")
_CERTAIN_NAME = re.compile(r"[\w./-]{1,15}|(?:kworker|kthreadd?)/\S{1,40}")
_INDENTED = re.compile(rb"^(?:[>|] ?+)*+[ \t]")
# Behind a time stamp, too: "tmux: server".
_LIKELY_NAME = re.compile(r"(?![\d:.,-]+\s)[^\[\]<>|=;\t\"]{1,15}|(?:kworker|kthreadd?)/\S{1,40}")
_TIME = re.compile(r"\[ *(\d{1,12}\.\d{1,9})s?\b")
_CALLER = re.compile(r"\[ *([TC]\d+)\]")
_KERNEL_STAMP = re.compile(r"\[ *\d{1,12}\.\d{6}s?\]")
_NAME_BEGINS = re.compile(r"(?::\s|[\])|>\t\"=;])\s*(?:[c@]\d+ )?(?=[^\s:\])|>\"=;])|^[\d:.,-]+\s+(?=\S)")


class _Held(NamedTuple):
    text: str
    number: int
    raw: bytes
    carried: bool = False
    """As a value of other data: it is a message of its own."""


class Prefixes:
    """Lines in, messages without prefixes out, with their kinds; some of them later than they came."""

    def __init__(self) -> None:
        self._shapes: list[re.Pattern[str]] = []
        self._held: list[_Held] = []
        self._nothing_more = False
        self._carriers = Carriers()

    @property
    def empty(self) -> bool:
        """Whether no line is held back."""
        return not self._held

    def feed(self, raw: bytes, number: int) -> list[LogLine]:
        """The messages that are certain now. A blank line has the text "" (it ends what came before)."""
        found: list[LogLine] = []
        text = clean(raw)
        unpacked = self._carriers.unpack(text)
        for message in unpacked:
            found += self._feed(_Held(message, number, raw, carried=unpacked != [text]))
        return found

    def flush(self) -> list[LogLine]:
        """Gives out what is held: the input has ended, or nothing shows the prefix."""
        held, self._held = self._held, []
        return [line for item in held for line in self._read(item)]

    def _feed(self, item: _Held) -> list[LogLine]:
        text = item.text
        if self._held:
            self._held.append(item)
            shown = self._shows_prefix(text)
            return self.flush() if shown or len(self._held) > _MAX_HELD else []
        if name_end(text) is not None and self._is_uncertain(item):
            self._held.append(item)
            return []
        return self._read(item)

    # -- heads -----------------------------------------------------------------------------------

    def _is_uncertain(self, item: _Held) -> bool:
        text = item.text
        if self._learned_end(text) is not None:
            return False
        line = without_prefixes(text, item.number)
        end = name_end(line.text)
        if end is None or line.source != "kernel":
            return True  # the task's name, or a part of it, may have been taken for a program's
        return _CERTAIN_NAME.fullmatch(line.text[:end]) is None

    def _shows_prefix(self, text: str) -> bool:
        """Whether this line shows what stands before messages, also that it is nothing."""
        line = without_prefixes(text, 0)
        if find_shape(line.text) == 0:
            self._nothing_more = True
            return True
        if self._learn_from(text, line):
            return True
        start = find_frame(text)
        if start:
            shape = _shape_of(text[:start])
            if shape is not None and shape.match(self._held[0].text):
                self._learn(shape)
                return True
        return False

    # -- lines -----------------------------------------------------------------------------------

    def _read(self, item: _Held) -> list[LogLine]:
        text = item.text
        line = without_prefixes(text, item.number)
        end = self._learned_end(text)
        named = name_end(text) is not None
        if end is not None and (named or len(text) - end <= len(line.text)):
            line = _cut(text, end, line)
            line = line._replace(text=with_asterisks(line.text))
        elif classify(line.text, line.source) is LineKind.OTHER:
            text = with_asterisks(text)
            if text != item.text:
                line = without_prefixes(text, item.number)
            if self._learn_from(text, line) or end is not None:
                end = self._learned_end(text)
                line = line if end is None else _cut(text, end, line)
        if named and name_end(line.text) is not None:
            shown = line.stamped or item.carried or self._nothing_more
            line = line._replace(text=_from_name(line.text, stamped=shown))
        elif named:
            line = line._replace(text=_from_name(text, stamped=False), source="kernel")
        stamped = line.stamped or item.carried
        indented = not stamped and _INDENTED.match(item.raw) is not None
        line = line._replace(stamped=stamped, width=len(item.raw.rstrip()), indented=indented)
        return messages(line) or [line]

    def _learned_end(self, text: str) -> int | None:
        for shape in self._shapes:
            match = shape.match(text)
            if match is not None:
                return match.end()
        return None

    def _learn_from(self, text: str, line: LogLine) -> bool:
        """Learns the prefix of a line with a message of a known shape; False when there is none."""
        start = find_shape(text)
        if not start or start > _MAX_PREFIX:
            return False
        known = len(text) - len(line.text)
        if line.source != "kernel" and start >= known and not _KERNEL_STAMP.search(text, 0, start):
            return False  # a program that speaks of memory
        prefix = text[:start]
        shape = _shape_of(prefix) if _SENSIBLE.search(prefix) else None
        if shape is None:
            return False
        self._learn(shape)
        return True

    def _learn(self, shape: re.Pattern[str]) -> None:
        if shape not in self._shapes:
            self._shapes = [shape, *self._shapes][:_MAX_SHAPES]


def _cut(text: str, end: int, line: LogLine) -> LogLine:
    """The line without a learned prefix, which may say more than what was known beforehand."""
    prefix = text[:end]
    time_s, caller = line.time_s, line.caller
    if time_s is None:
        match = _TIME.search(prefix)
        time_s = None if match is None else float(match[1])
    if caller is None:
        found = _CALLER.search(prefix)
        caller = None if found is None else found[1]
    known = len(text) - len(line.text)
    source = line.source if known <= end and not _KERNEL_STAMP.search(prefix) else "kernel"
    rest = text[end:]
    return line._replace(
        text=rest[:-1].strip() if line.continues else rest.strip(),
        stamped=True,
        time_s=time_s,
        caller=caller,
        source=source,
    )


def _shape_of(prefix: str) -> re.Pattern[str] | None:
    """A pattern for the prefixes that differ from this one in numbers and inside brackets only."""
    tokens = _TOKEN.findall(prefix)
    parts = []
    for index, token in enumerate(tokens):
        if token.isspace():
            around = tokens[index - 1][-1] if index else " "
            after = tokens[index + 1][0] if index + 1 < len(tokens) else " "
            between_words = _is_word(around) and (_is_word(after) or after == " ")
            parts.append(r"\s+" if between_words else r"\s*")
        elif len(token) > 1 and token[0] in _BRACKETS:
            parts.append(_BRACKETS[token[0]])
        elif token.isdecimal():
            parts.append(r"\d+")
        elif _is_word(token[0]):
            parts.append(r"(?=\D{0,20}\d)\w+" if any(map(str.isdecimal, token)) else re.escape(token))
        else:
            parts.append("[+-]" if token in "+-" else re.escape(token))
    return re.compile("".join(parts)) if any(not token.isspace() for token in tokens) else None


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _from_name(text: str, *, stamped: bool) -> str:
    """A head whose prefix nobody has shown, from where its name can begin."""
    end = name_end(text)
    if end is None or (_LIKELY_NAME if stamped else _CERTAIN_NAME).fullmatch(text[:end]):
        return text
    begins = [match.end() for match in _NAME_BEGINS.finditer(text, 0, end)]
    return text[begins[-1] :] if begins else text
