# SPDX-License-Identifier: Apache-2.0
"""Whole runs on devices, as a user starts them: to a verdict, cut short by Ctrl-C, and killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.guests.cuttlefish.group import fleet
from orchestrator.host.process import Child
from orchestrator.outcome import Outcome
from orchestrator.record.journal import read_journal, trial_results
from tests.cuttlefish.fixture import devices_left
from tests.cuttlefish.lab import Lab
from tests.guest.built_kernel import base_words
from tests.guest.conftest import Oomlab
from tests.guest.test_own_programs import programs

__all__ = ["programs"]

pytestmark = pytest.mark.guest

RUNNING = b"trigger running"
_SLOW = ("--set", "trigger.pause=50ms", "--set", "trials.blocks=1")


@pytest.fixture
def on_lab(oomlab: Oomlab, cvd_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Oomlab]:
    """The command line on a machine whose Cuttlefish is the lab."""
    for name, value in cvd_lab.environment.items():
        monkeypatch.setenv(name, value)
    oomlab.environment.update(cvd_lab.environment)
    yield oomlab
    cvd_lab.join_groups()  # cvd 1.55 tells nothing to others
    assert fleet().groups == []
    assert devices_left(cvd_lab) == []
    assert list(oomlab.directory.glob("run/trials/*/cuttlefish-home")) == []


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """The mail's load, without pressure, on the kernel that all tests share."""
    file = tmp_path / "device.yaml"
    file.write_text(
        f"""name: device
device:
  backend: cuttlefish
  cuttlefish: {{vmm: qemu_cli}}
  arch: arm64
  memory: 256MiB
  cpus: 1
variants:
  as-it-is: {{base: {base_words()}}}
trigger: {{kind: binder-mmap, size: 4MiB, count: 100}}
trials: {{blocks: 1}}
audit: false
expectations:
  as-it-is: {{outcome: passed}}
"""
    )
    return file


@contextmanager
def until_it_runs(oomlab: Oomlab, scenario: Path) -> Iterator[Child]:
    """A run whose trigger has started."""
    with oomlab.started("run", scenario, "--verbose", *_SLOW, "--out", "run") as child:
        assert child.stderr is not None
        deadline = Deadline.after(120, "a trigger runs")
        while RUNNING not in child.stderr.readline():
            deadline.check()
        yield child


def test_a_run_ends_with_its_verdict(on_lab: Oomlab, scenario: Path) -> None:
    done = on_lab("run", scenario, "--out", "run")
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    (result,) = trial_results(read_journal(on_lab.directory / "run/journal.jsonl"))
    assert (result.outcome, result.cold) == (Outcome.PASSED, True)
    assert result.device is not None
    assert result.device.binder_impl == "c"


def test_a_program_of_the_user_s_runs_on_a_device(
    on_lab: Oomlab, scenario: Path, programs: dict[str, Path]
) -> None:
    """Pushed to its place, run as the load and as a benchmark whose figures are rows."""
    benchmark = "{kind: command, name: own, command: /data/local/tmp/own/mytest 9, when: [target]}"
    done = on_lab(
        "run", scenario, "--file", f"{programs['static']}:/data/local/tmp/own/mytest",
        "--command", "/data/local/tmp/own/mytest 7", "--set", f"benchmarks=[{benchmark}]", "--out", "run",
    )  # fmt: skip
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    results = trial_results(read_journal(on_lab.directory / "run/journal.jsonl"))
    rows = {row.name: row for result in results for row in result.benchmarks}
    assert any("rounds" in name for name in rows), rows
    (output, *_) = on_lab.directory.glob("run/trials/*/output.log")
    assert "rounds 7 rounds" in output.read_text()


def test_commands_are_run_without_a_terminal(on_lab: Oomlab, scenario: Path) -> None:
    done = on_lab("shell", scenario, "-c", "echo $((6 * 7)); echo aside >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, b"42\n"), done.stderr.decode()
    assert b"\naside\n" in done.stderr


def test_an_interrupted_run_leaves_no_device(on_lab: Oomlab, scenario: Path) -> None:
    with until_it_runs(on_lab, scenario) as child:
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)
    assert child.returncode == ExitCode.INTERRUPTED


def test_the_device_of_a_killed_run_is_removed_by_clean(on_lab: Oomlab, scenario: Path) -> None:
    with until_it_runs(on_lab, scenario) as child:
        child.kill()
        child.communicate(timeout=60)
    (left,) = fleet().groups
    done = on_lab("clean")
    assert f"removed the Cuttlefish group {left.group_name}" in done.stdout.decode()
    assert done.returncode == ExitCode.MET


def test_a_host_that_cvd_refuses_is_told_before_any_trial(
    on_lab: Oomlab, cvd_lab: Lab, scenario: Path
) -> None:
    cvd_lab.join_groups(False)
    done = on_lab("run", scenario, "--out", "run")
    said = done.stderr.decode()
    assert done.returncode == ExitCode.COULD_NOT_RUN, said
    assert "usermod --append --groups" in said
    assert not (on_lab.directory / "run").exists()
