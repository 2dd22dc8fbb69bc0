# SPDX-License-Identifier: Apache-2.0
"""`oomlab reproduce --write-only` on texts, and what comes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from orchestrator.cli import app
from orchestrator.errors import ExitCode
from orchestrator.scenario.loading.loader import load_scenario
from orchestrator.scenario.models import Scenario
from orchestrator.scenario.triggers.allocate import Allocate
from orchestrator.scenario.triggers.binder_mmap import BinderMmap

REVIEW = "orchestrator.reproduce.planning.review"


def reproduce(*words: object) -> Result:
    return CliRunner().invoke(app, ["reproduce", *map(str, words), "--write-only"])


def written(*words: object) -> Scenario:
    result = reproduce(*words, "--json")
    assert result.exit_code == 0, result.output
    return load_scenario(Path(json.loads(result.stdout)["scenario"])).scenario


def facts(*words: object) -> dict[str, dict[str, str]]:
    result = reproduce(*words, "--json", "--overwrite")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return {fact["what"]: fact for fact in found["facts"]}


def mmaps(scenario: Scenario) -> BinderMmap:
    assert isinstance(scenario.trigger, BinderMmap)
    return scenario.trigger


def requests(scenario: Scenario) -> Allocate:
    assert isinstance(scenario.trigger, Allocate)
    return scenario.trigger


def refused(*words: object) -> str:
    result = reproduce(*words)
    assert result.exit_code == ExitCode.BAD_INPUT, result.output
    assert "Traceback" not in result.output
    assert list(Path().glob("reproduce-*")) == []
    return " ".join(result.stderr.split())
