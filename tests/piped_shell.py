# SPDX-License-Identifier: Apache-2.0
"""`oomlab shell` without a terminal anywhere: commands from a pipe, answers to a pipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pexpect import EOF
from pexpect.fdpexpect import fdspawn

from orchestrator.host.process import PIPE, start

PROMPT = b"oomlab# "
PATIENCE_S = 120.0


def ask_by_a_pipe(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> bytes:
    """Have the guest's shell reckon and end; what the tool said on stderr, which is how far the guest is."""
    with start(argv, cwd=cwd, env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE) as tool:
        assert tool.stdin is not None
        assert tool.stdout is not None
        assert tool.stderr is not None
        output = fdspawn(tool.stdout.fileno(), timeout=PATIENCE_S)
        output.expect_exact(PROMPT)
        tool.stdin.write(b"echo $((6 * 7)) && exit\n")
        tool.stdin.close()
        output.expect_exact(b"\n42")
        output.expect(EOF)
        assert tool.wait(timeout=PATIENCE_S) == 0
        return tool.stderr.read()
