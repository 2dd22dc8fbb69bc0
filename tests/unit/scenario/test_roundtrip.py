# SPDX-License-Identifier: Apache-2.0
"""What is written loads to what it was, whichever way it goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from orchestrator.scenario.dump import to_yaml
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario
from orchestrator.scenario.schema import scenario_schema
from tests.unit.scenario.strategies import scenarios

PATCH = Path(__file__).resolve()
"""Any file that exists will do as a patch here."""


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(PATCH))
def test_yaml_loads_to_an_equal_scenario(data: dict[str, Any]) -> None:
    scenario = Scenario.model_validate(data)
    again = load_text(to_yaml(scenario), Path("/nowhere/example.yaml"))
    assert again.scenario == scenario
    assert list(again.scenario.variants) == list(scenario.variants)
    assert to_yaml(again.scenario) == to_yaml(scenario)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(PATCH))
def test_json_loads_to_an_equal_scenario(data: dict[str, Any]) -> None:
    scenario = Scenario.model_validate(data)
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(PATCH))
def test_the_schema_agrees_with_what_is_valid(data: dict[str, Any]) -> None:
    Scenario.model_validate(data)
    jsonschema.Draft202012Validator(scenario_schema()).validate(data)


@pytest.mark.parametrize(
    "change",
    [
        {"devise": 1},
        {"device": {"arch": "arm64", "memory": 256}},
        {"device": {"arch": "arm64", "memory": "256"}},
        {"device": {"arch": "arm", "memory": "256MiB"}},
        {"trigger": {"kind": "binder-mmap", "size": "4MiB"}},
        {"trigger": {"kind": "mmap", "size": "4MiB", "count": 1}},
        {"variants": {}},
        {"variants": {"A": {"base": "debian-6.1"}}},
        {"deadlines": {"boot": 60}},
        {"trials": {"blocks": 0}},
    ],
)
def test_the_schema_refuses_what_an_editor_should_mark(change: dict[str, Any]) -> None:
    good = {
        "name": "a",
        "device": {"arch": "arm64", "memory": "256MiB", "cma": 0},
        "variants": {"a": {"base": "debian-6.1"}},
        "trigger": {"kind": "binder-mmap", "size": "4MiB", "count": 1},
    }
    validator = jsonschema.Draft202012Validator(scenario_schema())
    validator.validate(good)
    assert not validator.is_valid(good | change)


@pytest.mark.parametrize("duration", ["1h", "0.1s", "0.123456789s", "0.000001s", "13ms", "3561.001s", 0])
def test_durations_are_written_without_loss(duration: str | int) -> None:
    data = {
        "name": "a",
        "device": {"arch": "arm64", "memory": "256MiB"},
        "variants": {"a": {"base": "debian-6.1"}},
        "trigger": {"kind": "binder-mmap", "size": "4MiB", "count": 1, "pause": duration},
    }
    scenario = Scenario.model_validate(data)
    assert load_text(to_yaml(scenario), Path("/nowhere/a.yaml")).scenario.trigger == scenario.trigger
