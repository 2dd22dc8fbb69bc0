# SPDX-License-Identifier: Apache-2.0
"""The files of the repository: as git sees them, or all that are not ignored where there is no git."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.host.process import run


def files(checkout: Path) -> list[Path]:
    """Every file that is or would be committed; recorded data and licence texts included."""
    # A minimal host has no git, and an unpacked archive of the repository no history.
    in_git = (checkout / ".git").exists() and shutil.which("git") is not None
    names = _listed(checkout) if in_git else _found(checkout)
    return [checkout / name for name in sorted(set(names)) if (checkout / name).is_file()]


def _listed(checkout: Path) -> list[str]:
    # Continuous integration may run as another user than the one who cloned.
    listing = run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout,
        deadline=Deadline.after(30, "git ls-files"),
    )
    return listing.stdout.decode().rstrip("\0").split("\0")


def _found(checkout: Path) -> Iterator[str]:
    """What .gitignore leaves. Only what our own has is understood: names, and paths from the top."""
    lines = (checkout / ".gitignore").read_text().splitlines()
    ignored = [line.rstrip("/") for line in lines if line and not line.startswith("#")]

    def is_ignored(path: Path) -> bool:
        top = f"/{path.relative_to(checkout)}"
        return path.name == ".git" or any(
            fnmatch(top if pattern.startswith("/") else path.name, pattern) for pattern in ignored
        )

    for directory, inside, names in os.walk(checkout):
        here = Path(directory)
        inside[:] = [name for name in inside if not is_ignored(here / name)]
        yield from (str((here / name).relative_to(checkout)) for name in names if not is_ignored(here / name))


def texts(checkout: Path) -> Iterator[tuple[Path, str]]:
    """Path (relative to the checkout) and content of every file that is text."""
    for path in files(checkout):
        content = path.read_bytes()
        if b"\0" not in content:
            yield path.relative_to(checkout), content.decode(errors="replace")
