# SPDX-License-Identifier: Apache-2.0
"""What decides verdicts, figures and their words, and the unit tests that guard it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Room:
    """Sources of one subject (patterns below `orchestrator/`) and the tests of it (below `tests/unit/`)."""

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self, checkout: Path) -> Iterator[Path]:
        """Its modules; a pattern that matches nothing is a mistake of this table."""
        for pattern in self.sources:
            found = sorted((checkout / "orchestrator").glob(pattern))
            if not found:
                raise LookupError(f"{self.name}: no module is called orchestrator/{pattern}")
            yield from (path for path in found if path.name != "__init__.py")

    def test_paths(self, checkout: Path) -> list[str]:
        """Its tests, as pytest takes them."""
        return [str(checkout / "tests" / "unit" / name) for name in self.tests]


ROOMS = (
    Room(
        "verdict",
        ("verdict.py", "variant_verdict.py", "judge.py", "expectations.py", "attempts.py",
         "control_group.py", "evidence.py", "outcome.py"),
        ("core", "report"),
    ),
    Room(
        "figures",
        ("audit.py", "figures.py", "requests.py", "histogram.py", "benchmark.py", "units.py"),
        ("core", "report"),
    ),
    Room("analysis", ("analysis/*.py",), ("analysis", "report")),
    Room("oom", ("oom/*.py",), ("oom",)),
    Room("memory", ("memory/*.py",), ("memory",)),
    Room("mail", ("mail/*.py",), ("mail",)),
    Room("scenario", ("scenario/*.py",), ("scenario",)),
)  # fmt: skip
