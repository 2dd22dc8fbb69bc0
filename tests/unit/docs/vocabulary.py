# SPDX-License-Identifier: Apache-2.0
"""Words that users must not read: homely ones where the kernel, or the field, has a term of its own.

A rule is a pattern with the term that is meant, and the places where the word is right all the same: a
process does die, and a wrong scenario is refused. It looks at a word with what stands around it, so that a
sentence that nobody has written yet is judged, too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_AROUND = 60
"""Characters on either side that decide whether a word is right."""


@dataclass(frozen=True)
class Rule:
    """`word` is wrong, unless `right` matches somewhere around it and covers it."""

    word: str
    instead: str
    right: tuple[str, ...] = ()

    def faults(self, text: str) -> Iterator[str]:
        """Each wrong use with its surroundings."""
        for found in re.finditer(self.word, text, re.IGNORECASE):
            start = max(0, found.start() - _AROUND)
            around = text[start : found.end() + _AROUND]
            at = found.start() - start
            if not any(
                place.start() <= at < place.end()
                for each in self.right
                for place in re.finditer(each, around, re.IGNORECASE)
            ):
                yield f"...{' '.join(around.split())}... (say: {self.instead})"


_MORTAL = (
    r"\b(process(es)?|tasks?|apps?|commands?|programs?|devices?|tools?|oomlab|servers?|child(ren)?|writers?|runs?|"
    r"threads?|owners?|somebody|nobody|who|whoever|QEMU|trigger|agents?)\b[^.;|]{0,50}\b(dies?|died|lives?|lived)\b"
)
RULES = (
    Rule(
        r"\b(dies?|died|lives?|lived)\b",
        "a process dies; a kernel invokes the OOM killer, crashes, or passes",
        (
            _MORTAL,
            r"\blive (line|progress|patch|fence)",
            r"\bit live\b",
            r"\b(died|dies) by\b",
            r"\becho died\b",
        ),
    ),
    Rule(
        r"\b(un)?served\b|\bserves?\b",
        "a request succeeds or fails; memory is allocated, by vmalloc; a free list satisfies a request",
        (r"\b(time|page|file) server", r"\bserves? as\b"),
    ),
    Rule(
        r"\b(kernel|allocator|driver|vmalloc)\b[^.;|]{0,30}\brefuse[sd]?\b"
        r"|\brequests?\b (is|are|was|were) refused",
        "a request fails",
        (r"\b(kernel|driver)\b[^.;|]{0,40}\bis refused\b",),
    ),
    Rule(
        r"\bOOMs\b|\bOOMed\b|\bto OOM\b(?! up)",
        "invokes the OOM killer",
        (r"\b(of|as|cgroup|crashes,|no|all|any|many|first|count|the|\d+|and other) OOMs\b",),
    ),
    Rule(r"\bin one piece\b|\bpieces that are too small\b", "physically contiguous memory; fragmentation"),
    Rule(r"\bcompaction\b[^.;|]{0,20}\bput off\b", "compaction deferred"),
    Rule(r"\b(mmaps?|requests?|mappings?)\b[^.;|]{0,20}\bcut off\b", "in flight when the trigger was killed"),
    Rule(r"\bcall(s|ed)? the OOM killer\b", "invoked the OOM killer"),
    Rule(r"\bmood\b", "host load"),
    Rule(r"\blaid at\b[^.;|]{0,20}\bdoor\b", "attributed to"),
    Rule(
        r"\brais(e|es|ed|ing) (a|the|each|every|its)? ?blocks?\b|\braised again\b",
        "prepare a block, ready, re-created",
    ),
    Rule(
        r"\b(frozen|freez(e|es|ing))\b",
        "a snapshot is taken",
        (
            r"\bfrozen (dataclass|process)",
            r"\b(device|server|process) (is frozen|freezes)",
            r"records?: frozen",
            r"\.frozen\b",
        ),
    ),
    Rule(r"\baskers?\b", "the requesting task"),
    Rule(
        r"\bask(s|ed|ing)? for (a |an |the )?"
        r"(order[ -]\d|\d+ ?[kKMG]i?B|contiguous|pages?|page array|block of|memory)\b",
        "requests",
        (r"\bbinder: ask for\b",),
    ),
    Rule(
        r"\b(ends?|ended|ending|end it|that)\b[^.;|]{0,20}\bin order\b(?! to)|, in order\b(?! to)",
        "cleanly: `order` is the page order",
    ),
    Rule(r"\bhurr(y|ies|ied)\b", "expedite"),
)

_CODE = re.compile(r"`[^`\n]*`")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROGRAMS_OWN = {"", "console", "text"}
"""Languages of fences that hold what this program prints; the others are code, or quote others."""
_PATTERN = re.compile(r"\\[bdswS(\[]|\(\?")


def of_page(text: str) -> str:
    """What a page says itself: without code, and without fences in a language."""
    kept = _FENCE.sub(lambda fence: fence[2] if fence[1] in _PROGRAMS_OWN else "", text)
    return _CODE.sub("`", kept)


def of_module(source: str) -> Iterator[str]:
    """The texts of a module of ours: constants that have a blank, but for docstrings and patterns."""
    tree = ast.parse(source)
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in silent else None
        if isinstance(text, str) and " " in text and not _PATTERN.search(text):
            yield _CODE.sub("`", text)


def of_agent(source: str) -> Iterator[str]:
    """What the guest's agent may say: its string constants that have a blank."""
    for found in re.finditer(r'"((?:[^"\\\n]|\\.)*)"', source):
        if " " in found[1]:
            yield found[1]


def faults(text: str) -> list[str]:
    """All wrong words of a text."""
    return [fault for rule in RULES for fault in rule.faults(text)]


def texts_of(checkout: Path) -> Iterator[tuple[str, str]]:
    """Where users read something, and what: pages, shipped scenarios, messages of program and agent."""
    for page in (checkout / "README.md", *sorted((checkout / "docs").glob("*.md"))):
        yield page.name, of_page(page.read_text())
    for path in sorted((checkout / "scenarios").rglob("*.*")):
        if path.suffix in (".yaml", ".toml"):
            yield path.name, path.read_text()
    for path in sorted((checkout / "orchestrator").rglob("*.py")):
        for text in of_module(path.read_text()):
            yield str(path.relative_to(checkout)), text
    for path in sorted((checkout / "orchestrator").rglob("*.jinja")):
        yield path.name, path.read_text()
    for path in sorted((checkout / "images" / "guest").rglob("*.c")):
        for text in of_agent(path.read_text()):
            yield str(path.relative_to(checkout)), text
