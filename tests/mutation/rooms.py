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
        ("verdict/*.py", "evidence/judge.py", "evidence/kernel_words.py", "evidence/load_end.py",
         "evidence/crash_count.py", "evidence/evidence.py", "evidence/process_end.py",
         "analysis/controls.py", "outcome.py", "runs_compared/*.py"),
        ("verdict", "evidence", "analysis/test_controls.py", "report"),
    ),
    Room(
        "figures",
        ("evidence/audit.py", "evidence/measurements.py", "evidence/requests.py", "evidence/histogram.py",
         "evidence/benchmarks.py", "record/fallback.py", "record/output_log.py", "text/amounts.py",
         "binder.py", "units.py"),
        ("evidence", "text", "record/test_fallback.py", "record/test_output_log.py", "report"),
    ),
    Room("analysis", ("analysis/*.py",), ("analysis", "verdict/test_verdict.py", "report")),
    Room("oom", ("oom/*.py",), ("oom", "logs")),
    Room("memory", ("memory/*.py",), ("memory", "analysis/test_picture_table.py")),
    Room("mail", ("mail/*.py", "patch_review/*.py"), ("mail", "patch_review")),
    Room("scenario", ("scenario/*.py", "scenario/loading/*.py"), ("scenario",)),
)  # fmt: skip
