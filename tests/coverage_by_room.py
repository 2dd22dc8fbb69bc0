# SPDX-License-Identifier: Apache-2.0
"""What the tests ran of every room, for pytest's summary: `oomlab test --coverage` loads this plugin.

Measured is the process of the tests. What it starts (the command line in a process of its own, guests,
builds) is not: nothing of that is in the figures. They have no threshold, for a line that ran is not a line
that was held to anything; `oomlab test mutation` asks for that.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import coverage
import pytest

_ROOT = "(root)"


@dataclass
class Share:
    """Statements and branches, and how many of them ran."""

    statements: int = 0
    statements_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def add(self, summary: Mapping[str, int]) -> None:
        """Take in a file's `summary` of coverage's JSON report."""
        self.statements += summary["num_statements"]
        self.statements_run += summary["covered_lines"]
        self.branches += summary["num_branches"]
        self.branches_run += summary["covered_branches"]

    @property
    def percent(self) -> float:
        """Of both together, as coverage counts; 100 where there is nothing to run."""
        whole = self.statements + self.branches
        return 100 * (self.statements_run + self.branches_run) / whole if whole else 100.0


def by_room(report: Mapping[str, Any]) -> dict[str, Share]:
    """The share of every room, the one that was run least first, from coverage's JSON report."""
    rooms: defaultdict[str, Share] = defaultdict(Share)
    for name, file in report["files"].items():
        inside = PurePath(name).parts[1:]
        rooms[inside[0] if len(inside) > 1 else _ROOT].add(file["summary"])
    return dict(sorted(rooms.items(), key=lambda room: room[1].percent))


def table(rooms: Mapping[str, Share]) -> Iterable[str]:
    """A line for every room, and one for all."""
    yield f"{'room':15} {'statements':>10} {'run':>7} {'branches':>10} {'run':>7} {'both':>7}"
    whole = Share()
    for name, share in rooms.items():
        yield _row(name, share)
        for field in ("statements", "statements_run", "branches", "branches_run"):
            setattr(whole, field, getattr(whole, field) + getattr(share, field))
    yield _row("total", whole)


def _row(name: str, share: Share) -> str:
    run = _percent(share.statements_run, share.statements)
    taken = _percent(share.branches_run, share.branches)
    return f"{name:15} {share.statements:10} {run} {share.branches:10} {taken} {share.percent:6.1f}%"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:6.1f}%" if whole else f"{'-':>7}"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the table before pytest's last line."""
    measured = coverage.Coverage.current()
    if measured is None:
        return
    measured.stop()
    measured.save()
    reading = coverage.Coverage()  # says nothing of the files it writes, as `coverage run` would
    reading.load()
    file = Path(config.rootpath, ".coverage.json")
    try:
        reading.json_report(outfile=str(file))
        report = json.loads(file.read_text())
    except coverage.CoverageException as error:  # nothing of the package was run
        terminalreporter.write_line(f"coverage: {error}")
        return
    finally:
        file.unlink(missing_ok=True)
    terminalreporter.section("coverage by room, of the tests' own process")
    for line in table(by_room(report)):
        terminalreporter.write_line(line)
