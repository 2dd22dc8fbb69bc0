# SPDX-License-Identifier: Apache-2.0
"""The snippets of docs/ci.md, by the heading above them, and a place to run them in."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.host.process import Completed, run

SNIPPET_S = 300.0


@dataclass(frozen=True)
class Snippet:
    """A block of the page."""

    heading: str
    language: str
    text: str

    @property
    def is_file(self) -> bool:
        """A script that lies in examples/, shown whole."""
        return self.text.startswith("#!")


def snippets(checkout: Path, language: str = "") -> list[Snippet]:
    """Those in a language, or all, in the order of the page."""
    return [each for each in _snippets(checkout) if language in ("", each.language)]


def snippet(checkout: Path, heading: str) -> Snippet:
    """The commands below a heading."""
    (found,) = (each for each in snippets(checkout, "sh") if each.heading == heading)
    return found


def _snippets(checkout: Path) -> Iterator[Snippet]:
    page = (checkout / "docs" / "ci.md").read_text()
    heading = ""
    for found in re.finditer(r"^## ([^\n]+)$|^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        if found[1]:
            heading = found[1]
        else:
            yield Snippet(heading, found[2], found[3])


def lay_out(place: Path, checkout: Path, launcher: str) -> None:
    """What snippets find in a clone, with a launcher of the test's."""
    (place / "oomlab").write_text(launcher)
    (place / "oomlab").chmod(0o755)
    shutil.copytree(checkout / "examples" / "ci", place / "examples" / "ci")
    for name in ("scenarios", "requirements.lock"):
        (place / name).symlink_to(checkout / name)


def run_as_a_job(text: str, place: Path, environment: Mapping[str, str]) -> Completed:
    """Run a snippet as services do: a shell that ends at the first command that fails."""
    settings = {"CI": "true", "HOME": os.fspath(place), **environment}
    return run(
        ["sh", "-eu", "-c", text], cwd=place, env=settings, deadline=Deadline.after(SNIPPET_S, "the snippet"),
        check=False,
    )  # fmt: skip
