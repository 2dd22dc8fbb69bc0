# SPDX-License-Identifier: Apache-2.0
"""Trigger `fork`: children are counted, stay or go, and what ends them is told of their process."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.errors import ExitCode
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

EASY = ("--set", "fragmentation=null", "--set", "expectations={}", "--set", "trials.blocks=1")


def totals(oomlab: Oomlab, *options: str) -> dict[str, Any]:
    """What the only variant came to."""
    completed = oomlab("run", "fork-memory-full", "--json", "--set", "audit=false", *options)
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    found: dict[str, Any] = json.loads(completed.stdout)["variants"]["base"]
    return found


def test_with_memory_enough_every_fork_succeeds(oomlab: Oomlab) -> None:
    held = totals(oomlab, *EASY, "--set", "trigger.count=90", "--set", "trigger.processes=4")
    assert held["outcomes"] == {"passed": 1}
    counts = [held["requests"][name] for name in ("noun", "succeeded", "failed", "in_flight")]
    assert counts == ["fork", 90, 0, 0]
    assert held["requests"]["p50"] > 0


def test_children_that_end_at_once_need_no_memory(oomlab: Oomlab) -> None:
    """So many would not fit beside one another: as held ones they are killed."""
    released = totals(oomlab, "--set", "trigger.hold=false", "--set", "expectations={}")
    assert set(released["outcomes"]) == {"passed"}
    assert released["requests"]["succeeded"] == 400 * released["trials"]


def test_in_full_memory_the_fork_in_flight_is_counted_as_such(oomlab: Oomlab) -> None:
    died = totals(oomlab, "--set", "trials.blocks=1")
    assert died["outcomes"] == {"oom": 1}
    assert died["killed"] == {"trigger": 1}
    requests = died["requests"]
    assert 0 < requests["succeeded"] < 400
    assert (requests["failed"], requests["in_flight"]) == (0, 1)
    assert died["first_oom"]["order"] in (0, 1)
