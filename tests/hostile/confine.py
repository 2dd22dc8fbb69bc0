# SPDX-License-Identifier: Apache-2.0
"""Runs the probe in the real sandbox, as whoever starts it; for this the standard library is enough."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.kernels.build.sandbox import Sandbox, run_sandboxed


def probed(arguments: list[str]) -> bytes:
    """What the probe says, as JSON."""
    limits = replace(Sandbox().limits, scratch_bytes=4_000_000)
    given = {"probe.py": Path(__file__).parent / "probe.py"}
    command = Sandbox(given, limits).command('exec python3 -IB /given/probe.py "$@"', *arguments)
    done = run_sandboxed(command, input_bytes=b"", deadline=Deadline.after(120, "the probe"))
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


if __name__ == "__main__":
    sys.stdout.buffer.write(probed(sys.argv[1:]))
