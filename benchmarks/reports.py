# SPDX-License-Identifier: Apache-2.0
"""How long do reports of a thousand trials take, and how large are they?

    python -m benchmarks.reports [--blocks N] [--forks N] [RUN]

Makes a run directory without a guest, through the real journal writer, with benchmarks, an audit and a
console for each trial (or takes RUN), and runs `oomlab report` on it once for every format, each in a
process of its own: start, reading and writing are in the figures.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.accounted import cpu_s
from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import Argument, run
from orchestrator.paths import cache_dir
from orchestrator.record.directory import RunDirectory
from orchestrator.report.formats.registry import FORMATS
from orchestrator.report.tables import PlainTable
from orchestrator.units import KIB, MIB
from tests.unit.report.factory import Made, run_directory

_CHECKOUT = Path(__file__).resolve().parent.parent
_REPORT_S = 300.0
_GOAL_S = 3.0
_GOAL_BYTES = 10 * MIB
_JUDGED = {ExitCode.MET, ExitCode.NOT_MET}


@dataclass(frozen=True)
class Figure:
    """One format: seconds from start to end, CPU seconds of the process, and bytes."""

    name: str
    wall_s: float
    cpu_s: float
    size_bytes: int


def measure(directory: Path, out: Path) -> Iterator[Figure]:
    """Every format once."""
    env = {"PYTHONPATH": str(_CHECKOUT), "OOMLAB_CACHE": str(cache_dir())}
    tool: list[Argument] = [sys.executable, "-P", "-m", "orchestrator", "report", directory]
    for name in FORMATS:
        before_s, started = cpu_s(resource.RUSAGE_CHILDREN), time.monotonic()
        done = run(
            [*tool, "--format", name, "-o", out], env=env, check=False,
            deadline=Deadline.after(_REPORT_S, f"the report as {name}"),
        )  # fmt: skip
        if done.returncode not in _JUDGED:
            raise SystemExit(done.stderr.decode())
        yield Figure(
            name,
            time.monotonic() - started,
            cpu_s(resource.RUSAGE_CHILDREN) - before_s,
            out.stat().st_size,
        )


def print_figures(directory: Path, figures: Iterator[Figure], console: Console) -> None:
    """A row a format, and what misses a goal."""
    journal = RunDirectory(directory).journal
    trials = journal.read_bytes().count(b'"kind":"trial-ended"')
    size_mib = journal.stat().st_size / MIB
    table = PlainTable(title=f"{trials} trials, journal of {size_mib:.1f} MiB")
    for heading in ("format", "seconds", "of CPU", "KiB", ""):
        table.add_column(heading, justify="left" if heading in ("format", "") else "right")
    for figure in figures:
        missed = figure.wall_s > _GOAL_S or figure.size_bytes > _GOAL_BYTES
        table.add_row(
            figure.name, f"{figure.wall_s:.2f}", f"{figure.cpu_s:.2f}", f"{figure.size_bytes / KIB:.0f}",
            "misses a goal" if missed else "",
        )  # fmt: skip
    console.print(table)
    load = os.getloadavg()[0]
    console.print(f"goals: {_GOAL_S:.0f} s, {_GOAL_BYTES // MIB} MiB; load of the last minute {load:.1f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports")
    parser.add_argument("run", nargs="?", type=Path, help="a run directory; default: one is made")
    parser.add_argument("--blocks", type=int, default=20, metavar="N", help="default: 20")
    parser.add_argument("--forks", type=int, default=23, metavar="N", help="of a block; default: 23")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oomlab-benchmark-") as scratch:
        directory = options.run
        if directory is None:
            made = Made(blocks=options.blocks, forks=options.forks)
            directory = run_directory(Path(scratch) / "run", made).path
        figures = measure(directory, Path(scratch) / "report")
        print_figures(directory, figures, Console(highlight=False, width=100))


if __name__ == "__main__":
    main()
