# SPDX-License-Identifier: Apache-2.0
"""What shells complete: names of scenarios, devices, formats, machines, and fields with their values.

Typer speaks with the shells. What is here is asked at every key, so nothing of it loads models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout, suppress
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import typer

from orchestrator.paths import resource_dir
from orchestrator.report.console.streams import write_data
from orchestrator.text.plain import one_line

_ASKED_BY = "_OOMLAB_COMPLETE"
# bash takes these for the ends of words (COMP_WORDBREAKS), and completes what follows the last of them.
_BREAKS = "=:@"
_OF_BREAKS = re.compile(rf"[{_BREAKS}]+")
_SSH_CONFIG = Path(".ssh") / "config"
_MOST_CONFIGS = 20
_ENDLESS = "10000"

Candidates = list[tuple[str, str]]
"""Words, each with what it means or nothing."""


def answered(environment: MutableMapping[str, str]) -> AbstractContextManager[None]:
    """Within this the command line is read. Where that is a shell's question, it is answered as it wants."""
    if environment.get(_ASKED_BY, "").startswith("complete_"):
        environment["TERMINAL_WIDTH"] = _ENDLESS  # a meaning that typer wraps would be words more to fish
    if environment.get(_ASKED_BY) == "complete_bash":
        return _answer_for_bash(glue_words(environment))
    return nullcontext()


@contextmanager
def _answer_for_bash(word: str) -> Iterator[None]:
    """bash completes what follows the last break of a word, so what stands before it is left out.

    An @ belongs to what it completes (readline's special prefixes).
    """
    value = re.sub(r"^--[\w-]+=", "", word)
    last = max(value.rfind(each) for each in _BREAKS)
    before = value[:last] if value[last : last + 1] == "@" else value[: last + 1]
    output = StringIO()
    try:
        with redirect_stdout(output):
            yield
    finally:
        write_data("\n".join(line.removeprefix(before) for line in output.getvalue().splitlines()))


def glue_words(environment: MutableMapping[str, str]) -> str:
    """Make words again of what bash took apart at `=`, `:` and `@`; returns the one to complete."""
    words = environment.get("COMP_WORDS", "").split("\n")
    current = int(environment.get("COMP_CWORD") or 0)
    glued: list[str] = []
    for number, word in enumerate(words[: current + 1]):
        sticks = _OF_BREAKS.fullmatch(word) or _OF_BREAKS.fullmatch(words[number - 1])
        if number > 1 and sticks:
            glued[-1] += word
        else:
            glued.append(word)
    environment.update(COMP_WORDS="\n".join(glued), COMP_CWORD=str(len(glued) - 1))
    return glued[-1]


def matching(words: Iterable[tuple[str, str]], incomplete: str) -> Candidates:
    """Those that begin so."""
    return [(word, one_line(about)) for word, about in words if word.startswith(incomplete)]


def scenarios(incomplete: str) -> Candidates:
    """Shipped scenarios, and scenario files that lie here."""
    here = sorted(path.name for path in Path().glob("*.yaml"))
    return [*shipped_scenarios(incomplete), *matching(((name, "") for name in here), incomplete)]


def shipped_scenarios(incomplete: str) -> Candidates:
    """Shipped scenarios."""
    from orchestrator.scenario.loading.shipped import shipped_index

    return matching(((each.name, each.purpose) for each in shipped_index()), incomplete)


def devices(incomplete: str) -> Candidates:
    """Shipped device profiles."""
    return matching(((name, "") for name in _profiles()), incomplete)


def formats(incomplete: str) -> Candidates:
    """Formats of a run's report."""
    from orchestrator.report.formats.registry import FORMATS

    return matching(((name, "") for name in FORMATS), incomplete)


def comparison_formats(incomplete: str) -> Candidates:
    """Formats of a comparison of two runs."""
    return matching(((name, "") for name in ("terminal", "mail", "json", "markdown")), incomplete)


def report_files(incomplete: str) -> Candidates:
    """`FORMAT=FILE`, with a file that one would choose; of the file itself the shell knows more."""
    from orchestrator.report.formats.registry import FORMATS

    endings = {"junit": "xml", "markdown": "md", "terminal": "txt", "mail": "txt", "gbench": "json"}
    words = ((f"{name}=report.{endings.get(name, name)}", "") for name in FORMATS)
    return [] if "=" in incomplete else matching(words, incomplete)


def hosts(incomplete: str) -> Candidates:
    """Machines that the user's own configuration of ssh names, after `user@` as well."""
    user = incomplete[: incomplete.rfind("@") + 1]
    return matching(((user + name, "") for name in ssh_names()), incomplete)


def bases(incomplete: str) -> Candidates:
    """Base kernels."""
    from orchestrator.bases import BASES

    return matching(((name, "") for name in BASES), incomplete)


