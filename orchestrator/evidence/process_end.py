# SPDX-License-Identifier: Apache-2.0
"""How the trigger's processes ended: from the agent's records, and in words. Pure."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from orchestrator.evidence.measurements import errno_name
from orchestrator.protocol.records import ProcessEnded
from orchestrator.record.result import ProcessEnd

_SHELL_SIGNAL = 128
_SHELL_WORDS = {
    126: "the shell found no way to execute it",
    127: "the shell found no such command",
}


def process_ends(records: Sequence[ProcessEnded]) -> tuple[ProcessEnd, ...]:
    """The ends that the agent reported."""
    return tuple(
        ProcessEnd(
            process=record.process,
            pid=record.pid,
            exit_status=record.exit_status,
            signal=record.signal,
            start_error=errno_name(record.start_errno) if record.start_errno else None,
        )
        for record in records
    )


def succeeded(end: ProcessEnd) -> bool:
    """It ran, and ended with exit status 0."""
    return end.exit_status == 0 and end.start_error is None


def signal_name(number: int) -> str:
    """`SIGSEGV`; the number where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def short_words(end: ProcessEnd) -> str:
    """An end in two or three words, equal for equal ends."""
    if end.start_error is not None:
        return f"not started ({end.start_error})"
    if end.signal is not None:
        return signal_name(end.signal)
    return f"exit status {end.exit_status}"


def sentence(end: ProcessEnd, who: str) -> str:
    """What became of `who`, with what a shell means by its number."""
    if end.start_error is not None:
        return f"{who} could not be started: {end.start_error}"
    if end.signal is not None:
        return f"{who} was killed by {signal_name(end.signal)}, and not by the OOM killer"
    return f"{who} ended with exit status {end.exit_status}{_shell_words(end.exit_status)}"


def _shell_words(status: int | None) -> str:
    if status is None:
        return ""
    words = _SHELL_WORDS.get(status)
    if words is None and status > _SHELL_SIGNAL and status - _SHELL_SIGNAL in set(signal.Signals):
        words = f"what a shell says of a command that died by {signal_name(status - _SHELL_SIGNAL)}"
    return f" ({words})" if words else ""
