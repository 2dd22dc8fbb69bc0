# SPDX-License-Identifier: Apache-2.0
"""Somebody's files, which no input may read, change, add to or take away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

SECRET = "a word that nobody else may see"


@dataclass(frozen=True)
class Home:
    """A directory with a secret in every file that a run directory could have, too."""

    path: Path
    content: dict[str, bytes]

    @classmethod
    def made(cls, path: Path) -> Self:
        """Make it."""
        (path / "0001").mkdir(parents=True)
        # Half a line at the end: what `--resume` would take off a journal.
        text = f'{{"event":"hello"}}\n{SECRET}\n{SECRET}'
        for name in ("file", "console.log", "control.jsonl", "0001/console.log", "0001/control.jsonl"):
            (path / name).write_text(text)
        return cls(path, cls._content(path))

    @staticmethod
    def _content(path: Path) -> dict[str, bytes]:
        return {str(each): each.read_bytes() for each in sorted(path.rglob("*")) if each.is_file()}

    @property
    def untouched(self) -> bool:
        """Nothing was changed, added or taken away."""
        return self._content(self.path) == self.content
