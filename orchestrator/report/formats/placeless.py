# SPDX-License-Identifier: Apache-2.0
"""Commands and names without what is this machine's alone: directories, hosts, where reports go."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

_OF_THIS_MACHINE = ("--out", "--host", "--report", "--jobs", "--memory-limit", "--artefacts-from", "--lock")
_SWITCHES = ("--json", "--detach", "--offline", "--yes")
_GUESTS = "proc|sys|dev|bin|sbin|data|vendor|system|apex"
_PATH = re.compile(
    rf"(?<![\w./~-])(?!/(?:{_GUESTS})/)(?:~[\w.-]*|\.{{1,2}})?/(?:[^\s/,;:'\"\])}}]+/)*(?=[^\s/,;:'\"\])}}]+)"
)
"""The directories of a path that begins at the root, at home, or here: not of `mm/slub.c`, nor in a guest."""


def placeless(text: str) -> str:
    """The text with every such path as its last name."""
    return _PATH.sub("", text)


def repeat_command(command: str) -> str | None:
    """A command for readers elsewhere; None where only a shell can take it apart."""
    try:
        words = shlex.split(command)
    except ValueError:  # somebody changed it
        return None
    if not words or "$'" in command:
        return None
    return shlex.join(["oomlab", *_kept(words[1:])])


def _kept(words: Sequence[str]) -> Iterator[str]:
    skip = False
    for word in words:
        option = word.partition("=")[0]
        if skip or word in _SWITCHES:
            skip = False
        elif option in _OF_THIS_MACHINE:
            skip = "=" not in word
        else:
            yield _named(word)


def _named(word: str) -> str:
    """A word that is a path as its last name, though there are blanks in it."""
    option, equals, value = word.partition("=")
    path, before = (value, option + equals) if option.startswith("--") and equals else (word, "")
    if path.startswith(("/", "~/", "./", "../")):
        return before + (PurePosixPath(path).name or path)
    return placeless(word)
