# SPDX-License-Identifier: Apache-2.0
"""How a trial can end. One list for scenarios, journal, verdict and reports."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The end of one trial. The verdict module decides which; the first that holds wins."""

    PASSED = "passed"
    """The trigger ran to its end: nothing was killed, nothing hung."""
    OOM = "oom"
    """The kernel's OOM killer struck after the trigger had started."""
    ALLOCATION_FAILURE = "allocation-failure"
    """The kernel warned of a failed page allocation after the trigger had started."""
    KERNEL_CRASH = "kernel-crash"
    """The kernel crashed (Oops, BUG) after the trigger had started, or while its driver was loaded, and
    that ended the trigger."""
    PANIC = "panic"
    """The kernel panicked after the trigger had started, with no OOM kill before."""
    REQUEST_FAILED = "request-failed"
    """The trigger's own request failed with another error than ENOMEM."""
    COMMAND_FAILED = "command-failed"
    """The trigger's command ended with another exit status than 0, by a signal, or was never started."""
    HANG = "hang"
    """The guest stopped making progress after the trigger had started."""
    LOST = "lost"
    """The guest went away without a word after the trigger had started."""
    BOOT_FAILED = "boot-failed"
    """The guest never reported ready."""
    TARGET_MISSED = "target-missed"
    """The memory state asked for was not reached (or an OOM came before the trigger)."""
    HARNESS_ERROR = "harness-error"
    """oomlab or the host failed, not the guest."""
    INTERRUPTED = "interrupted"
    """The user stopped the run, or it was ended before the host ran out of memory."""

    @property
    def is_evidence(self) -> bool:
        """True when the outcome says something about the kernel under test.

        A hang is evidence too: the kernel did not survive the load.
        """
        return self in _EVIDENCE

    @property
    def is_fault(self) -> bool:
        """True for an end that is never as expected unless the scenario says so in as many words."""
        return self in _FAULTS

    @property
    def is_repeatable(self) -> bool:
        """True when the block deserves another try, because the kernel was never put to the test."""
        return self in (Outcome.BOOT_FAILED, Outcome.TARGET_MISSED, Outcome.HARNESS_ERROR)


_EVIDENCE = frozenset(
    {
        Outcome.PASSED, Outcome.OOM, Outcome.KERNEL_CRASH, Outcome.ALLOCATION_FAILURE, Outcome.PANIC,
        Outcome.REQUEST_FAILED, Outcome.COMMAND_FAILED, Outcome.HANG,
    }
)  # fmt: skip
_FAULTS = frozenset(
    {Outcome.KERNEL_CRASH, Outcome.PANIC, Outcome.REQUEST_FAILED, Outcome.COMMAND_FAILED, Outcome.HANG}
)
