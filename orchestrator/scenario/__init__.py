# SPDX-License-Identifier: Apache-2.0
"""Scenarios: from a YAML file to frozen models, with errors that lead to the place and the cure.

Its names are loaded when they are asked for: who reads a run needs the models, and no YAML.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.scenario.loading.loader import LoadedScenario, Repeat, load_scenario, load_text
    from orchestrator.scenario.loading.problems import Problem, ScenarioInvalid
    from orchestrator.scenario.models import Scenario

__all__ = ["LoadedScenario", "Problem", "Repeat", "Scenario", "ScenarioInvalid", "load_scenario", "load_text"]

_HOMES = {"Scenario": "models", "Problem": "loading.problems", "ScenarioInvalid": "loading.problems"}


def __getattr__(name: str) -> object:
    """A name of this package from the module that has it (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'loading.loader')}"), name)
