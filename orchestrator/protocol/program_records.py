# SPDX-License-Identifier: Apache-2.0
"""Records of benchmarks that are commands of the user's."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.protocol.record import Record

_PROGRAM_NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
"""As scenarios name benchmarks; part of a file's name."""


class ProgramOutputRecord(Record):
    """What a benchmark that is a command wrote; as `Output`."""

    event: Literal["program-output"]
    name: str = Field(pattern=_PROGRAM_NAME)
    stream: Literal["stdout", "stderr"]
    at: int
    text: str

    @property
    def data(self) -> bytes:
        """The bytes as they were written."""
        return self.text.encode("latin-1", errors="replace")


class ProgramEnd(Record):
    """How a benchmark that is a command ended, and what it took: itself, and whatever it waited for.

    `where` says why its figures mean nothing (`deadline`, `oops`), `errno` why there was no shell to run it.
    """

    event: Literal["program"]
    name: str = Field(pattern=_PROGRAM_NAME)
    when: Literal["relaxed", "target", "after"]
    real_ns: int = Field(ge=0)
    cpu_ns: int = Field(ge=0)
    exit_status: int | None = None
    signal: int | None = None
    stdout_bytes: int = Field(ge=0)
    stderr_bytes: int = Field(ge=0)
    killed: bool
    oom_kills: int
    where: str = ""
    errno: int = 0
