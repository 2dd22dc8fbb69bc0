# SPDX-License-Identifier: Apache-2.0
"""The whole command against bare QEMU: the same boots, side by side, in one run.

    python -m benchmarks.whole_command [--repetitions N] [--blocks N] [SCENARIO]

A repetition runs `oomlab run SCENARIO` with a warm cache, one fork of each variant, and the same
trials as whole boots of bare QEMU with nothing around them; which of the two goes first alternates.
The tool boots once for all variants and then forks, bare QEMU boots every variant. Times are compared
within a repetition, for a shared machine changes its speed from minute to minute.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.accounted import cpu_s
from orchestrator.deadline import Deadline
from orchestrator.errors import OomlabError
from orchestrator.guests.qemu.launcher import QemuLauncher
from orchestrator.guests.qemu.machine import Wiring, qemu_argv
from orchestrator.host.process import Argument, run
from orchestrator.paths import cache_dir
from orchestrator.plan import by_hand, plan_blocks
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import (
    BlockEnded,
    BlockStarted,
    Entry,
    TrialEnded,
    TrialStarted,
    read_journal,
)
from orchestrator.report.console.live import live_observer
from orchestrator.report.tables import PlainTable
from orchestrator.run.environment import Environment, open_environment
from orchestrator.run.observer import Observer
from orchestrator.scenario.loading.loader import load_scenario

_CHECKOUT = Path(__file__).resolve().parent.parent
_ONE_SIDE_S = 600.0
_WIDTH = 150
_GOAL_ADDED_S = 1.0
_GOAL_SHARE = 0.05


@dataclass(frozen=True)
class Side:
    """What one side of a repetition took, in host seconds."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Whole:
    """The whole command: `cpu_s` is all CPU time, guests included."""

    side: Side
    guests_cpu_s: float
    guests_wall_s: float

    @property
    def own_cpu_s(self) -> float:
        """CPU time of the tool itself, from interpreter start to exit."""
        return self.side.cpu_s - self.guests_cpu_s

    @property
    def own_share(self) -> float:
        """The tool's part of all CPU time."""
        return self.own_cpu_s / self.side.cpu_s

    @property
    def around_guests_s(self) -> float:
        """Wall time before the first power-on, between guests and after the last."""
        return self.side.wall_s - self.guests_wall_s


@dataclass(frozen=True)
class Repetition:
    """Both sides, measured one right after the other, and the load before."""

    whole: Whole
    bare: Side
    load: float

    @property
    def added_s(self) -> float:
        """What the harness adds to bare QEMU."""
        return self.whole.side.wall_s - self.bare.wall_s


def measure(body: Callable[[], None]) -> Side:
    """Wall time, and CPU time of the children that `body` starts and waits for."""
    cpu_before, started = cpu_s(resource.RUSAGE_CHILDREN), time.monotonic()
    body()
    return Side(time.monotonic() - started, cpu_s(resource.RUSAGE_CHILDREN) - cpu_before)


def whole_command(scenario: str, blocks: int, scratch: Path) -> Whole:
    """One run of the whole command; CommandFailed unless its expectations are met."""
    out, account = scratch / "run", scratch / "children"
    tool: list[Argument] = [sys.executable, "-P", "-m", "benchmarks.accounted", account]
    argv = [
        *tool,
        "run",
        scenario,
        "--set",
        f"trials.blocks={blocks}",
        "--set",
        "trials.forks=1",
        "--set",
        "audit=false",
        "--out",
        out,
    ]
    env = {"PYTHONPATH": str(_CHECKOUT), "OOMLAB_CACHE": str(cache_dir())}
    side = measure(lambda: _run(argv, env))
    return Whole(side, float(account.read_text()), guests_wall_s(read_journal(RunDirectory(out).journal)))


def guests_wall_s(entries: Sequence[Entry]) -> float:
    """Host seconds in which at least one guest was on, by the journal."""
    on, since, total_s = 0, None, 0.0
    for entry in entries:
        if isinstance(entry, BlockStarted | TrialStarted):
            since = since if on else entry.time
            on += 1
        elif isinstance(entry, BlockEnded | TrialEnded):
            on -= 1
            if not on and since is not None:
                total_s += (entry.time - since).total_seconds()
    return total_s


