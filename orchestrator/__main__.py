# SPDX-License-Identifier: Apache-2.0
"""`python -m orchestrator` is `oomlab`, and so is the script that pip makes."""

import atexit
import gc
import sys

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
