# SPDX-License-Identifier: Apache-2.0
"""Pydantic's errors in plain words, each with the path of what to blame in the user's data."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orchestrator.scenario.fields import CROSS_FIELD
from orchestrator.scenario.shape import places_of_key, shape_at
from orchestrator.text.nearest import nearest
from orchestrator.text.plain import one_line

Path = tuple[str | int, ...]
_SHOWN = 80
_TOO_SHORT = "must have at least one entry"
_EMPTY = "must not be empty"


@dataclass(frozen=True)
class Complaint:
    """A problem at a path of the user's data; `at_key` when the key is to blame, not its value."""

    path: Path
    what: str
    nearest: str | None = None
    at_key: bool = False
    crosses_fields: bool = False
    missing: bool = False


def complaints(error: ValidationError, data: Any) -> list[Complaint]:
    """What `error` says about `data`, in plain words, without repetition."""
    found: dict[tuple[Path, str], Complaint] = {}
    for detail in error.errors(include_url=False):
        for complaint in _complaint(detail, data):
            found.setdefault((complaint.path, complaint.what), complaint)
    return [complaint for complaint in found.values() if not _is_echo(complaint, found.values())]


def _is_echo(complaint: Complaint, found: Iterable[Complaint]) -> bool:
    """Pydantic calls a list too short when its only item is bad."""
    return complaint.what == _TOO_SHORT and any(
        other is not complaint and other.path[: len(complaint.path)] == complaint.path for other in found
    )


def _complaint(detail: ErrorDetails, data: Any) -> Iterator[Complaint]:
    path, at_key = _user_path(detail["loc"], data)
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            yield _unknown_key(path, data)
        case "missing":
            yield Complaint(path, f"the key '{detail['loc'][-1]}' is missing", at_key=True, missing=True)
        case _ if detail["type"] == CROSS_FIELD:
            for problem in context["problems"]:
                blamed, _ = _user_path((*path, *problem.path), data)
                yield Complaint(blamed, problem.what, problem.nearest, True, True)
        case _:
            what, hint = _value_words(detail, context)
            yield Complaint(path, what, hint, at_key)


def _user_path(loc: tuple[int | str, ...], data: Any) -> tuple[Path, bool]:
    """The path in the user's data that Pydantic's `loc` means, and whether its key is meant.

    Pydantic adds steps that the user did not write: the tag of a tagged union, "[key]", and the index
    or key of what a validator made out of a shorter form.
    """
    path: list[str | int] = []
    tag_skipped_at: int | None = None
    for step in loc:
        if step == "[key]":
            return tuple(path), True
        is_tag = isinstance(data, dict) and data.get("kind") == step and tag_skipped_at != len(path)
        if is_tag:
            tag_skipped_at = len(path)
        elif step in _steps_below(data):
            data = data[step]
            path.append(step)
    return tuple(path), False


def _steps_below(data: Any) -> Container[object]:
    if isinstance(data, list):
        return range(len(data))
    return data if isinstance(data, dict) else ()


def _unknown_key(path: Path, data: Any) -> Complaint:
    key = str(path[-1])
    shape = shape_at(path[:-1], data)
    keys = shape.keys if shape else ()
    hint = nearest(key, keys)
    if hint is None:
        elsewhere = places_of_key(key)
        # A key of another kind of trigger has the same path; that would be no help.
        here = ".".join(str(step) for step in path)
        hint = elsewhere[0] if len(elsewhere) == 1 and elsewhere[0] != here else None
    what = f"unknown key '{key}'{_where(path[:-1])}; the keys are {', '.join(keys)}"
    return Complaint(path, what, hint, at_key=True)


def _where(path: Path) -> str:
    return f" in {'.'.join(str(step) for step in path)}" if path else ""


def _value_words(detail: ErrorDetails, context: Mapping[str, Any]) -> tuple[str, str | None]:
    kind = detail["type"]
    given = shown(context["actual_length"] if kind == "too_long" else detail["input"])
    if kind in ("literal_error", "enum"):
        return _choice_words(str(context["expected"]), detail["input"], "")
    if kind == "union_tag_invalid":
        return _choice_words(str(context["expected_tags"]), context["tag"], "the kind ")
    if kind == "union_tag_not_found":
        return "the key 'kind' is missing", None
    if kind in ("value_error", "assertion_error"):
        message = re.sub(r"^(Value|Assertion) error, ", "", detail["msg"])
        return message, _with_unit(message, detail["input"])
    if kind in ("too_short", "string_too_short") and context.get("min_length") == 1:
        # Of annotated texts Pydantic says the same as of lists and mappings.
        return _EMPTY if isinstance(detail["input"], str) else _TOO_SHORT, None
    for start, words in _TYPE_WORDS.items():
        if kind.startswith(start):
            return f"must be {words}, not {given}", None
    for name, words in _BOUND_WORDS.items():
        if name in context:
            return f"must {words} {context[name]}, not {given}", None
    message = detail["msg"]
    return f"{message[:1].lower()}{message[1:]}: {given}", None


_TYPE_WORDS = {
    "int_": "a whole number",
    "float_": "a number",
    "bool_": "true or false",
    "string_type": "text",
    "dict_type": "a section with keys",
    "model_": "a section with keys",
    "tuple_type": "a list",
    "list_type": "a list",
    "path_type": "the name of a file",
    "is_instance": "of another kind",
}
_BOUND_WORDS = {
    "ge": "be at least",
    "gt": "be more than",
    "le": "be at most",
    "lt": "be less than",
    "min_length": "have a length of at least",
    "max_length": "have a length of at most",
    "pattern": "match",
}


def _choice_words(expected: str, given: Any, prefix: str) -> tuple[str, str | None]:
    choices = re.findall(r"'([^']*)'", expected)
    wanted = f"one of {', '.join(choices)}" if len(choices) > 1 else f"'{''.join(choices)}'"
    return f"{prefix}must be {wanted}, not {shown(given)}", nearest(given, choices)


def _with_unit(message: str, given: Any) -> str | None:
    """A likely reading of a size or duration whose unit is missing or wrong."""
    match = re.fullmatch(r"\s*(\d+)\s*([a-zA-Z]*)\s*", str(given))
    if match is None or isinstance(given, bool):
        return None
    number, unit = match[1][:20], match[2].lower()
    if message.startswith("a size needs"):
        return number + {"k": "KiB", "g": "GiB", "t": "TiB"}.get(unit[:1], "MiB")
    if message.startswith("a duration needs"):
        return number + {"u": "us", "h": "h"}.get(unit[:1], {"mi": "min", "m": "min"}.get(unit[:2], "s"))
    return None


def shown(value: Any) -> str:
    """`value` as it may appear in a message: as YAML would have it, and short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a section with keys"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(one_line(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
