# SPDX-License-Identifier: Apache-2.0
"""The progress of a run, step by step. Terminals, logs and later pages are subscribers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from orchestrator.plan import PlannedBlock, PlannedTrial
from orchestrator.protocol.records import ControlRecord
from orchestrator.record.recorder import ConsoleEvent
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.stage import Mode


@dataclass(frozen=True)
class GuestLabel:
    """Which guest a message is about; `number` names its directory."""

    planned: PlannedBlock | PlannedTrial
    number: int
    attempt: int

    @property
    def name(self) -> str:
        """How people call it."""
        planned = self.planned
        if planned.mode is Mode.PROOF:
            name = "proof that compaction repairs the state"
        elif isinstance(planned, PlannedBlock):
            whose = f" of {', '.join(planned.variants)}" if planned.among_kernels else ""
            name = f"block {planned.number}{whose}"
        else:
            fork = f", fork {planned.fork}" if planned.fork > 1 else ""
            stage = f", {planned.stage}" if planned.stage != "trigger" else ""
            place = f"round {planned.block}" if planned.cold else f"block {planned.block}"
            name = f"trial {self.number}: {planned.variant}, {place}{fork}{stage}"
        clock = ", deterministic" if planned.clock == "deterministic" else ""
        attempt = f", attempt {self.attempt}" if self.attempt > 1 else ""
        return name + clock + attempt


class Observer(Protocol):
    """Notified of a run's steps; from any thread, but never by two at once."""

    def progress(self, text: str) -> None:
        """A line about preparation (downloads, builds, probes)."""

    def ask(self, question: str) -> bool:
        """Whether somebody who is there says yes; False where nobody can be asked."""

    def run_planned(self, blocks: int, trials: int) -> None:
        """So many blocks and trials are planned; no blocks: each trial boots a guest of its own."""

    def guest_started(self, label: GuestLabel) -> None:
        """A guest is being powered on, or forked."""

    def guest_record(self, label: GuestLabel, record: ControlRecord) -> None:
        """The guest agent reported something."""

    def guest_event(self, label: GuestLabel, event: ConsoleEvent) -> None:
        """The guest's console showed an OOM, a panic or the like."""

    def block_ended(self, label: GuestLabel, result: BlockResult) -> None:
        """A block is at its target, or failed."""

    def trial_ended(self, label: GuestLabel, result: TrialResult) -> None:
        """The trial has been judged."""


class SilentObserver:
    """An observer that passes everything over. A program that uses the library overrides what it wants."""

    def progress(self, text: str) -> None:
        """See Observer."""

    def ask(self, question: str) -> bool:  # noqa: ARG002 - nobody is there to be asked
        """See Observer."""
        return False

    def run_planned(self, blocks: int, trials: int) -> None:
        """See Observer."""

    def guest_started(self, label: GuestLabel) -> None:
        """See Observer."""

    def guest_record(self, label: GuestLabel, record: ControlRecord) -> None:
        """See Observer."""

    def guest_event(self, label: GuestLabel, event: ConsoleEvent) -> None:
        """See Observer."""

    def block_ended(self, label: GuestLabel, result: BlockResult) -> None:
        """See Observer."""

    def trial_ended(self, label: GuestLabel, result: TrialResult) -> None:
        """See Observer."""
