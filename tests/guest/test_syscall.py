# SPDX-License-Identifier: Apache-2.0
"""Trigger `syscall`: each path's calls are made, what they gave stays or goes, and they ask for order 3."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from orchestrator.errors import ExitCode
from orchestrator.scenario.triggers import syscall
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

EASY = (
    "--set", "fragmentation=null", "--set", "expectations={}", "--set", "trials.blocks=1",
    "--set", "variants={linux-6.1: {base: debian-6.1}}", "--set", "trigger.processes=4",
)  # fmt: skip


@pytest.mark.parametrize("path", get_args(syscall.Path))
def test_with_memory_enough_every_call_succeeds_and_asks_for_order_3(path: str, oomlab: Oomlab) -> None:
    """So many as would not fit beside one another, where each is given back."""
    given_back = ("--set", "trigger.hold=false", "--set", "trigger.count=3000")
    completed = oomlab("run", f"syscall-{path}", *EASY, *given_back, "--out", "run", "--json")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    found = json.loads(completed.stdout)["variants"]["linux-6.1"]
    assert found["outcomes"] == {"passed": 1}
    counts = [found["requests"][name] for name in ("noun", "succeeded", "failed", "in_flight")]
    assert counts == ["call", 3000, 0, 0]
    assert order_3(oomlab) >= 3000


def order_3(oomlab: Oomlab) -> int:
    """Requests of order 3 that the traced fork's processes made and had served."""
    for path in (oomlab.directory / "run/trials").glob("*/control.jsonl"):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if record["event"] == "histogram" and record["table"] == "page_alloc":
                rows = [row for row in record["text"].splitlines() if row.startswith("{ order:          3,")]
                return sum(int(row.rpartition(":")[2]) for row in rows)
    return 0