def bare_commands(environment: Environment, scratch: Path, *, prefix: str = "") -> list[list[str]]:
    """The boots of the scenario, straight through, console and control to files, nothing else."""
    return [
        qemu_argv(
            launcher.boot,
            Wiring(
                f"file,path={scratch}/{prefix}console-{number}",
                f"file,path={scratch}/{prefix}control-{number}",
            ),
        )
        for number, planned in enumerate(by_hand(plan_blocks(environment.scenario)))
        if isinstance(launcher := environment.launcher(planned), QemuLauncher)
    ]


def bare_boots(environment: Environment, scratch: Path) -> Side:
    """The same boots one after the other."""
    commands = bare_commands(environment, scratch)

    def boot_all() -> None:
        for argv in commands:
            # A guest that panics ends QEMU as any other end does, so the status says little.
            run(argv, deadline=Deadline.after(_ONE_SIDE_S, "a bare guest powers off"), check=False)

    return measure(boot_all)


def repeat(scenario: str, environment: Environment, number: int) -> Repetition:
    """Both sides once; the order alternates with `number`."""
    blocks = environment.scenario.trials.blocks
    with tempfile.TemporaryDirectory(prefix="oomlab-benchmark-") as directory:
        scratch = Path(directory)
        load = os.getloadavg()[0]
        if number % 2:
            whole = whole_command(scenario, blocks, scratch)
            return Repetition(whole, bare_boots(environment, scratch), load)
        bare = bare_boots(environment, scratch)
        return Repetition(whole_command(scenario, blocks, scratch), bare, load)


def _run(argv: Sequence[Argument], env: dict[str, str]) -> None:
    run(argv, env=env, deadline=Deadline.after(_ONE_SIDE_S, "the whole command ends"))


def _warm(scenario: str, blocks: int, observer: Observer) -> Environment:
    """Everything the scenario needs, fetched, built and probed: what follows finds it in the cache."""
    loaded = load_scenario(Path(scenario), [f"trials.blocks={blocks}", "trials.forks=1", "audit=false"])
    return open_environment(loaded.scenario, observer)


def print_table(repetitions: Sequence[Repetition], console: Console) -> None:
    """One line a repetition and their medians."""
    columns: list[tuple[str, Callable[[Repetition], float], str]] = [
        ("whole command s", lambda r: r.whole.side.wall_s, ".2f"),
        ("bare QEMU s", lambda r: r.bare.wall_s, ".2f"),
        ("added s", lambda r: r.added_s, "+.2f"),
        ("ratio", lambda r: r.whole.side.wall_s / r.bare.wall_s, ".3f"),
        ("outside guests s", lambda r: r.whole.around_guests_s, ".2f"),
        ("tool CPU s", lambda r: r.whole.own_cpu_s, ".2f"),
        ("all CPU s", lambda r: r.whole.side.cpu_s, ".2f"),
        ("bare CPU s", lambda r: r.bare.cpu_s, ".2f"),
        ("tool share", lambda r: r.whole.own_share, ".1%"),
        ("load", lambda r: r.load, ".1f"),
    ]
    table = PlainTable()
    table.add_column("repetition")
    for title, _, _ in columns:
        table.add_column(title, justify="right")
    for number, repetition in enumerate(repetitions, 1):
        table.add_row(str(number), *(format(value(repetition), form) for _, value, form in columns))
    table.add_section()
    medians = [statistics.median(map(value, repetitions)) for _, value, _ in columns]
    table.add_row(
        "median", *(format(median, form) for median, (_, _, form) in zip(medians, columns, strict=True))
    )
    console.print(table)
    console.print(f"goals: added below {_GOAL_ADDED_S:.0f} s, tool share below {_GOAL_SHARE:.0%}")


def main() -> None:
    """Measure and print; the table goes to stdout, progress to stderr."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole_command")
    parser.add_argument("scenario", nargs="?", default="binder-order3", help="default: binder-order3")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument(
        "--blocks", type=int, default=1, metavar="N", help="boots of each variant; default: 1"
    )
    options = parser.parse_args()
    people = Console(stderr=True, highlight=False)
    repetitions = []
    try:
        with live_observer(people) as observer:
            environment = _warm(options.scenario, options.blocks, observer)
            for number in range(1, options.repetitions + 1):
                observer.progress(f"repetition {number} of {options.repetitions}")
                repetitions.append(repeat(options.scenario, environment, number))
    except OomlabError as error:
        people.print(f"error: {error.message}", *error.evidence, sep="\n", markup=False)
        sys.exit(error.exit_code)
    print_table(repetitions, Console(highlight=False, width=_WIDTH))


if __name__ == "__main__":
    main()
