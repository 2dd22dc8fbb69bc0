# SPDX-License-Identifier: Apache-2.0
"""Every goal of speed in one table, each with what was measured and whether it is met.

    python -m benchmarks.goals [--repetitions N] [--forks N] [SCENARIO]

Wall times and rates are those of this machine as busy as it is: they mean something on one that does
nothing else. Shares and ratios of CPU time bear company better.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.accounted import cpu_s
from benchmarks.forks import Forked, forked
from benchmarks.limit import Limit, emulated_per_s, instructions
from benchmarks.whole_command import Whole, whole_command
from orchestrator.deadline import Deadline
from orchestrator.errors import OomlabError
from orchestrator.host.process import run
from orchestrator.paths import cache_dir
from orchestrator.report.console.live import PlainObserver
from orchestrator.report.tables import PlainTable
from orchestrator.run.environment import open_environment
from orchestrator.scenario.loading.loader import load_scenario
from orchestrator.units import KIB
from tests.unit.report.factory import Made, run_directory

_CHECKOUT = Path(__file__).resolve().parent.parent
_COMMAND_S = 300.0
_SMALL = Made(blocks=6, forks=1)
"""12 trials, and blocks enough for comparisons: what `oomlab report` mostly meets."""
_LARGE = Made(blocks=2, forks=250)
"""1,000 trials, as `benchmarks.many_trials` makes them."""


@dataclass(frozen=True)
class Row:
    """One goal: the median of the figures is to be below it, or with `least` at least it."""

    what: str
    figures: Sequence[float]
    form: str
    goal: float
    least: bool = False
    remark: str = ""

    @property
    def middle(self) -> float:
        """The figure that is held against the goal."""
        return statistics.median(self.figures)

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.middle >= self.goal if self.least else self.middle < self.goal


def command(what: str, goal_s: float, repetitions: int, *arguments: str | Path) -> Row:
    """Wall time of a whole command, interpreter start included; its CPU time is the remark."""
    env = {"PYTHONPATH": str(_CHECKOUT), "OOMLAB_CACHE": str(cache_dir())}
    argv = [sys.executable, "-P", "-m", "orchestrator", *arguments]
    wall_s, used_s = [], []
    for _ in range(repetitions + 1):
        before_s, started = cpu_s(resource.RUSAGE_CHILDREN), time.monotonic()
        run(argv, env=env, check=False, deadline=Deadline.after(_COMMAND_S, "the command ends"))
        wall_s.append(time.monotonic() - started)
        used_s.append(cpu_s(resource.RUSAGE_CHILDREN) - before_s)
    used = statistics.median(used_s[1:])  # the first may have had to compile or to read from disk
    return Row(what, wall_s[1:], ".2f", goal_s, remark=f"{used:.2f} s of CPU")


def starts(repetitions: int, scratch: Path) -> list[Row]:
    """Commands without a guest."""
    small, large = (run_directory(scratch / name, made).path for name, made in (("a", _SMALL), ("b", _LARGE)))
    return [
        command("`--help`, s", 0.3, repetitions, "--help"),
        command("`report` of 12 trials, s", 0.8, repetitions, "report", small),
        command("`report` of 1,000 trials, s", 1.0, repetitions, "report", large),
    ]


def shortest(runs: Sequence[Whole]) -> list[Row]:
    """One block, one fork of each variant."""
    return [
        Row("shortest run: wall outside guests, s", [each.around_guests_s for each in runs], ".2f", 0.8),
        Row("shortest run: tool's CPU, share", [each.own_share for each in runs], ".1%", 0.12,
            remark=f"{statistics.median(each.own_cpu_s for each in runs):.2f} s"),
    ]  # fmt: skip


def forking(runs: Sequence[Forked], limit: Limit, short: Sequence[Whole]) -> list[Row]:
    """One block and many forks, two guests at once."""
    trials = runs[0].trials
    starts_ms = [1000 * statistics.median(each.start_s) for each in runs]
    private_mib = [statistics.median(each.private_kb) / KIB for each in runs]
    most_mib = max(max(each.private_kb) for each in runs) / KIB
    short_s = statistics.median(each.guests_cpu_s for each in short)
    # Both have one block, and the shortest run two forks: the rest is forks alone.
    fork_s = [(each.all_cpu_s - each.tool_cpu_s - short_s) / (each.trials - 2) for each in runs]
    counts = ", ".join(f"{name} {count / 1e6:.0f} M" for name, count in limit.instructions.items())
    return [
        Row(f"{trials} forks: tool's CPU, share", [each.tool_cpu_s / each.all_cpu_s for each in runs], ".1%",
            0.05, remark=f"{statistics.median(each.tool_cpu_s for each in runs):.2f} s"),
        Row("forked trials a minute", [60 * each.trials / each.forking_s for each in runs], ".0f", 220,
            least=True),
        Row("fork to running guest, median, ms", starts_ms, ".0f", 100),
        Row("private memory of a fork, median, MiB", private_mib, ".0f", 70, remark=f"most {most_mib:.0f}"),
        Row("CPU of a forked guest / its limit", [each / limit.mean_s for each in fork_s], ".1f", 2,
            remark=f"{statistics.median(fork_s):.3f} s / {limit.mean_s:.3f} s: instructions {counts}, "
            f"{limit.per_s / 1e6:.0f} M a second"),
    ]  # fmt: skip


def measure(scenario: str, repetitions: int, forks: int, people: Console) -> list[Row]:
    """All of it, warm; OomlabError when something cannot be run."""
    loaded = load_scenario(Path(scenario), ["trials.blocks=1", "audit=false"])
    environment = open_environment(loaded.scenario, PlainObserver(people))
    settings = ["trials.blocks=1", "audit=false"]
    many = [*settings, f"trials.forks={forks}", "trials.timing=false"]
    with tempfile.TemporaryDirectory(prefix="oomlab-benchmark-") as directory:
        scratch = Path(directory)

        def fresh(name: str) -> Path:
            place = scratch / name
            place.mkdir()
            return place

        rows = starts(repetitions, fresh("reports"))
        people.print("commands without a guest: done")
        counted = fresh("counted")
        forked(scenario, [*settings, "trials.forks=1", "trials.clock=[deterministic]"], 1, counted)
        limit = Limit(instructions(counted / "run-1"), emulated_per_s(environment))
        people.print("the limit: done")
        short = [whole_command(scenario, 1, fresh(f"short-{each}")) for each in range(repetitions)]
        people.print("the shortest run: done")
        long = [forked(scenario, many, 2, fresh(f"long-{each}")) for each in range(repetitions)]
        return [*rows, *shortest(short), *forking(long, limit, short)]


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """One line a goal."""
    table = PlainTable()
    for title in ("figure", "median", "least to most", "goal", "", "of it"):
        table.add_column(title, justify="right" if title in ("median", "least to most", "goal") else "left")
    for row in rows:
        least, most = (format(edge, row.form) for edge in (min(row.figures), max(row.figures)))
        sign = "at least" if row.least else "below"
        table.add_row(
            row.what, format(row.middle, row.form), f"{least} to {most}",
            f"{sign} {format(row.goal, row.form)}", "met" if row.met else "missed", row.remark,
        )  # fmt: skip
    console.print(table)


def main() -> None:
    """Measure and print; the table goes to stdout, progress to stderr."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.goals")
    parser.add_argument("scenario", nargs="?", default="binder-order3", help="default: binder-order3")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--forks", type=int, default=30, metavar="N", help="of each variant; default: 30")
    options = parser.parse_args()
    people = Console(stderr=True, highlight=False)
    load, before_s = os.getloadavg()[0], cpu_s(resource.RUSAGE_CHILDREN)
    try:
        rows = measure(options.scenario, options.repetitions, options.forks, people)
    except OomlabError as error:
        people.print(f"error: {error.message}", *error.evidence, sep="\n", markup=False)
        sys.exit(error.exit_code)
    console = Console(highlight=False, width=180)
    print_rows(rows, console)
    taken_s = cpu_s(resource.RUSAGE_CHILDREN) - before_s
    console.print(
        f"{options.repetitions} repetitions, {taken_s:.0f} s of CPU time; load {load:.1f} before, "
        f"{os.getloadavg()[0]:.1f} after"
    )


if __name__ == "__main__":
    main()
