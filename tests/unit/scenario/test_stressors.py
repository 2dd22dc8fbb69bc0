# SPDX-License-Identifier: Apache-2.0
"""The agent's table of stressors and the scenario's words are one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from orchestrator.scenario.fragmentation import Stressor, StressorKind

_LINE = re.compile(r'X\(([A-Z_]+), "([a-z_]+)"\)')


@pytest.fixture
def table(checkout: Path) -> list[tuple[str, str]]:
    """Constant and name of every stressor that the agent knows, in its order."""
    return _LINE.findall((checkout / "images" / "guest" / "stress" / "stressors.h").read_text())


def test_scenario_and_agent_name_the_same_stressors(table: list[tuple[str, str]]) -> None:
    assert [name for _, name in table] == list(get_args(StressorKind))
    assert [constant.lower() for constant, _ in table] == [name for _, name in table]


def test_those_from_ballast_on_need_a_size(table: list[tuple[str, str]]) -> None:
    names = [name for _, name in table]
    for position, name in enumerate(names):
        if position < names.index("ballast"):
            assert Stressor.model_validate({"kind": name}).size is None
        else:
            with pytest.raises(ValidationError, match="needs a size"):
                Stressor.model_validate({"kind": name})
