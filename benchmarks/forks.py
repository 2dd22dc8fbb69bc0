# SPDX-License-Identifier: Apache-2.0
"""Forked trials against cold ones, in one run, taking turns.

    python -m benchmarks.forks [--repetitions N] [--forks N] [--set FIELD=VALUE]... [SCENARIO]

Cold: a boot for every trial, straight through, in bare QEMU with nothing around it. Forked: `oomlab
run` with one block and many forks. Each with one and with two guests at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from benchmarks.accounted import cpu_s
from benchmarks.whole_command import bare_commands
from orchestrator.deadline import Deadline
from orchestrator.errors import OomlabError
from orchestrator.host.process import Argument, run
from orchestrator.paths import cache_dir
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import BlockEnded, Entry, TrialEnded, TrialStarted, read_journal
from orchestrator.report.console.live import PlainObserver
from orchestrator.report.tables import PlainTable
from orchestrator.run.environment import Environment, open_environment
from orchestrator.scenario.loading.loader import load_scenario
from orchestrator.units import KIB

_CHECKOUT = Path(__file__).resolve().parent.parent
_ONE_SIDE_S = 1800.0
_WORKERS = (1, 2)
_GOALS = (
    "goals: forked at least 8 times as many as cold; 150 a minute on two idle cores; fork to running guest "
    "150 ms; private memory below 70 MiB of a 256 MiB guest; tool share below 5 %"
)


@dataclass(frozen=True)
class Forked:
    """One `oomlab run` of one block."""

    trials: int
    forking_s: float
    whole_s: float
    start_s: Sequence[float]
    private_kb: Sequence[int]
    all_cpu_s: float
    tool_cpu_s: float


@dataclass(frozen=True)
class Cold:
    """Trials that are boots of their own, in bare QEMU."""

    trials: int
    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Repetition:
    """Both sides with so many guests at a time."""

    workers: int
    cold: Cold
    forked: Forked
    load: float

    @property
    def cold_a_minute(self) -> float:
        """From the first power-on to the end of the last guest."""
        return 60 * self.cold.trials / self.cold.wall_s

    @property
    def cold_cpu_s(self) -> float:
        """CPU time of one cold trial."""
        return self.cold.cpu_s / self.cold.trials

    @property
    def forked_cpu_s(self) -> float:
        """CPU time of one forked trial, with its part of the block and of the tool."""
        return self.forked.all_cpu_s / self.forked.trials

    @property
    def forked_a_minute(self) -> float:
        """From the block's snapshot to the end of the last trial."""
        return 60 * self.forked.trials / self.forked.forking_s


def cold(environment: Environment, workers: int, scratch: Path) -> Cold:
    """The scenario's first block, every variant once per worker, each a boot."""
    commands = [
        argv for copy in range(workers) for argv in bare_commands(environment, scratch, prefix=f"{copy}-")
    ]
    before_s, started = cpu_s(resource.RUSAGE_CHILDREN), time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(_boot, commands))
    return Cold(len(commands), time.monotonic() - started, cpu_s(resource.RUSAGE_CHILDREN) - before_s)


def _boot(argv: Sequence[str]) -> None:
    run(argv, deadline=Deadline.after(_ONE_SIDE_S, "a bare guest powers off"), check=False)


def forked(scenario: str, settings: Sequence[str], workers: int, scratch: Path) -> Forked:
    """One block and all its forks, by the whole command."""
    out, account = scratch / f"run-{workers}", scratch / "children"
    tool: list[Argument] = [sys.executable, "-P", "-m", "benchmarks.accounted", account]
    options = [word for setting in settings for word in ("--set", setting)]
    env = {"PYTHONPATH": str(_CHECKOUT), "OOMLAB_CACHE": str(cache_dir())}
    argv = [*tool, "run", scenario, *options, "--jobs", str(workers), "--out", out]
    before_s, started = cpu_s(resource.RUSAGE_CHILDREN), time.monotonic()
    run(argv, env=env, deadline=Deadline.after(_ONE_SIDE_S, "the whole command ends"), check=False)
    whole_s, all_s = time.monotonic() - started, cpu_s(resource.RUSAGE_CHILDREN) - before_s
    directory = RunDirectory(out)
    entries = read_journal(directory.journal)
    results = [entry.result for entry in entries if isinstance(entry, TrialEnded)]
    return Forked(
        trials=len(results),
        forking_s=_forking_s(entries),
        whole_s=whole_s,
        start_s=_start_times(entries, directory),
        private_kb=[kb for result in results if (kb := result.private_memory_kb)],
        all_cpu_s=all_s,
        tool_cpu_s=all_s - float(account.read_text()),
    )


