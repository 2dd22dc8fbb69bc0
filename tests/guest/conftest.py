# SPDX-License-Identifier: Apache-2.0
"""Real guests for the tests: the command line as a user starts it, and single trials."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bases import find_base
from orchestrator.deadline import Deadline
from orchestrator.files.folder import Folder
from orchestrator.guests.qemu.backend import QemuBackend
from orchestrator.guests.qemu.launcher import QemuLauncher
from orchestrator.guests.qemu.machine import Boot
from orchestrator.host.process import Child, Completed, run, start
from orchestrator.kernels.debian.apt import host_architecture, open_apt, sources_of, sources_text
from orchestrator.kernels.debian.resolve import packages_of
from orchestrator.kernels.debian.sources import read_archives, trusted_keys
from orchestrator.plan import PlannedBlock, plan_blocks
from orchestrator.protocol.records import ControlRecord
from orchestrator.record.recorder import ConsoleEvent
from orchestrator.record.result import TrialResult
from orchestrator.run.environment import Environment, open_environment
from orchestrator.run.trial import Observers, RunContext, prepare_block, run_trial
from orchestrator.run.watch import PhaseBudgets, StopSwitch
from orchestrator.scenario.loading.loader import load_scenario

COMMAND_S = 600.0

_PR_SET_CHILD_SUBREAPER = 36  # include/uapi/linux/prctl.h


class Quiet:
    """An observer that says nothing."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_: None


@pytest.fixture(scope="session", autouse=True)
def _orphans_become_ours() -> None:
    """Whatever outlives the tool that started it becomes a child of the tests, and is seen (prctl(2))."""
    assert ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


@pytest.fixture(autouse=True)
def _no_guest_is_left() -> Iterator[None]:
    before = set(qemu_pids())
    yield
    assert set(qemu_pids()) <= before, "a QEMU of this test still runs"


def lay_out_index(cache: Path) -> Path:
    """An index of packages in `cache` that passes for one fetched just now; its directory."""
    base, arch = find_base("debian-6.1", "arm64")
    apt = open_apt(cache, packages_of(base).origins[0], arch, host_architecture())
    apt.root.mkdir(parents=True)
    apt.config.touch()
    configured = sources_text(sources_of(apt.origin, read_archives()), trusted_keys())
    (apt.root / "updated").write_text(configured)
    return apt.root


def qemu_pids() -> list[int]:
    """QEMU processes that descend from this test process."""
    return [pid for pid in descendants(os.getpid()) if process_name(pid).startswith("qemu-system")]


def descendants(pid: int) -> list[int]:
    """All processes below a process that still run; zombies do not count."""
    return [child for child in _all_below(pid) if _state(child) not in ("Z", "X", "")]


def _all_below(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task").glob("*/children")
    found: list[int] = []
    for file in children:
        try:
            direct = [int(word) for word in file.read_text().split()]
        except OSError:
            continue
        for child in direct:
            found += [child, *_all_below(child)]
    return found


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def process_name(pid: int) -> str:
    """The name of a process, "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Oomlab:
    """Runs the command line in a directory of its own."""

    def __init__(self, checkout: Path, directory: Path) -> None:
        self.directory = directory
        self.environment = {"PYTHONPATH": str(checkout)}
        if "OOMLAB_CACHE" in os.environ:
            self.environment["OOMLAB_CACHE"] = os.environ["OOMLAB_CACHE"]

    def __call__(self, *arguments: str | Path) -> Completed:
        return run(
            [sys.executable, "-m", "orchestrator", *arguments],
            cwd=self.directory,
            env=self.environment,
            deadline=Deadline.after(COMMAND_S, f"oomlab {' '.join(map(str, arguments))}"),
            check=False,
        )

    @contextmanager
    def started(self, *arguments: str | Path, under: Sequence[str] = ()) -> Iterator[Child]:
        """The command while it runs, `under` another that starts it; its messages are at `stderr`."""
        argv = [*under, sys.executable, "-m", "orchestrator", *arguments]
        with start(argv, cwd=self.directory, env=self.environment, stderr=-1) as child:
            yield child


@pytest.fixture
def oomlab(checkout: Path, tmp_path: Path) -> Oomlab:
    """The command line in an empty directory."""
    return Oomlab(checkout, tmp_path)


@pytest.fixture(scope="session")
def environment() -> Environment:
    """Images and accelerator of `binder-order3`."""
    return open_environment(load_scenario(Path("binder-order3")).scenario, Quiet())


def qemu_boot(environment: Environment, planned: PlannedBlock) -> Boot:
    """The power-on as QEMU's argument list is made of it."""
    launcher = environment.launcher(planned)
    assert isinstance(launcher, QemuLauncher)
    return launcher.boot


class Trial:
    """Runs single trials of `binder-order3`, changed as a test wants: a block and one fork of it."""

    def __init__(self, environment: Environment, directory: Path) -> None:
        self.environment = environment
        self.directory = directory

    def __call__(
        self,
        *overrides: str,
        variant: str = "kcalloc",
        change: Callable[[str], str] = str,
        budgets: PhaseBudgets | None = None,
        on_record: Callable[[ControlRecord], None] = lambda _: None,
    ) -> TrialResult:
        """One trial; `change` rewrites the kernel command line."""
        scenario = load_scenario(Path("binder-order3"), ("trials={blocks: 1}", *overrides)).scenario
        environment = replace(self.environment, scenario=scenario)
        planned = plan_blocks(scenario)[0]
        boot = qemu_boot(environment, planned)
        launcher = QemuLauncher(replace(boot, command_line=change(boot.command_line)))
        common = RunContext(
            budgets or environment.budgets,
            QemuBackend.capabilities,
            StopSwitch(),
            environment.scenario.trigger,
        )
        observers = Observers(on_record, _ignore)
        block_directory, self.directory = self.directory / "0001", self.directory / "0002"
        for directory in (block_directory, self.directory):
            directory.mkdir(parents=True)
        with prepare_block(planned, launcher, Folder(block_directory), 1, common, observers) as block:
            trial = next(
                trial for trial in planned.trials if (trial.variant, trial.stage) == (variant, "trigger")
            )
            if block.snapshot is None:
                self.directory = block_directory
            return run_trial(block, trial, 1, Folder(self.directory), common, observers)


def _ignore(event: ConsoleEvent) -> None:
    pass


@pytest.fixture
def trial(environment: Environment, tmp_path: Path) -> Trial:
    """Single trials, recorded under the test's own directory."""
    return Trial(environment, tmp_path / "trial")


def signal_guests(number: signal.Signals) -> None:
    """Send a signal to every QEMU of this test."""
    for pid in qemu_pids():
        os.kill(pid, number)
