# SPDX-License-Identifier: Apache-2.0
"""What nobody foresaw: a fault of this program, reported as one, and never taken for a verdict.

Python ends with 1 for an exception that nobody caught, which is the exit code of expectations not met.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import tempfile
import traceback
from pathlib import Path

from orchestrator import __version__
from orchestrator.errors import ExitCode, OomlabError
from orchestrator.text.plain import named, one_line

_MOST_CHARS = 1 << 20
_SHOWN_CHARS = 300


class ProgramFault(OomlabError):
    """Something in here is wrong; the hint names the file that says what."""

    exit_code = ExitCode.COULD_NOT_RUN


def fault_of(error: BaseException) -> ProgramFault:
    """The fault as an error to be shown. Its traceback is in a file, or in the evidence without room."""
    words = one_line("".join(traceback.format_exception_only(error)).strip())[:_SHOWN_CHARS]
    message = f"a fault of oomlab itself, no verdict: {words}"
    text = _account(error)
    with contextlib.suppress(OSError):
        return ProgramFault(message, hint=f"please report it with {_written(text)}")
    return ProgramFault(message, hint="please report it with what stands above", evidence=[text])


def _account(error: BaseException) -> str:
    trace = "".join(traceback.format_exception(error))
    head = [
        f"oomlab {__version__}, Python {platform.python_version()}, {platform.platform()}",
        " ".join(map(one_line, sys.argv)),
    ]
    return named("\n".join([*head, "", trace[-_MOST_CHARS:]]))


def _written(text: str) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="oomlab-fault-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return Path(name)
