# SPDX-License-Identifier: Apache-2.0
"""What a fork is told on its control line before it runs on: the Python half of images/guest/PROTOCOL.md."""

from __future__ import annotations

from orchestrator.stage import Stage

_STAGE_LETTERS: dict[Stage, str] = {
    "trigger": "T", "relaxed": "R", "target": "P",
    "audit-trigger": "t", "audit-relaxed": "r", "audit-target": "p",
}  # fmt: skip


def fork_command(module: int, stage: Stage) -> bytes:
    """A letter for the fork's stage and the place of its module, in exactly 8 bytes.

    8 are the UART's receive trigger: the interrupt is there before the guest runs on. With fewer it
    waits idle for the UART's timeout, and QEMU's main loop, busy with the fork's start, may then
    see it fall idle again before its last instructions are counted: its clock goes wrong by them
    (icount_start_warp_timer(); 5 of 28 forks on a loaded host were about a microsecond late).
    """
    return f"{_STAGE_LETTERS[stage]}{module:06d}\n".encode()
