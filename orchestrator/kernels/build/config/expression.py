# SPDX-License-Identifier: Apache-2.0
"""Conditions of Kconfig (Documentation/kbuild/kconfig-language.rst, "Menu dependencies") on a .config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r'\$\((?:[^()]|\([^()]*\))*\)|"[^"]*"|\'[^\']*\'|&&|\|\||!=|<=|>=|[=<>!()]|[\w.-]+', re.ASCII
)
_CONSTANTS = {"y": 2, "m": 1, "n": 0}
_COMPARISONS = ("=", "!=", "<", ">", "<=", ">=")
_YES = 2


@dataclass
class _Tokens:
    """What is left of a condition. Past the end there are empty tokens."""

    rest: list[str]

    def next(self) -> str:
        return self.rest.pop(0) if self.rest else ""

    def peek(self) -> str:
        return self.rest[0] if self.rest else ""


def unsatisfied(condition: str, options: Mapping[str, str]) -> list[str]:
    """The parts of a condition, of those joined by `&&`, that a configuration does not satisfy.

    What only the build can tell (`$(...)`, a comparison) counts as satisfied.
    """
    return [part for part in _conjuncts(condition) if not _either(_Tokens(_TOKEN.findall(part)), options)]


def _conjuncts(condition: str) -> list[str]:
    """Split at each `&&` that is in no parentheses."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(condition):
        depth += (token == "(") - (token == ")")
        if token == "&&" and depth == 0:
            parts.append("")
        else:
            parts[-1] += ("" if token == ")" or parts[-1][-1:] in ("", "(", "!") else " ") + token
    return [part for part in parts if part]


def _either(tokens: _Tokens, options: Mapping[str, str]) -> int:
    value = _both(tokens, options)
    while tokens.peek() == "||":
        tokens.next()
        value = max(value, _both(tokens, options))
    return value


def _both(tokens: _Tokens, options: Mapping[str, str]) -> int:
    value = _one(tokens, options)
    while tokens.peek() == "&&":
        tokens.next()
        value = min(value, _one(tokens, options))
    return value


def _one(tokens: _Tokens, options: Mapping[str, str]) -> int:
    token = tokens.next()
    if token == "!":
        return _YES - _one(tokens, options)
    if token == "(":
        value = _either(tokens, options)
        tokens.next()
        return value
    if tokens.peek() in _COMPARISONS:
        tokens.next()
        tokens.next()
        return _YES
    if token[:1] in ("$", '"', "'", ""):
        return _YES
    return _CONSTANTS.get(token, _CONSTANTS.get(options.get(token, "n"), _YES))
