# SPDX-License-Identifier: Apache-2.0
"""A strict reader of KTAP version 1 (Documentation/dev-tools/ktap.rst): what is not in there is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_RESULT = re.compile(r"(ok|not ok) ([0-9]+)(?: ([^#]*?))?(?: # ?(.*))?")
_DIRECTIVE = re.compile(r"(SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b ?(.*)")


@dataclass
class Test:
    """A result line with what came before it."""

    __test__ = False

    ok: bool
    number: int
    name: str
    directive: str | None
    data: str
    subtests: list[Test] = field(default_factory=list)
    diagnostics: list[str] = field(default_factory=list)


class NotKtap(ValueError):
    """A line that the specification does not allow there."""


def parse_ktap(text: str) -> list[Test]:
    """The top-level tests; NotKtap names the first wrong line."""
    if not text.endswith("\n"):
        raise NotKtap("the last line does not end")
    lines = text.removesuffix("\n").split("\n")
    tests, rest = _level(lines, 0)
    if rest != len(lines):
        raise NotKtap(f"line {rest + 1}: {lines[rest]!r}")
    return tests


def _level(lines: list[str], at: int, indent: str = "") -> tuple[list[Test], int]:
    """One version line, one plan, then tests, each with its subtests and diagnostics before it."""
    _expect(lines, at, f"{indent}KTAP version 1")
    plan = re.fullmatch(rf"{indent}1\.\.([0-9]+)", lines[at + 1])
    if plan is None:
        raise NotKtap(f"line {at + 2}: no plan: {lines[at + 1]!r}")
    at += 2
    tests: list[Test] = []
    subtests: list[Test] = []
    diagnostics: list[str] = []
    while at < len(lines) and lines[at].startswith(indent):
        line = lines[at][len(indent) :]
        if line == "  KTAP version 1":
            subtests, at = _level(lines, at, indent + "  ")
            continue
        if line.startswith("# "):
            diagnostics.append(line[2:])
        elif (found := _RESULT.fullmatch(line)) is not None:
            tests.append(_test(found, subtests, diagnostics))
            subtests, diagnostics = [], []
        else:
            raise NotKtap(f"line {at + 1}: {lines[at]!r}")
        at += 1
    if [test.number for test in tests] != list(range(1, int(plan[1]) + 1)):
        raise NotKtap(f"planned {plan[1]} tests, found numbers {[test.number for test in tests]}")
    if subtests:
        raise NotKtap("subtests without the result of their test")
    return tests, at


def _expect(lines: list[str], at: int, wanted: str) -> None:
    if at + 1 >= len(lines) or lines[at] != wanted:
        raise NotKtap(f"line {at + 1}: {wanted!r} is missing")


def _test(found: re.Match[str], subtests: list[Test], diagnostics: list[str]) -> Test:
    result, number, name, data = found.groups()
    directive = _DIRECTIVE.fullmatch(data or "")
    test = Test(
        ok=result == "ok",
        number=int(number),
        name=name or "",
        directive=directive[1] if directive else None,
        data=directive[2] if directive else data or "",
        subtests=subtests,
        diagnostics=diagnostics,
    )
    if test.directive in ("TIMEOUT", "ERROR") and test.ok:
        raise NotKtap(f"{test.directive} of a test that is ok: {found[0]!r}")
    if test.ok and any(not each.ok and each.directive != "SKIP" for each in subtests):
        raise NotKtap(f"a subtest of {name} failed, but it is ok")
    return test