def _forking_s(entries: Sequence[Entry]) -> float:
    begun = next(entry.time for entry in entries if isinstance(entry, BlockEnded))
    return (entries[-1].time - begun).total_seconds()


def _start_times(entries: Sequence[Entry], directory: RunDirectory) -> list[float]:
    """From a fork's journal entry to its guest's first line on the console, in seconds."""
    times = []
    for entry in entries:
        if isinstance(entry, TrialStarted):
            console = directory.path / "trials" / f"{entry.trial:04d}" / "console.jsonl"
            first = console.read_text().partition("\n")[0]
            if first:
                spoke = datetime.fromtimestamp(json.loads(first)["host_time_s"], entry.time.tzinfo)
                times.append((spoke - entry.time).total_seconds())
    return times


def print_table(repetitions: Sequence[Repetition], console: Console) -> None:
    """One line a repetition."""
    table = PlainTable()
    for title in (
        "guests", "cold/min", "forked/min", "ratio", "whole run/min", "CPU s cold", "CPU s forked", "ratio",
        "fork to running ms", "private MiB", "tool share", "load",
    ):  # fmt: skip
        table.add_column(title, justify="right")
    for each in repetitions:
        side = each.forked
        table.add_row(
            str(each.workers),
            f"{each.cold_a_minute:.1f}",
            f"{each.forked_a_minute:.1f}",
            f"{each.forked_a_minute / each.cold_a_minute:.1f}",
            f"{60 * side.trials / side.whole_s:.1f}",
            f"{each.cold_cpu_s:.2f}",
            f"{each.forked_cpu_s:.2f}",
            f"{each.cold_cpu_s / each.forked_cpu_s:.1f}",
            f"{1000 * min(side.start_s):.0f} to {1000 * statistics.median(side.start_s):.0f}",
            f"{statistics.median(side.private_kb) / KIB:.0f}, {max(side.private_kb) / KIB:.0f}",
            f"{side.tool_cpu_s / side.all_cpu_s:.1%}",
            f"{each.load:.1f}",
        )
    console.print(table)
    console.print(_GOALS, soft_wrap=True)
    console.print(
        "CPU s: of one trial, forked with its part of the block and of the tool; fork to running: least and "
        "median, until the guest's first line on the console; private: median, most"
    )


def repeat(scenario: str, overrides: Sequence[str], forks: int, workers: int, people: Console) -> Repetition:
    """Both sides once, one after the other."""
    settings = ["trials.blocks=1", *overrides, f"trials.forks={forks}", "trials.timing=false", "audit=false"]
    environment = open_environment(
        load_scenario(Path(scenario), ["trials.blocks=1", *overrides]).scenario, PlainObserver(people)
    )
    with tempfile.TemporaryDirectory(prefix="oomlab-benchmark-") as directory:
        load = os.getloadavg()[0]
        boots = cold(environment, workers, Path(directory))
        return Repetition(workers, boots, forked(scenario, settings, workers, Path(directory)), load)


def main() -> None:
    """Measure and print; the table goes to stdout, progress to stderr."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forks")
    parser.add_argument("scenario", nargs="?", default="binder-order3", help="default: binder-order3")
    parser.add_argument("--repetitions", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--forks", type=int, default=10, metavar="N", help="of each variant; default: 10")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", dest="overrides")
    options = parser.parse_args()
    people = Console(stderr=True, highlight=False)
    try:
        repetitions = [
            repeat(options.scenario, options.overrides, options.forks, workers, people)
            for _ in range(options.repetitions)
            for workers in _WORKERS
        ]
    except OomlabError as error:
        people.print(f"error: {error.message}", *error.evidence, sep="\n", markup=False)
        sys.exit(error.exit_code)
    print_table(repetitions, Console(highlight=False, width=150))


if __name__ == "__main__":
    main()
