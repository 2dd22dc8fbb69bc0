# SPDX-License-Identifier: Apache-2.0
"""A thousand forked trials: does the tool stay as small and as quick as it began?

    python -m benchmarks.many_trials [--trials N] [--blocks N] [SCENARIO]

Runs the whole command once with `trials.timing=false` and watches it from outside: its resident
memory and the trials in its journal, every few seconds. Then `oomlab report` reads the journal.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.accounted import cpu_s
from orchestrator.deadline import Deadline
from orchestrator.errors import OomlabError
from orchestrator.host.process import Argument, Child, run, start
from orchestrator.paths import cache_dir
from orchestrator.record.directory import RunDirectory
from orchestrator.units import KIB

_CHECKOUT = Path(__file__).resolve().parent.parent
_LOOK_S = 5.0
_REPORT_S = 60.0
_GOAL_REPORT_S = 1.0
_GOAL_SHARE = 0.05


@dataclass(frozen=True)
class Look:
    """The tool as it was at one moment of its run."""

    elapsed_s: float
    trials: int
    resident_kb: int


@dataclass(frozen=True)
class Whole:
    """One run, watched; CPU times in seconds."""

    looks: Sequence[Look]
    wall_s: float
    tool_cpu_s: float
    all_cpu_s: float
    report_s: float
    report_cpu_s: float
    journal_kb: int


def measure(scenario: str, settings: Sequence[str], out: Path, account: Path) -> Whole:
    """Run the command with `settings` to its end and read its journal back."""
    env = {"PYTHONPATH": str(_CHECKOUT), "OOMLAB_CACHE": str(cache_dir())}
    tool: list[Argument] = [sys.executable, "-P", "-m", "benchmarks.accounted", account]
    options = [word for setting in settings for word in ("--set", setting)]
    before_s, started = cpu_s(resource.RUSAGE_CHILDREN), time.monotonic()
    with start([*tool, "run", scenario, *options, "--out", out], env=env) as child:
        looks = list(_looks(child, RunDirectory(out).journal, started))
    all_s, wall_s = cpu_s(resource.RUSAGE_CHILDREN) - before_s, time.monotonic() - started
    before_s, started = cpu_s(resource.RUSAGE_CHILDREN), time.monotonic()
    report: list[Argument] = [sys.executable, "-P", "-m", "orchestrator", "report", out]
    run(report, env=env, deadline=Deadline.after(_REPORT_S, "the report"), check=False)
    return Whole(
        looks,
        wall_s,
        all_s - float(account.read_text()),
        all_s,
        time.monotonic() - started,
        cpu_s(resource.RUSAGE_CHILDREN) - before_s,
        RunDirectory(out).journal.stat().st_size // KIB,
    )


def _looks(child: Child, journal: Path, started: float) -> list[Look]:
    looks = []
    pause = threading.Event()  # nobody sets it
    while child.poll() is None:
        pause.wait(_LOOK_S)
        ended = journal.read_bytes().count(b'"kind":"trial-ended"') if journal.exists() else 0
        if ended and (resident_kb := _resident_kb(child.pid)):
            looks.append(Look(time.monotonic() - started, ended, resident_kb))
    return looks


def _resident_kb(pid: int) -> int:
    """VmRSS of proc(5); 0 once the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def print_figures(whole: Whole, console: Console) -> None:
    """Memory and rate at four moments, then what the goals are about."""
    looks = whole.looks
    if not looks:
        console.print("no trial ended: see `oomlab run` itself")
        return
    for share in (0.1, 0.25, 0.5, 0.75, 1.0):
        look = next(each for each in looks if each.trials >= share * looks[-1].trials)
        console.print(
            f"after {look.trials:5} trials: {look.elapsed_s:7.1f} s, "
            f"{look.resident_kb / KIB:6.1f} MiB of memory resident"
        )
    middle = next(each for each in looks if each.trials >= looks[-1].trials / 2)
    first, last = looks[0], looks[-1]
    halves = [_rate(first, middle), _rate(middle, last)]
    console.print(f"trials a minute: {halves[0]:.0f} in the first half, {halves[1]:.0f} in the second")
    later = [look.resident_kb for look in looks if look.trials > last.trials / 2]
    grown_kb = statistics.median(later) - middle.resident_kb
    console.print(f"resident memory, median of the second half less the middle: {grown_kb / KIB:+.1f} MiB")
    console.print(
        f"report from the journal ({whole.journal_kb / KIB:.1f} MiB): {whole.report_s:.2f} s, "
        f"CPU {whole.report_cpu_s:.2f} s (goal: below {_GOAL_REPORT_S:.0f} s)"
    )
    console.print(
        f"CPU: tool {whole.tool_cpu_s:.1f} s of {whole.all_cpu_s:.1f} s, "
        f"{whole.tool_cpu_s / whole.all_cpu_s:.1%} (goal: below {_GOAL_SHARE:.0%}); "
        f"wall {whole.wall_s:.0f} s; load {os.getloadavg()[1]:.1f}"
    )


def _rate(begin: Look, end: Look) -> float:
    return 60 * (end.trials - begin.trials) / max(end.elapsed_s - begin.elapsed_s, 1e-9)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_trials")
    parser.add_argument("scenario", nargs="?", default="binder-order3", help="default: binder-order3")
    parser.add_argument("--trials", type=int, default=1000, metavar="N", help="in all; default: 1000")
    parser.add_argument("--blocks", type=int, default=2, metavar="N", help="default: 2")
    options = parser.parse_args()
    forks = max(1, options.trials // options.blocks // 2)  # of each of two variants
    settings = [
        f"trials.blocks={options.blocks}",
        f"trials.forks={forks}",
        "trials.timing=false",
        "audit=false",
    ]
    people = Console(highlight=False, width=150)
    with tempfile.TemporaryDirectory(prefix="oomlab-benchmark-") as directory:
        scratch = Path(directory)
        try:
            whole = measure(options.scenario, settings, scratch / "run", scratch / "children")
        except OomlabError as error:
            people.print(f"error: {error.message}", *error.evidence, sep="\n", markup=False)
            sys.exit(error.exit_code)
    print_figures(whole, people)


if __name__ == "__main__":
    main()
