# SPDX-License-Identifier: Apache-2.0
"""Judging a console log of any kernel: what ran out of memory, why, and whether the kernel crashed.

    python examples/judge_a_console.py console.log

Exit code 1 when the log holds a kill or a crash. The log may be of any size: it is read piece by piece.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from orchestrator.oom.crash_words import crash_sentence
from orchestrator.oom.explain import explain
from orchestrator.oom.reader import read_chunks
from orchestrator.oom.records import KernelCrash, MemoryEvent
from orchestrator.text.plain import one_line


def main(log: Path) -> int:
    """Print a paragraph for each event."""
    bad = 0
    with log.open("rb") as file:
        for event in read_chunks(iter(partial(file.read, 1 << 20), b"")):
            if isinstance(event, MemoryEvent):
                print(f"line {event.line}: {event.type}", *explain(event), sep="\n  ")
                bad += event.type in ("oom", "memcg-oom")
            elif isinstance(event, KernelCrash):
                print(f"line {event.line}: {one_line(crash_sentence(event))}")
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
