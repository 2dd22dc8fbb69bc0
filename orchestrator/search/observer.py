# SPDX-License-Identifier: Apache-2.0
"""Progress of a search: that of its runs, without what every run repeats."""

from __future__ import annotations

from orchestrator.protocol.records import ControlRecord
from orchestrator.record.recorder import ConsoleEvent
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.run.observer import GuestLabel, Observer


class SearchObserver:
    """Passes a run's steps on. `quiet`: only what is said and what went wrong, for logs."""

    def __init__(self, inner: Observer, *, quiet: bool) -> None:
        self._inner = inner
        self._quiet = quiet
        self._passed_on: set[str] = set()

    def progress(self, text: str) -> None:
        """Pass on what is new: every run says of its kernels that they are there."""
        if text not in self._passed_on:
            self._passed_on.add(text)
            self._inner.progress(text)

    def ask(self, question: str) -> bool:
        """Pass on."""
        return self._inner.ask(question)

    def run_planned(self, blocks: int, trials: int) -> None:
        """Pass on."""
        if not self._quiet:
            self._inner.run_planned(blocks, trials)

    def guest_started(self, label: GuestLabel) -> None:
        """Pass on."""
        if not self._quiet:
            self._inner.guest_started(label)

    def guest_record(self, label: GuestLabel, record: ControlRecord) -> None:
        """Pass on."""
        if not self._quiet:
            self._inner.guest_record(label, record)

    def guest_event(self, label: GuestLabel, event: ConsoleEvent) -> None:
        """An OOM is what is searched for, and no news."""

    def block_ended(self, label: GuestLabel, result: BlockResult) -> None:
        """Pass on."""
        if not self._quiet or not result.frozen:
            self._inner.block_ended(label, result)

    def trial_ended(self, label: GuestLabel, result: TrialResult) -> None:
        """Pass on."""
        if not self._quiet or not result.outcome.is_evidence:
            self._inner.trial_ended(label, result)
