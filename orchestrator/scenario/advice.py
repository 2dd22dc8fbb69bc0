# SPDX-License-Identifier: Apache-2.0
"""What is valid in a scenario and probably not meant. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.scenario.models import Scenario


@dataclass(frozen=True)
class Advice:
    """A warning, and the path of the key it is about."""

    path: tuple[str | int, ...]
    what: str


def advise(scenario: Scenario) -> list[Advice]:
    """Warnings about `scenario`."""
    return []