def kernels(incomplete: str) -> Candidates:
    """Base kernels, and scenarios, which have kernels."""
    return [*bases(incomplete), *scenarios(incomplete)]


def archs(incomplete: str) -> Candidates:
    """Architectures."""
    from orchestrator.arch import ARCHS

    return matching(((name, "") for name in ARCHS), incomplete)


def backends(incomplete: str) -> Candidates:
    """What runs guests, as the schema of scenarios has it."""
    return matching(((word, "") for word in _words(_at(["device", "backend"]))), incomplete)


def selections(incomplete: str) -> Candidates:
    """Selections of the project's own tests."""
    from orchestrator.commands.testing import MUTATION, SELECTIONS

    return matching(((name, "") for name in (*SELECTIONS, MUTATION)), incomplete)


def commands(ctx: typer.Context, incomplete: str) -> Candidates:
    """Commands, and those below the ones that stand there."""
    below: Any = ctx.find_root().command
    for word in ctx.params.get("words") or ():
        below = getattr(below, "commands", {}).get(word)
    known = getattr(below, "commands", {})
    return matching(((name, "") for name in known), incomplete)


def fields(incomplete: str) -> Candidates:
    """`FIELD=VALUE` of a scenario: fields with an example each, then values: outcomes, profiles, words."""
    path, equals, _ = incomplete.partition("=")
    *above, last = path.split(".")
    if not equals:
        lead = "".join(f"{part}." for part in above)
        found = {f"{lead}{word}": about for word, about in _leaves(_at(above), deep=not above)}
        return matching(found.items(), incomplete)
    nodes = _at([*above, last])
    return matching(((f"{path}={word}", "") for word in dict.fromkeys(_words(nodes))), incomplete)


def ssh_names() -> list[str]:
    """The hosts that ~/.ssh/config and what it includes name, without patterns."""
    with suppress(RuntimeError):
        return sorted(set(_ssh_names(Path.home() / _SSH_CONFIG, _MOST_CONFIGS)))
    return []


def _ssh_names(file: Path, most: int) -> Iterator[str]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        key, *words = line.replace("=", " ", 1).split() or [""]
        if key.lower() == "host":
            yield from (word for word in words if not re.search(r"[*?!#\"]", word))
        elif key.lower() == "include" and most:
            for word in words:
                for path in sorted((Path.home() / ".ssh").glob(word)) if word[0] not in "/~" else ():
                    yield from _ssh_names(path, most - 1)


def _profiles() -> list[str]:
    return sorted(path.stem for path in (resource_dir("scenarios") / "devices").glob("*.yaml"))


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((resource_dir("scenarios") / "scenario.schema.json").read_text())
    return schema


def _alternatives(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a node of the schema may be, references followed."""
    if "$ref" in node:
        yield from _alternatives(_schema()["$defs"][node["$ref"].rsplit("/", 1)[-1]])
        return
    yield node
    for each in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _alternatives(each)


def _at(path: Iterable[str]) -> list[dict[str, Any]]:
    """The nodes that a dotted field may mean; where any name may stand, any does."""
    nodes = list(_alternatives(_schema()))
    for key in path:
        nodes = [
            found
            for node in nodes
            for below in (node.get("properties", {}).get(key), *node.get("patternProperties", {}).values())
            if below is not None
            for found in _alternatives(_named(key, below))
        ]
    return nodes


def _named(key: str, node: dict[str, Any]) -> dict[str, Any]:
    """With the profiles among the words for a device."""
    return {"anyOf": [{"enum": _profiles()}, node]} if key in ("device", "profile") else node


def _leaves(nodes: Iterable[dict[str, Any]], *, deep: bool, lead: str = "") -> Iterator[tuple[str, str]]:
    """Fields, each with an example as its value; and those a level below."""
    for node in nodes:
        for key, below in node.get("properties", {}).items():
            inner = [each for each in _alternatives(below) if "properties" in each]
            if inner and deep:
                yield from _leaves(inner, deep=False, lead=f"{lead}{key}.")
            elif not inner and "patternProperties" not in below:
                example = next(iter(below.get("examples", ())), "")
                value = example if isinstance(example, str) else json.dumps(example)
                if value and not re.search(r"[\s{\[]", value):
                    yield f"{lead}{key}={value}", str(below.get("description", "")).split(";")[0]


def _words(nodes: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The words that a value may be, or examples of what it looks like."""
    for node in nodes:
        yield from (str(word) for word in node.get("enum", ()) if word is not None)
        if node.get("type") == "boolean":
            yield from ("true", "false")
        examples = (
            json.dumps(each) if not isinstance(each, str) else each for each in node.get("examples", ())
        )
        yield from (each for each in examples if not re.search(r"[\s{\[\"]", each))
