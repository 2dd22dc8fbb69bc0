# SPDX-License-Identifier: Apache-2.0
"""`oomlab shell` with commands and no terminal, and what its guests prompt with where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.host.process import run

PROMPT = b"oomlab# "
PATIENCE_S = 120.0
COMMANDS = rb"""printf 'a\000b\377\n'
echo aside >&2
exit 7
"""


def assert_commands_are_run(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> bytes:
    """All that `COMMANDS` do arrives, and nothing else on stdout; what the tool said on stderr."""
    deadline = Deadline.after(PATIENCE_S, "the commands")
    done = run(argv, cwd=cwd, env=env, input_bytes=COMMANDS, deadline=deadline, check=False)
    assert (done.returncode, done.stdout) == (7, b"a\0b\xff\n"), done.stderr.decode()
    assert b"\naside\n" in done.stderr
    return done.stderr
