# SPDX-License-Identifier: Apache-2.0
"""A command loads what it needs: what is large and not needed is not loaded, so that it starts at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from orchestrator.outcome import Outcome
from tests.unit.report.factory import Made, run_directory

SHOWN = """\
import atexit, sys
atexit.register(lambda: print("LOADED", *sys.modules, file=sys.stderr))
from orchestrator.__main__ import start
start()
"""
GUESTS = {"asyncio", "orchestrator.guests.qemu.guest", "orchestrator.host.process", "pexpect", "ssl"}
NUMBERS = {"numpy", "scipy"}
PAGES = {"jinja2", "matplotlib"}
YAML = {"ruamel"}
FETCHING = {"filelock", "tenacity"}
MODELS = {"orchestrator.protocol.record", "orchestrator.record.journal", "orchestrator.scenario.models"}


def loaded_by(checkout: Path, *arguments: str | Path) -> set[str]:
    """The modules in a process of its own when the command has ended."""
    done = run(
        [sys.executable, "-P", "-c", SHOWN, *arguments], env={"PYTHONPATH": str(checkout)}, check=False,
        deadline=Deadline.after(60, "the command ends"),
    )  # fmt: skip
    assert done.returncode in (0, 1, 2), done.stderr.decode()
    return set(done.stderr.decode().rpartition("LOADED")[2].split())


def assert_none_of(loaded: set[str], *groups: set[str]) -> None:
    assert sorted(module for group in groups for module in group & loaded) == []


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("run", "--help"), ("oom", "--help")])
def test_help_loads_no_models(checkout: Path, arguments: tuple[str, ...]) -> None:
    assert_none_of(loaded_by(checkout, *arguments), GUESTS, NUMBERS, PAGES, YAML, MODELS)


def test_validating_loads_no_guests_nor_reports(checkout: Path) -> None:
    scenario = checkout / "scenarios" / "binder-order3.yaml"
    loaded = loaded_by(checkout, "validate", scenario)
    assert loaded >= YAML
    assert_none_of(loaded, GUESTS, NUMBERS, PAGES, {"orchestrator.protocol.records", "orchestrator.plan"})


@pytest.mark.parametrize("name", ["terminal", "json", "mail", "junit", "ktap", "csv", "markdown", "gbench"])
def test_text_reports_of_few_blocks_load_neither_numbers_nor_pages(
    checkout: Path, tmp_path: Path, name: str
) -> None:
    directory = run_directory(tmp_path / "run").path
    loaded = loaded_by(checkout, "report", directory, "--format", name)
    assert "orchestrator.verdict.verdict" in loaded
    assert_none_of(loaded, GUESTS, NUMBERS, PAGES, YAML)


def test_reports_that_compare_load_distributions_and_no_more(checkout: Path, tmp_path: Path) -> None:
    directory = run_directory(tmp_path / "run", Made(blocks=8, spoil=Outcome.PASSED)).path
    loaded = loaded_by(checkout, "report", directory)
    assert "scipy.special" in loaded
    assert_none_of(loaded, GUESTS, PAGES, YAML, {"scipy.stats", "scipy.optimize"})


def test_running_loads_no_numbers_nor_pages_nor_event_loops_nor_downloads(checkout: Path) -> None:
    loaded = loaded_by(checkout, "run", "binder-order3", "--dry-run")
    assert "orchestrator.guests.qemu.guest" in loaded
    assert_none_of(loaded, NUMBERS, PAGES, FETCHING, {"asyncio"})


def test_what_tells_commands_without_running_them_is_loaded_for_that_alone(checkout: Path) -> None:
    loaded = loaded_by(checkout, "run", "--resume", "/nonexistent")
    assert "orchestrator.run.engine" in loaded
    assert "orchestrator.run.dryrun" not in loaded
