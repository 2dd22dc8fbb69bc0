# SPDX-License-Identifier: Apache-2.0
"""Scenarios: from a YAML file to frozen models, with errors that lead to the place and the cure."""

from __future__ import annotations

from orchestrator.scenario.loader import LoadedScenario, Repeat, load_scenario, load_text
from orchestrator.scenario.models import Scenario
from orchestrator.scenario.problems import Problem, ScenarioInvalid

__all__ = ["LoadedScenario", "Problem", "Repeat", "Scenario", "ScenarioInvalid", "load_scenario", "load_text"]
