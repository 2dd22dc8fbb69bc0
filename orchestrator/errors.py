# SPDX-License-Identifier: Apache-2.0
"""Every failure a user can meet: what happened, what proves it, and what to do next.

One exception type per outcome. Programming errors are not in here: they stay tracebacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar

from orchestrator.text.plain import named


class ExitCode(IntEnum):
    """Exit codes of the command line, the same for every command."""

    MET = 0
    NOT_MET = 1
    BAD_INPUT = 2
    COULD_NOT_RUN = 3
    VERDICT_MISSING = 4
    INTERRUPTED = 130


class OomlabError(Exception):
    """A failure with evidence (commands, output tails, paths) and a hint for the user.

    Any of it may quote what others wrote: it is made plain here, once for all who show it.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.COULD_NOT_RUN

    def __init__(self, message: str, *, hint: str = "", evidence: Sequence[str] = ()) -> None:
        self.message = named(message)
        self.hint = named(hint)
        self.evidence = tuple(map(named, evidence))
        super().__init__(self.message)


class InputError(OomlabError):
    """The user's input (scenario, option, patch, run directory) is wrong."""

    exit_code: ClassVar[ExitCode] = ExitCode.BAD_INPUT


class BuildBroken(InputError):
    """A kernel source cannot be built: a patch does not apply, or Kconfig or the compiler refuses it.

    Of a revision that somebody bisects this says nothing, neither good nor bad; any other InputError is wrong
    at every revision.
    """


class HostError(OomlabError):
    """This machine lacks something: a program, space, memory, permission."""


class DeadlinePassed(OomlabError):
    """Something did not happen in time; the message names what was awaited."""


class CommandFailed(OomlabError):
    """A child process ended with a non-zero status."""

    def __init__(self, command: str, returncode: int, output_tail: str, *, hint: str = "") -> None:
        super().__init__(
            f"command failed with status {returncode}: {command}", hint=hint, evidence=[output_tail]
        )
        self.command = command
        self.returncode = returncode
        self.output_tail = output_tail
