# SPDX-License-Identifier: Apache-2.0
"""`oomlab search` and `oomlab report` on a search, over simulated runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.errors import ExitCode
from orchestrator.search import search as module
from tests.unit.search.test_search import Engine, engine

__all__ = ["engine"]

RANGE = ("--vary", "trigger.count=20..600")


def test_a_search_and_its_report(engine: Engine, tmp_path: Path) -> None:
    runner, out = CliRunner(), tmp_path / "s"
    found = runner.invoke(app, ["search", "binder-order3", *RANGE, "--out", str(out), "--json"])
    assert found.exit_code == ExitCode.MET
    result = json.loads(found.stdout)
    assert result["variants"]["kcalloc"]["direction"] == "high"
    assert "kvcalloc bears at least" in found.stderr
    assert f"Everything is in {out}" in found.stderr.replace("\n", "")
    again = runner.invoke(app, ["report", str(out), "--json"])
    assert (again.exit_code, json.loads(again.stdout)) == (ExitCode.MET, result)
    shown = runner.invoke(app, ["report", str(out)])
    assert result["margins"][0]["text"] in shown.stdout
    assert len(engine.counts) == len(result["points"])


def test_what_is_not_known_has_its_own_exit_code(engine: Engine, tmp_path: Path) -> None:
    words = ["search", "binder-order3", *RANGE, "--points", "3", "--out", str(tmp_path / "s")]
    assert CliRunner().invoke(app, words).exit_code == ExitCode.VERDICT_MISSING
    assert len(engine.counts) == 3


@pytest.mark.parametrize("vary", ["trigger.count=9..3", "trigger.cuont=1..5", "trigger.count=0..5"])
def test_a_bad_range_is_bad_input(monkeypatch: pytest.MonkeyPatch, vary: str) -> None:
    monkeypatch.setattr(module, "run_scenario", None)
    assert (
        CliRunner().invoke(app, ["search", "binder-order3", "--vary", vary]).exit_code == ExitCode.BAD_INPUT
    )
