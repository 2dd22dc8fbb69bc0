# SPDX-License-Identifier: Apache-2.0
"""The linters, each by name: the tests run all of them, and so do the hooks of `.pre-commit-config.yaml`.

python -m tests.linters NAME...     from the root of a checkout; exit code 1 when one finds something
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from tests.unit.project import tree

_MOST_S = 300.0


def _module(*words: str) -> Callable[[Path], list[str]]:
    return lambda _checkout: [sys.executable, "-m", *words]


def _script(name: str) -> str:
    return str(Path(sysconfig.get_path("scripts")) / name)


def _shellcheck(checkout: Path) -> list[str]:
    scripts = map(os.fspath, shell_scripts(checkout))
    return [_script("shellcheck"), "--enable=require-double-brackets,quote-safe-variables", *scripts]


LINTERS: dict[str, Callable[[Path], list[str]]] = {
    "ruff-check": _module("ruff", "check", "--quiet"),
    "ruff-format": _module("ruff", "format", "--check", "--quiet"),
    "mypy": _module("mypy", "--strict", "--no-error-summary"),
    "import-linter": lambda _checkout: [_script("lint-imports"), "--no-cache", "--no-logo"],
    "shellcheck": _shellcheck,
    "zizmor": lambda _checkout: [_script("zizmor"), "--offline", "--strict-collection", "--quiet", ".github"],
}
"""The command line of each, given the root of the checkout, in which it is run."""


def shell_scripts(checkout: Path) -> list[Path]:
    """Every file that a shell runs, by its first line."""
    return [path for path in tree.files(checkout) if _is_shell(path)]


def _is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        return file.readline().rstrip() in {b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash"}


def findings(name: str, checkout: Path) -> str | None:
    """What the linter called `name` wrote; None when it found nothing. DeadlinePassed after five minutes."""
    argv = LINTERS[name](checkout)
    paths = {"PYTHONPATH": os.fspath(checkout)}
    done = run(argv, cwd=checkout, env=paths, deadline=Deadline.after(_MOST_S, name), check=False)
    return None if done.returncode == 0 else (done.stdout + done.stderr).decode(errors="replace")


def main(names: Sequence[str], checkout: Path) -> int:
    """Run the linters called `names`, all of them if there are none; 1 when one of them finds something."""
    found = {name: findings(name, checkout) for name in names or LINTERS}
    for name, text in found.items():
        if text is not None:
            print(f"{name}:\n{text}", file=sys.stderr)
    return int(any(text is not None for text in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path.cwd()))
