# SPDX-License-Identifier: Apache-2.0
"""`python -m orchestrator` is `oomlab`, and so is the script that pip makes."""

import atexit
import gc
import sys

from orchestrator.bisect.answer import COMMAND, StepCode, code_of_end
from orchestrator.errors import ExitCode
from orchestrator.host.interrupts import install_signal_handlers

_GARBAGE_THRESHOLD = 500_000
"""New objects until the collector looks for cycles; Python's own 700 suit a program that is small."""


def start() -> None:
    """The command line. Ctrl-C while it is still being imported needs no traceback either.

    What fails on the way there (a package of another version, say) must not end in 1, "not met".
    """
    install_signal_handlers()
    _leave_garbage_alone()
    if COMMAND in sys.argv[1:]:
        _step()
    else:
        _command_line()


def _step() -> None:
    """The same, with exit codes that git bisect run does not take for a bad kernel."""
    try:
        _command_line()
    except SystemExit as end:
        if end.code and not isinstance(end.code, StepCode):
            sys.exit(code_of_end(end.code))
        raise
    except Exception:  # noqa: BLE001 - it is reported, with its traceback
        sys.excepthook(*sys.exc_info())
        sys.exit(StepCode.COULD_NOT_RUN)


def _command_line() -> None:
    try:
        from orchestrator.cli import main
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception:  # noqa: BLE001 - it is reported, with its traceback
        sys.excepthook(*sys.exc_info())
        sys.exit(ExitCode.COULD_NOT_RUN)
    main()


def _leave_garbage_alone() -> None:
    """Saves a fifth of the CPU time that start and end of the program take.

    What modules define stays until the end: neither do the collections that thousands of new classes
    and functions set off while importing find any garbage, nor need the last one take all apart.
    """
    gc.set_threshold(_GARBAGE_THRESHOLD)
    atexit.register(gc.freeze)


if __name__ == "__main__":
    start()
