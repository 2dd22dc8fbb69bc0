# SPDX-License-Identifier: Apache-2.0
"""Snippets of docs/ci.md with real guests: what they leave and say; the others are in tests/unit/docs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from junitparser import JUnitXml

from orchestrator.errors import ExitCode
from orchestrator.paths import cache_dir
from tests.unit.docs.ci_page import lay_out, run_as_a_job, snippet, snippets

pytestmark = pytest.mark.guest

# The run is made shorter, nothing else.
LAUNCHER = """#!/bin/sh
[ "$1" != --yes ] || shift
[ "$1" != run ] || set -- "$@" --set trials.blocks=1 --set audit=false --set trials.timing=false
PYTHONPATH={checkout} exec {python} -P -m orchestrator "$@"
"""


@pytest.fixture(name="place")
def _place(tmp_path: Path, checkout: Path) -> Path:
    lay_out(tmp_path, checkout, LAUNCHER.format(checkout=checkout, python=sys.executable))
    return tmp_path


def test_the_first_command_leaves_its_reports(place: Path, checkout: Path) -> None:
    done = run_as_a_job(
        snippet(checkout, "In a minute").text, place, {"OOMLAB_CACHE": os.fspath(cache_dir())}
    )
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    assert done.stdout.decode() == next(each.text for each in snippets(checkout, "text"))
    assert {path.name for path in (place / "results").iterdir()} == {
        "run", "junit.xml", "summary.md", "report.html"
    }  # fmt: skip
    assert JUnitXml.fromfile(os.fspath(place / "results/junit.xml")).tests > 2


def test_a_lock_is_written_and_then_taken(place: Path, checkout: Path) -> None:
    done = run_as_a_job(snippet(checkout, "Pinning").text, place, {"OOMLAB_CACHE": os.fspath(cache_dir())})
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    assert done.stderr.decode().count("wrote the lock binder-order3.lock") == 1
    first, second = sorted((place / "runs").glob("binder-order3-*"))
    assert (first / "verdict.json").exists()
    assert (second / "verdict.json").exists()
