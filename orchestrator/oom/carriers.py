# SPDX-License-Identifier: Apache-2.0
"""Messages that are carried as values of other data: JSON objects, and journals with a field a line.

Which field holds the message is learned: it is the one in which a message of a report was seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from orchestrator.oom.shapes import find_shape, name_end

_MAX_DEPTH = 4
_MAX_VALUES = 256
_OBJECT = re.compile(r"\{ ?\"")
_PRETTY = re.compile(r"^\"(?P<key>[^\"\\]{1,80})\"\s*:\s*(?P<value>\S.*?),?$")
_FIELD = re.compile(r"^_{0,2}[A-Z][A-Z0-9_]{1,62}=")
# What stands between such fields and holds none.
_BETWEEN = re.compile(r"^[\[\]{}, ]+$|^\S.{0,80} \[s=[0-9a-f]+;i=[0-9a-f]+;")
_DECODER = json.JSONDecoder()


class Carriers:
    """Remembers which field holds the messages of this text."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def unpack(self, text: str) -> list[str]:
        """The lines in a line; itself where it carries nothing, none where it is another field."""
        if '"' in text:
            found = self._of_json(text)
            if found is not None:
                return found
        if "=" in text and _FIELD.match(text):
            key, _, value = text.partition("=")
            return self._lines([(key, value)])
        return [] if _BETWEEN.match(text) else [text]

    def _of_json(self, text: str) -> list[str] | None:
        match = _OBJECT.search(text)
        if match is not None:
            data = _decoded(text[match.start() :])
            if data is None or _is_of_a_program(data):
                return None if data is None else []
            return self._lines(_strings(data, 0), _stamp(data))
        pretty = _PRETTY.match(text)
        if pretty is not None:
            value = _decoded(pretty["value"])
            return None if value is None else self._lines(_strings(value, 0, pretty["key"]))
        return None

    def _lines(self, values: list[tuple[str, str]] | Iterator[tuple[str, str]], stamp: str = "") -> list[str]:
        """Of a field that holds messages; another one is nobody's."""
        kept: list[str] = []
        for number, (key, value) in enumerate(values):
            if number >= _MAX_VALUES:
                break
            if key not in self._keys and (find_shape(value) is not None or name_end(value) is not None):
                self._keys.add(key)
            if key in self._keys:
                kept += [stamp + line for line in value.splitlines() if line.strip()]
        return kept


def _decoded(text: str) -> object:
    """The JSON value at the beginning of a text; None where there is none."""
    try:
        value, _ = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value


def _strings(value: object, depth: int, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts in a JSON value, with the names of their fields."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, str):
        inner = _decoded(value) if value.startswith('{"') else None
        yield from [(key, value)] if inner is None else _strings(inner, depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _strings(item, depth + 1, name)
    elif isinstance(value, list):
        # The journal writes what is no plain text as an array of bytes.
        if value and all(isinstance(item, int) and 0 <= item < 256 for item in value):
            yield key, bytes(value).decode("utf-8", "replace")
            return
        for item in value:
            yield from _strings(item, depth + 1, key)


def _is_of_a_program(data: object) -> bool:
    """Whether a journal says that it was not the kernel that spoke."""
    if not isinstance(data, dict):
        return False
    return data.get("_TRANSPORT", "kernel") != "kernel" and data.get("SYSLOG_IDENTIFIER") != "kernel"


def _stamp(data: object) -> str:
    """The time of a message as the kernel prints it, from the fields that hold the kernel's."""
    if not isinstance(data, dict):
        return ""
    time = data.get("time")
    monotonic = data.get("_SOURCE_MONOTONIC_TIMESTAMP")
    if isinstance(monotonic, str) and monotonic.isdecimal() and len(monotonic) < 18:
        time = int(monotonic) / 1e6
    if not isinstance(time, float) or not 0 <= time < 1e9:
        return ""
    caller = data.get("caller")
    tail = f"[{caller}]" if isinstance(caller, str) and re.fullmatch(r"[TC]\d{1,10}", caller) else ""
    return f"[{time:.6f}]{tail} "
