# SPDX-License-Identifier: Apache-2.0
"""The files of the repository, as git sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.process import run


def files(checkout: Path) -> list[Path]:
    """Every file that is or would be committed; recorded data and licence texts included."""
    # Continuous integration may run as another user than the one who cloned.
    listing = run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout,
        deadline=Deadline.after(30, "git ls-files"),
    )
    names = listing.stdout.decode().rstrip("\0").split("\0")
    return [checkout / name for name in sorted(set(names)) if (checkout / name).is_file()]


def texts(checkout: Path) -> Iterator[tuple[Path, str]]:
    """Path (relative to the checkout) and content of every file that is text."""
    for path in files(checkout):
        content = path.read_bytes()
        if b"\0" not in content:
            yield path.relative_to(checkout), content.decode(errors="replace")
