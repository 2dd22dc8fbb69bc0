# SPDX-License-Identifier: Apache-2.0
"""From a fresh clone to a verdict: empty cache, empty virtual environment, downloads included.

    python -m benchmarks.fresh_clone [SCENARIO]

What is committed is cloned; host packages that are missing are installed (and named on stderr),
so on a machine that has them the figure leaves their installation out.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from orchestrator.deadline import Deadline
from orchestrator.errors import OomlabError
from orchestrator.host.process import run

_CHECKOUT = Path(__file__).resolve().parent.parent
_CLONE_S = 60.0
_VERDICT_S = 3600.0
_GOAL_S = 180


def clone_to_verdict(scenario: str, scratch: Path) -> tuple[float, float, str]:
    """Seconds for the clone, seconds for the command, and what it told people.

    CommandFailed unless the scenario ended with its expectations met.
    """
    clone = scratch / "oomlab"
    env = {"OOMLAB_CACHE": str(scratch / "cache"), "OOMLAB_VENV": str(scratch / "venv")}
    started = time.monotonic()
    copy = ["git", "-c", "safe.directory=*", "clone", "--quiet", "--no-local", str(_CHECKOUT), str(clone)]
    run(copy, deadline=Deadline.after(_CLONE_S, "git clone"))
    cloned = time.monotonic()
    deadline = Deadline.after(_VERDICT_S, "the fresh clone comes to a verdict")
    told = run([clone / "oomlab", "--yes", "run", scenario], cwd=clone, env=env, deadline=deadline).stderr
    return cloned - started, time.monotonic() - cloned, told.decode(errors="replace")


def main() -> None:
    """Measure and print: one line on stdout, what the command told on stderr."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fresh_clone")
    default = "scenarios/binder-order3.yaml"
    parser.add_argument("scenario", nargs="?", default=default, help=f"default: {default}")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    try:
        with tempfile.TemporaryDirectory(prefix="oomlab-benchmark-") as scratch:
            clone_s, command_s, told = clone_to_verdict(options.scenario, Path(scratch))
    except OomlabError as error:
        Console(stderr=True).print(f"error: {error.message}", *error.evidence, sep="\n", markup=False)
        sys.exit(error.exit_code)
    sys.stderr.write(told)
    sys.stdout.write(
        f"fresh clone to verdict: {clone_s + command_s:.1f} s (clone {clone_s:.1f} s; goal below {_GOAL_S} s;"
        f" load before: {load:.1f})\n"
    )


if __name__ == "__main__":
    main()
