# SPDX-License-Identifier: Apache-2.0
"""`python -m orchestrator` is `oomlab`."""

import sys

from orchestrator.errors import ExitCode
from orchestrator.interrupts import end_in_order


def _start() -> None:
    """The command line. Ctrl-C while it is still being imported needs no traceback either."""
    end_in_order()
    try:
        from orchestrator.cli import main
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    main()


_start()
