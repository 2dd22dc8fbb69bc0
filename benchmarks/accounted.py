# SPDX-License-Identifier: Apache-2.0
"""The command line in this very process, and what CPU time its children took.

`python -m benchmarks.accounted FILE COMMAND...` runs `oomlab COMMAND...` and leaves in FILE the
CPU seconds of the children it waited for (QEMU, that is), from getrusage(2). Whoever started it
has the sum of both from wait4(2), and so the tool's own share, interpreter start included.
"""

from __future__ import annotations

import atexit
import resource
import sys
from pathlib import Path


def main() -> None:
    """Hand the arguments to the command line; write the figure on every way out."""
    target = Path(sys.argv.pop(1))
    atexit.register(lambda: target.write_text(f"{cpu_s(resource.RUSAGE_CHILDREN)}\n"))

    from orchestrator.__main__ import start

    start()


def cpu_s(who: int) -> float:
    """User and system time in seconds, of this process or of the children it has reaped."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
