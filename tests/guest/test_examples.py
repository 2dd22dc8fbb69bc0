# SPDX-License-Identifier: Apache-2.0
"""The example of a run from Python, as a user starts it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import run
from tests.guest.conftest import COMMAND_S

pytestmark = pytest.mark.guest


def test_a_run_from_python_comes_to_its_verdict(checkout: Path, tmp_path: Path) -> None:
    cache = {name: os.environ[name] for name in ("OOMLAB_CACHE",) if name in os.environ}
    done = run(
        [sys.executable, checkout / "examples" / "run_a_scenario.py", "made"],
        cwd=tmp_path,
        env={"PYTHONPATH": os.fspath(checkout), **cache},
        deadline=Deadline.after(COMMAND_S, "the example"),
        check=False,
    )
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    *trials, last = done.stdout.decode().splitlines()
    assert sorted(line.split(": ")[2].split(",")[0] for line in trials) == ["oom", "passed"]
    assert last == "met; everything is in made"
    assert (tmp_path / "made" / "verdict.json").is_file()
