# SPDX-License-Identifier: Apache-2.0
"""The scripts that start a run where logging out ends what a user leaves, which needs systemd."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.host.process import run
from orchestrator.remote import job as jobs
from orchestrator.remote.connection import Answer, Machine
from orchestrator.remote.host import Host
from orchestrator.remote.job import Job, runs_there, worker_script
from orchestrator.remote.places import Places

_SCRIPTS = {
    "busctl": """[ "$*" = "get-property org.freedesktop.login1 /org/freedesktop/login1\
 org.freedesktop.login1.Manager KillUserProcesses" ] || exit 99
echo "b {kills}"
""",
    "loginctl": '[ "$*" = enable-linger ] || exit 99\n{linger}\n',
    "systemd-run": """[ "$1 $2 $3 $4 $5" = "--user --quiet --collect --unit=oomlab-r-1 /bin/sh" ] || exit 99
[ $# = 6 ] || exit 99
echo yes >{mark}
setsid /bin/sh "$6" </dev/null >/dev/null 2>&1 &
""",
}


class _Here(Machine):
    """This machine in the place of the other one: its shell, with some programs of our own."""

    def __init__(self, home: Path, programs: Path) -> None:
        super().__init__(Host("here"))
        self._programs = programs
        self._home = str(home)

    def run(self, script: str, *, deadline_s: float = 30.0) -> Answer:
        path = f"{self._programs}:{os.environ['PATH']}"
        done = run(
            ["sh", "-c", script], deadline=Deadline.after(deadline_s, "sh"), env={"PATH": path}, check=False
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def _job(tmp_path: Path, *, kills: str = "false", linger: str = "true") -> Job:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in _SCRIPTS.items():
        filled = text.replace("{kills}", kills).replace("{linger}", linger)
        (programs / name).write_text("#!/bin/sh\n" + filled.replace("{mark}", str(tmp_path / "systemd")))
        (programs / name).chmod(0o755)
    places = Places(str(tmp_path))
    job = Job(_Here(tmp_path, programs), places, "r-1")
    Path(job.path).mkdir(parents=True)
    Path(places.program).mkdir(parents=True)
    Path(places.launcher).write_text('#!/bin/sh\necho "$@" "$MARK"\nexit 4\n')
    Path(places.launcher).chmod(0o755)
    (Path(job.path) / "work.sh").write_text(worker_script(places, "r-1", ["run", "a b"], {"MARK": "it's"}))
    return job


def _ended(job: Job) -> int | None:
    deadline = Deadline.after(20, "the run's end")
    while not (state := job.state()).over:
        deadline.check()
    return state.status


def test_a_run_is_a_process_of_its_own_with_an_exit_status(tmp_path: Path) -> None:
    job = _job(tmp_path)
    assert job.state().condition == "unclaimed"
    job.start()
    assert _ended(job) == 4
    assert job.output_tail(5) == ["run a b it's"]
    assert not (tmp_path / "systemd").exists()
    assert runs_there(job.machine, job.places) == ["r-1"]
    job.remove()
    assert job.state().condition == "absent"
    assert runs_there(job.machine, job.places) == []


def test_systemd_runs_it_where_logging_out_would_end_it(tmp_path: Path) -> None:
    job = _job(tmp_path, kills="true")
    job.start()
    assert _ended(job) == 4
    assert (tmp_path / "systemd").exists()


def test_a_run_that_logging_out_would_end_is_not_started(tmp_path: Path) -> None:
    job = _job(tmp_path, kills="true", linger="exit 1")
    with pytest.raises(HostError, match="may not linger"):
        job.start()
    assert job.state().condition == "unclaimed"


def test_what_was_there_in_an_earlier_boot_is_no_process_of_ours(tmp_path: Path) -> None:
    job = _job(tmp_path)
    (Path(job.path) / "run").mkdir()
    assert job.state().condition == "claimed"
    own = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    process = Path(job.path) / "process"
    for words, condition in (
        (f"{os.getpid()} {own} {boot}", "running"),
        (f"{os.getpid()} {int(own) - 1} {boot}", "died"),
        (f"{os.getpid()} {own} {boot[::-1]}", "died"),
        (f"4194303 {own} {boot}", "died"),
    ):
        process.write_text(words + "\n")
        assert job.state().condition == condition


def test_the_scripts_are_as_shellcheck_wants_them(tmp_path: Path) -> None:
    places = Places("/home/it's me")
    texts = [
        worker_script(places, "r-1", ["run", "a b"], {"A": "b c"}),
        *(getattr(jobs, name) for name in ("_START", "_STATE", "_END", "_LIST")),
    ]
    program = Path(sys.executable).with_name("shellcheck")  # as the linters have it, of the environment
    for number, text in enumerate(texts):
        script = tmp_path / f"{number}.sh"
        script.write_text("#!/bin/sh\njob=$1 unit=$1 jobs=$1\nexport job unit jobs\n" + text)
        done = run([program, script], deadline=Deadline.after(60, "shellcheck"), check=False)
        assert done.returncode == 0, done.stdout.decode()
