# SPDX-License-Identifier: Apache-2.0
"""Changes from the command line: `--set trials.blocks=3` and `--aa`, applied to plain data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from orchestrator.scenario.loading.document import read_document
from orchestrator.scenario.loading.former_keys import name_of_today
from orchestrator.scenario.loading.problems import Problem
from orchestrator.scenario.shape import Shape, root_shape
from orchestrator.text.nearest import nearest

AGAIN = "-again"
DataPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Override:
    """One change: where it went, and the option that asked for it."""

    path: DataPath
    option: str


class _BadPath(Exception):
    """The path of a --set leads nowhere."""

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what)
        self.hint = hint


def named_in(texts: Sequence[str], section: str) -> set[str]:
    """Which keys of `section` each "PATH=VALUE" of `texts` says something about; "" for the whole of it."""
    paths = [text.partition("=")[0].strip().split(".") for text in texts]
    return {path[1] if len(path) > 1 else "" for path in paths if path[0] == section}


def apply_overrides(data: dict[str, Any], texts: Sequence[str]) -> tuple[list[Override], list[Problem]]:
    """Apply each "PATH=VALUE" of `texts` to `data` in place, VALUE read as YAML.

    Optional sections that are missing are made. Returns what was changed and what could not be.
    """
    applied: list[Override] = []
    problems: list[Problem] = []
    for text in texts:
        option = f"--set {text}"
        path_text, equals, value_text = text.partition("=")
        if not equals or not path_text.strip():
            problems.append(Problem(option, None, None, "must look like PATH=VALUE, such as trials.blocks=3"))
            continue
        value = read_document(value_text, option) if value_text.strip() else None
        if value is not None and value.problems:
            problems += [Problem(option, None, None, problem.what) for problem in value.problems]
            continue
        try:
            path = _set(data, path_text.strip(), None if value is None else value.data)
        except _BadPath as error:
            problems.append(Problem(option, None, None, str(error), error.hint))
        else:
            applied.append(Override(path, option))
    return applied, problems


def repeat_variant(data: dict[str, Any], wanted: str | None) -> list[Problem]:
    """A/A: leave one variant (the first, or `wanted`) and add its twin, with the same expectation.

    Where modules of others of its base are built from source its own is, too: it stays the scenario's, unless
    its patches are part of the kernel.
    """
    variants = data.get("variants")
    if not isinstance(variants, dict) or not variants:
        return []  # validation says what is wrong
    name = next(iter(variants)) if wanted is None else wanted
    original = variants.get(name)
    if name not in variants:
        what = f"no variant is called '{name}'; there are: {', '.join(map(str, variants))}"
        return [Problem(f"--aa --variant {name}", None, None, what, nearest(name, variants))]
    if not isinstance(original, dict):
        return []
    base = original.get("base")
    others = [other for other in variants.values() if isinstance(other, dict) and other.get("base") == base]
    scope = next((other["scope"] for other in others if other.get("scope")), None)
    compiled_in = original.get("patches") and not original.get("scope")
    kept = original | ({"scope": scope} if scope and not compiled_in else {})
    kept.pop("twin_of", None)
    twin = f"{name}{AGAIN}"
    data["variants"] = {name: kept, twin: {**deepcopy(kept), "twin_of": name}}
    expectations = data.get("expectations")
    if isinstance(expectations, dict):
        data["expectations"] = {
            each: deepcopy(expectations[name]) for each in (name, twin) if name in expectations
        }
    return []


def _set(data: dict[str, Any], path_text: str, value: Any) -> DataPath:
    """Set the place that `path_text` names; the path taken, or _BadPath."""
    words = path_text.split(".")
    holder: Any = data
    shape: Shape | None = root_shape()
    done: list[str | int] = []
    while words:
        key, used = _next_key(data, holder, shape, words, tuple(done))
        words = words[used:]
        done.append(key)
        if not words:
            _store(holder, key, value)
            break
        below = _look(holder, key)
        if done == ["device"] and isinstance(below, str):  # the name of a profile, to which this adds
            below = {"profile": below}
            _store(holder, key, below)
        shape = shape.child(key, below) if shape is not None else None
        if below is None:
            below = _new_section(holder, key, shape, done)
        holder = below
    return tuple(done)


def _look(holder: Any, key: str | int) -> Any:
    return holder.get(key) if isinstance(holder, dict) else holder[key]


def _store(holder: Any, key: str | int, value: Any) -> None:
    if isinstance(holder, list) and key == len(holder):
        holder.append(value)
    else:
        holder[key] = value


def _new_section(holder: Any, key: str | int, shape: Shape | None, done: list[str | int]) -> dict[str, Any]:
    if shape is None or not shape.is_section:
        raise _BadPath(f"'{_dotted(done)}' has no keys below it")
    section: dict[str, Any] = {}
    _store(holder, key, section)
    return section


def _next_key(
    data: dict[str, Any], holder: Any, shape: Shape | None, words: list[str], done: DataPath
) -> tuple[str | int, int]:
    """The next key of the path, and how many of the dotted `words` it takes."""
    if isinstance(holder, list):
        return _list_index(holder, words, done), 1
    if isinstance(holder, str) and shape is not None and shape.keys:
        keys = ", ".join(shape.keys)
        raise _BadPath(
            f"'{_dotted(done)}' is '{holder}', which has no keys: set all of it, to {{KEY: VALUE, ...}};"
            f" the keys are {keys}"
        )
    if not isinstance(holder, dict) or shape is None:
        raise _BadPath(f"'{_dotted(done)}' has no keys below it")
    if shape.entry is not None:
        return _chosen_name(data, holder, shape.entry, words, done)
    if shape.keys and words[0] not in shape.keys:
        if name_of_today(words[0]) in shape.keys:
            return name_of_today(words[0]), 1
        hint = nearest(words[0], shape.keys)
        where = f" in {_dotted(done)}" if done else ""
        what = f"unknown key '{words[0]}'{where}; the keys are {', '.join(shape.keys)}"
        raise _BadPath(what, _dotted((*done, hint)) if hint else None)
    return words[0], 1


def _list_index(holder: list[Any], words: list[str], done: DataPath) -> int:
    last = len(words) == 1
    if words[0].isascii() and words[0].isdigit() and int(words[0][:9]) < len(holder) + last:
        return int(words[0])
    where = _dotted(done)
    if not holder:
        raise _BadPath(f"'{where}' is an empty list")
    raise _BadPath(f"'{where}' is a list; its items are 0 to {len(holder) - 1}, not '{words[0]}'")


def _chosen_name(
    data: dict[str, Any], holder: dict[str, Any], entry: Shape, words: list[str], done: DataPath
) -> tuple[str, int]:
    """A key that the user chose. Such names may contain dots, so the longest known one is taken."""
    known = _known_names(data, holder, done)
    for used in range(len(words), 0, -1):
        if ".".join(words[:used]) in known:
            return ".".join(words[:used]), used
    if not entry.schema.get("$ref"):
        return ".".join(words), len(words)
    if done in (("variants",), ("expectations",)):
        # A new variant must be given whole: otherwise a slip of the pen would quietly add one.
        if len(words) == 1 and done == ("variants",):
            return words[0], 1
        hint = nearest(words[0], known)
        raise _BadPath(
            f"no variant is called '{words[0]}'; there are: {', '.join(known)}",
            _dotted((*done, hint)) if hint else None,
        )
    return words[0], 1


def _known_names(data: dict[str, Any], holder: dict[str, Any], done: DataPath) -> list[str]:
    if done == ("expectations",) and isinstance(data.get("variants"), dict):
        return list(data["variants"])
    return list(holder)


def _dotted(path: Iterable[str | int]) -> str:
    return ".".join(str(step) for step in path)
