# SPDX-License-Identifier: Apache-2.0
"""YAML text to plain data that remembers where everything stood.

Works on ruamel.yaml's node graph rather than on constructed objects: every key and value keeps its
place, all duplicate keys are found at once, and no tag can construct anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from orchestrator.scenario.loading.problems import Problem

Path = tuple[str | int, ...]

# A scenario is a page of text. Aliases can make a short text stand for millions of values,
# so it is the values that are counted.
_MAX_NODES = 20_000
_MAX_DEPTH = 24
_MOST_BITS = 1024
"""What is larger may not even be printable: Python ends at 4,300 digits."""

_PLAIN_TAG = "tag:yaml.org,2002:"
# Dates, "=" and "<<" mean nothing special as values in a scenario: they are text.
_KINDS = frozenset(["map", "seq", "str", "int", "float", "bool", "null", "timestamp", "value", "merge"])


@dataclass(frozen=True)
class Position:
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass
class Document:
    """The data of a YAML text, the place of each key and value, and what is wrong with the text."""

    file: str
    data: Any = None
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    nodes_read: int = 0

    def complain(self, place: Position, what: str, nearest: str | None = None) -> None:
        """Note a problem at `place`."""
        self.problems.append(Problem(self.file, place.line, place.column, what, nearest))

    def key_place(self, path: Path) -> Position | None:
        """Where the key at `path` stands, or the nearest thing above it that has a place."""
        for length in range(len(path), 0, -1):
            # An item of a list has no key; it stands for itself.
            places = self.values if isinstance(path[length - 1], int) else self.keys
            if path[:length] in places:
                return places[path[:length]]
        return self.values.get(())

    def value_place(self, path: Path) -> Position | None:
        """Where the value at `path` stands, or the nearest thing above it that has a place."""
        return self.values.get(path) or self.key_place(path)


class _TooMuch(Exception):
    """The document stands for more values than any scenario has."""


def read_document(text: str, file: str) -> Document:
    """The document in `text`; `file` is the name used in problems. Never raises for bad text."""
    document = Document(file)
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
        if root is None:
            document.complain(Position(1, 1), "the file is empty")
            return document
        document.data = _read(document, yaml, root, (), 0)
    except MarkedYAMLError as error:
        document.complain(_error_place(error), _plain_words(error))
    except ReaderError as error:
        document.complain(_offset_place(text, error.position), "a control character that YAML does not allow")
    except RecursionError:
        document.complain(Position(1, 1), "nested too deeply for a scenario")
    except _TooMuch as error:
        document.complain(Position(1, 1), str(error))
    except (YAMLError, ValueError) as error:
        document.complain(Position(1, 1), f"not readable as YAML: {error}")
    return document


def _offset_place(text: str, offset: int) -> Position:
    before = text[:offset]
    return Position(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def _error_place(error: MarkedYAMLError) -> Position:
    mark = error.problem_mark or error.context_mark
    return Position(1, 1) if mark is None else Position(mark.line + 1, mark.column + 1)


def _plain_words(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "not readable as YAML")
    if "'\\t'" in problem:
        return "a tab cannot be used here; indent with spaces"
    if "single document" in str(error.context or ""):
        return "a second YAML document begins here; a scenario is one document"
    if error.context and error.problem:
        return f"not readable as YAML: {error.context}, {problem}"
    return f"not readable as YAML: {problem}"


def _place(node: Any) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _read(document: Document, yaml: YAML, node: Any, path: Path, depth: int) -> Any:
    document.nodes_read += 1
    if document.nodes_read > _MAX_NODES:
        raise _TooMuch(f"stands for more than {_MAX_NODES} values; a scenario does not need that")
    if depth > _MAX_DEPTH:
        raise _TooMuch("nested too deeply for a scenario")
    document.values.setdefault(path, _place(node))
    kind = str(node.tag).removeprefix(_PLAIN_TAG)
    if kind not in _KINDS:
        document.complain(_place(node), f"the YAML tag '{str(node.tag)[:60]}' is not supported")
        return None
    if isinstance(node, MappingNode):
        return _read_mapping(document, yaml, node, path, depth)
    if isinstance(node, SequenceNode):
        return [_read(document, yaml, item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
    return _read_scalar(document, yaml, node, kind)


def _read_mapping(document: Document, yaml: YAML, node: Any, path: Path, depth: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = _place(key_node)
        if not isinstance(key_node, ScalarNode):
            document.complain(place, "a key must be a plain word")
            continue
        # The text as written: a variant called 6.1 is meant as a name, not as a number.
        key = str(key_node.value)
        if key_node.tag == f"{_PLAIN_TAG}merge":
            document.complain(place, "merge keys ('<<') are not supported; write the keys out")
            continue
        if key in result:
            first = document.keys[(*path, key)]
            document.complain(place, f"the key '{key}' is given twice, first in line {first.line}")
            continue
        document.keys[(*path, key)] = place
        result[key] = _read(document, yaml, value_node, (*path, key), depth + 1)
    return result


def _read_scalar(document: Document, yaml: YAML, node: Any, kind: str) -> Any:
    try:
        if kind in ("int", "float", "bool", "null"):
            value = getattr(yaml.constructor, f"construct_yaml_{kind}")(node)
            if isinstance(value, int) and value.bit_length() > _MOST_BITS:
                raise ValueError
            return value
    except (ValueError, IndexError, TypeError):
        document.complain(_place(node), f"not a usable number: {str(node.value)[:40]}")
        return None
    return str(node.value)
