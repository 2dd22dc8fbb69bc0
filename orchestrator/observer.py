# SPDX-License-Identifier: Apache-2.0
"""What a run tells while it runs. Terminals, logs and later pages are subscribers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from orchestrator.control import ControlRecord
from orchestrator.plan import PlannedTrial
from orchestrator.recorder import ConsoleEvent
from orchestrator.result import TrialResult


@dataclass(frozen=True)
class TrialLabel:
    """Which trial a message is about."""

    planned: PlannedTrial
    trial: int
    attempt: int


class Observer(Protocol):
    """Told of a run's steps, in order, from the run's own thread."""

    def say(self, text: str) -> None:
        """A line about preparation (downloads, builds, probes)."""

    def run_planned(self, boots: int) -> None:
        """So many boots are planned."""

    def trial_started(self, label: TrialLabel) -> None:
        """A guest is being powered on."""

    def trial_record(self, label: TrialLabel, record: ControlRecord) -> None:
        """The guest agent reported something."""

    def trial_event(self, label: TrialLabel, event: ConsoleEvent) -> None:
        """The guest's console showed an OOM, a panic or the like."""

    def trial_ended(self, label: TrialLabel, result: TrialResult) -> None:
        """The trial has been judged."""
