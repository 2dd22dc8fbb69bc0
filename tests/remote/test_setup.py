# SPDX-License-Identifier: Apache-2.0
"""`oomlab host setup` on a machine that has the packages, and nothing else: pip and locks are real."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import PIPE, Child, Completed, finish, run, start
from tests.remote.machine import OtherMachine

pytestmark = pytest.mark.build

_SETUP_S = 400.0
_STEP_S = 200.0
_NOTICED_S = 12.0
"""By then a dead line has been noticed here (test_connection.py)."""


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """All that the lock names: the machine has no way to an index."""
    directory = tmp_path_factory.mktemp("wheels")
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps",
            "--only-binary", ":all:", "--requirement", str(checkout / "requirements.lock"),
            "--dest", str(directory)]  # fmt: skip
    run(argv, deadline=Deadline.after(_SETUP_S, "downloading the libraries"))
    directory.chmod(0o755)
    return directory


@contextmanager
def _setting_up(machine: OtherMachine, checkout: Path, *options: str) -> Iterator[Child]:
    argv = [sys.executable, "-P", "-m", "orchestrator", "host", "setup", *options, machine.address]
    env = machine.environment | {"PYTHONPATH": str(checkout)}
    with start(argv, env=env, stdout=PIPE, stderr=PIPE) as child:
        yield child


def _set_up(machine: OtherMachine, checkout: Path, *options: str) -> Completed:
    with _setting_up(machine, checkout, *options) as child:
        out, err = finish(child, ["oomlab host setup"], Deadline.after(_SETUP_S, "host setup"))
    return Completed(child.returncode, out, err)


def _offer(machine: OtherMachine, wheels: Path) -> None:
    """Have pip there take the wheels, as the configuration of a machine can say."""
    shutil.copytree(wheels, machine.root / "tmp/wheels", copy_function=os.link, dirs_exist_ok=True)


@pytest.fixture
def bare(machine: OtherMachine) -> OtherMachine:
    """A machine whose pip looks for libraries in one directory, which is not there yet."""
    settings = machine.home / ".config/pip/pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text("[global]\nno-index = true\nfind-links = /tmp/wheels\n")
    (machine.root / "tmp/wheels").mkdir()
    return machine


def _there(machine: OtherMachine) -> list[str]:
    place = machine.home / ".local/share/oomlab"
    return sorted(str(path.relative_to(place)) for path in (*place.glob("*"), *place.glob("*/.new*")))


def test_without_a_yes_nothing_is_done(bare: OtherMachine, checkout: Path) -> None:
    asked = _set_up(bare, checkout)
    assert asked.returncode == ExitCode.COULD_NOT_RUN
    assert b"nobody can be asked here, and nothing was done" in asked.stderr
    assert b"put this oomlab there" in asked.stderr
    assert not (bare.home / ".local").exists()


def test_it_is_set_up_whole_or_not_at_all_and_once(bare: OtherMachine, checkout: Path, wheels: Path) -> None:
    """Three attempts: without libraries, with the line cut in the middle, and with nothing left to do."""
    failed = _set_up(bare, checkout, "--yes")
    assert failed.returncode == ExitCode.COULD_NOT_RUN
    assert b"installing libraries and program failed on the other machine" in failed.stderr
    assert b"No matching distribution found" in failed.stderr
    assert "program" not in _there(bare)
    assert not [name for name in _there(bare) if ".new" in name]

    _offer(bare, wheels)
    with _setting_up(bare, checkout, "--yes") as child:
        _await(child, bare.home / ".local/share/oomlab/venvs", ".new.*/lib/*/site-packages/numpy")
        bare.cut()
        noticed = Deadline.after(_NOTICED_S, "the line is known to be dead")
        _await(child, bare.home / ".local/share/oomlab", "program")  # what was begun goes on without us
        threading.Event().wait(noticed.remaining())  # a line that is back sooner was never lost
        bare.mend()
        out, err = finish(child, ["oomlab host setup"], Deadline.after(_SETUP_S, "host setup"))
    assert child.returncode == 0, err.decode()
    assert b"connected again" in err
    assert _there(bare) == ["program", "programs", "setup.lock", "setup.log", "venvs"]
    assert bare.ssh(".local/share/oomlab/program/oomlab --version").stdout.startswith(b"oomlab ")

    before = bare.ssh("find .local/share/oomlab -newer .local/share/oomlab/setup.log").stdout
    again = _set_up(bare, checkout)
    assert (again.returncode, again.stdout) == (0, b"nothing to do: this oomlab is set up there\n")
    assert bare.ssh("find .local/share/oomlab -newer .local/share/oomlab/setup.log").stdout == before
    assert bare.wire.there.encode() not in out + err + failed.stderr + again.stderr


def _await(child: Child, place: Path, pattern: str) -> None:
    deadline, tick = Deadline.after(_STEP_S, f"{pattern} in {place}"), threading.Event()
    while not list(place.glob(pattern)):
        deadline.check()
        assert child.poll() is None, child.communicate()
        tick.wait(0.05)
