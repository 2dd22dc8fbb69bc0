# SPDX-License-Identifier: Apache-2.0
"""What a step says to `git bisect run`, and by which exit code.

git-bisect(1): 0 is good, 125 cannot be tested, 1 to 127 is bad, and anything above ends the bisection.
So no failure of the user's or of this machine may have a code below 128: git would take it for bad, and
name a commit that did nothing.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

from orchestrator.errors import ExitCode

COMMAND = "bisect-step"
"""What it is called on the command line."""


class Answer(StrEnum):
    """Of one revision. The words are git's."""

    GOOD = "good"
    """All that the scenario expects holds."""
    BAD = "bad"
    """Something that it expects does not."""
    SKIP = "skip"
    """It cannot be told: it does not build, no guest gets as far as the load, or blocks disagree."""


class StepCode(IntEnum):
    """Exit codes of `oomlab bisect-step`."""

    GOOD = 0
    BAD = 1
    SKIP = 125
    WRONG_INPUT = 128
    COULD_NOT_RUN = 129
    INTERRUPTED = 130


_CODES = {Answer.GOOD: StepCode.GOOD, Answer.BAD: StepCode.BAD, Answer.SKIP: StepCode.SKIP}
_ENDS = {ExitCode.BAD_INPUT: StepCode.WRONG_INPUT, ExitCode.INTERRUPTED: StepCode.INTERRUPTED}


def code_of(answer: Answer) -> StepCode:
    """The exit code that says it."""
    return _CODES[answer]


def code_of_end(code: object) -> StepCode:
    """The exit code in place of `code`, with which the program ends where it came to no answer.

    Python's own 1, of an exception, is among those.
    """
    return next((step for end, step in _ENDS.items() if end == code), StepCode.COULD_NOT_RUN)
