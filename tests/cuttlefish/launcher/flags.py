# SPDX-License-Identifier: Apache-2.0
"""The launcher's command line, read as strictly as gflags reads it.

Which flags there are is asked of the real programs (`--helpxml`), so that no list of them can grow old here.
Stricter than the real launcher in one point: the thirty string flags that it lets pass for booleans
(`--enable_audio` for `--enable_audio=true`) want their value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from orchestrator.deadline import Deadline
from orchestrator.host.process import run

# Those of cvd_internal_start itself. Debian's 1.57 cannot be asked: its `--helpxml` starts `cvd create`.
_OF_THE_LAUNCHER = {
    "base_instance_num": "int32", "verbosity": "string", "file_verbosity": "string",
}  # fmt: skip
_PROGRAMS = ("assemble_cvd", "run_cvd")
_BOOLEANS = {"true": True, "1": True, "t": True, "yes": True, "y": True,
             "false": False, "0": False, "f": False, "no": False, "n": False}  # fmt: skip
_HELP_S = 60.0


class FlagError(Exception):
    """What gflags would print before it ends with status 1."""


@dataclass(frozen=True)
class Flags:
    """The flags that were given. What was not given has its program's default."""

    given: Mapping[str, str]
    defaults: Mapping[str, str]

    def text(self, name: str) -> str:
        """The value of a flag; "unset" and nothing mean the default."""
        value = self.given.get(name, "")
        return self.defaults.get(name, "") if value in ("", "unset") else value

    def number(self, name: str) -> int:
        """The value of a flag that holds a number."""
        text = self.text(name) or "0"
        if not re.fullmatch(r"-?\d+", text):
            raise FlagError(f"ERROR: illegal value '{text}' specified for int32 flag '{name}'")
        return int(text)

    def has(self, name: str) -> bool:
        """Whether a flag was given a value."""
        return bool(self.given.get(name))


@dataclass(frozen=True)
class Known:
    """Type and default of every flag of the launcher."""

    types: Mapping[str, str]
    defaults: Mapping[str, str]


def known_flags(tools: Path) -> Known:
    """What the real programs in a directory say of themselves. They end with 1 after their help."""
    types, defaults = dict(_OF_THE_LAUNCHER), {"base_instance_num": "1"}
    for program in _PROGRAMS:
        done = run(
            [tools / program, "--helpxml"],
            deadline=Deadline.after(_HELP_S, f"{program} --helpxml"),
            check=False,
        )
        for flag in ElementTree.fromstring(done.stdout).iter("flag"):
            name = flag.findtext("name", "").strip()
            types[name] = flag.findtext("type", "string").strip()
            defaults[name] = flag.findtext("default", "").strip()
    return Known(types, defaults)


def parse(argv: Sequence[str], known: Known) -> Flags:
    """The flags of a command line; FlagError in gflags' words. What is no flag is ignored, as there."""
    given: dict[str, str] = {}
    undefined_is_fine = _undefok(argv)
    words = iter(argv)
    for word in words:
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            continue
        spelled, equals, value = word.lstrip("-").partition("=")
        name = spelled.replace("-", "_")
        kind, name, value, complete = _resolved(spelled, name, value, bool(equals), known)
        if kind is None:
            if spelled in undefined_is_fine or name in undefined_is_fine:
                continue
            raise FlagError(f"ERROR: unknown command line flag '{spelled}'")
        if not complete:
            value = next(words, "")
            if not value:
                raise FlagError(f"ERROR: flag '--{spelled}' is missing its argument")
        _check(name, kind, value)
        given[name] = value
    return Flags(given, known.defaults)


def _undefok(argv: Iterable[str]) -> set[str]:
    return {
        name
        for word in argv
        if word.lstrip("-").startswith("undefok=")
        for name in word.partition("=")[2].split(",")
    }


def _resolved(
    spelled: str, name: str, value: str, has_value: bool, known: Known
) -> tuple[str | None, str, str, bool]:
    """Type, name and value of a flag, and whether it has its value: `--resume` and `--noresume` do."""
    kind = known.types.get(name)
    if kind == "bool" and not has_value:
        return kind, name, "true", True
    if kind is None and name.startswith("no") and not has_value:
        positive = name.removeprefix("no")
        if known.types.get(positive) == "bool" and "-" not in spelled[:3]:
            return "bool", positive, "false", True
        if positive in known.types:
            raise FlagError(
                f"ERROR: boolean value ({name}) specified for {known.types[positive]} command line flag"
            )
    return kind, name, value, has_value


def _check(name: str, kind: str, value: str) -> None:
    if kind == "bool" and value.lower() not in _BOOLEANS:
        raise FlagError(f"ERROR: illegal value '{value}' specified for bool flag '{name}'")
    if kind == "int32" and not re.fullmatch(r"-?\d+", value):
        raise FlagError(f"ERROR: illegal value '{value}' specified for int32 flag '{name}'")
