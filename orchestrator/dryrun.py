# SPDX-License-Identifier: Apache-2.0
"""Every command of a run, paste-ready, without starting any."""

from __future__ import annotations

from orchestrator.scenario.models import Scenario


def dry_run_commands(scenario: Scenario) -> list[str]:
    raise NotImplementedError
