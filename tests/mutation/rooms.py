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
        (
            "verdict/verdict.py",
            "verdict/variant.py",
            "evidence/judge.py",
            "verdict/judgement.py",
            "verdict/expectations.py",
            "verdict/attempts.py",
            "verdict/alike.py",
            "analysis/controls.py",
            "evidence/crash_count.py",
            "evidence/evidence.py",
            "outcome.py",
            "evidence/process_end.py",
            "runs_compared/*.py",
        ),
        (
            "verdict/test_alike.py",
            "verdict/test_attempts.py",
            "analysis/test_controls.py",
            "evidence/test_crash_count.py",
            "evidence/test_evidence.py",
            "verdict/test_expectations.py",
            "evidence/test_judge.py",
            "verdict/test_pictures.py",
            "evidence/test_reasons.py",
            "verdict/test_variant.py",
            "verdict/test_verdict.py",
            "evidence/test_benchmarks.py",
            "report",
        ),
    ),
    Room(
        "figures",
        (
            "text/amounts.py",
            "evidence/audit.py",
            "binder.py",
            "evidence/figures.py",
            "record/fallback.py",
            "evidence/requests.py",
            "evidence/histogram.py",
            "evidence/benchmarks.py",
            "record/output_log.py",
            "units.py",
        ),
        (
            "text/test_amounts.py",
            "evidence/test_benchmarks.py",
            "record/test_fallback.py",
            "evidence/test_figures.py",
            "evidence/test_requests.py",
            "text/test_units.py",
            "record/test_output_log.py",
            "evidence/test_judge.py",
            "evidence/test_audit.py",
            "report",
        ),
    ),
    Room("analysis", ("analysis/*.py",), ("analysis", "verdict/test_verdict.py", "report")),
    Room("oom", ("oom/*.py",), ("oom",)),
    Room("memory", ("memory/*.py",), ("memory",)),
    Room("mail", ("mail/*.py",), ("mail",)),
    Room("scenario", ("scenario/*.py",), ("scenario",)),
)
