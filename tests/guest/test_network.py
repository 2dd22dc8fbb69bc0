# SPDX-License-Identifier: Apache-2.0
"""Trigger `network`: messages of every protocol arrive, what finds no room is told, orders are counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.errors import ExitCode
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

EASY = (
    "fragmentation=null", "expectations={}", "trials.blocks=1", "audit=false", "device.zram=null",
    "variants={base: {base: debian-6.1}}", "trigger.rate=1000", "trigger.duration=300ms",
)  # fmt: skip


def base(oomlab: Oomlab, *options: str, ends: ExitCode = ExitCode.MET) -> dict[str, Any]:
    """What the only variant came to."""
    settings = [word for option in (*EASY, *options) for word in ("--set", option)]
    completed = oomlab("run", "network-burst", "--json", *settings)
    assert completed.returncode == ends, completed.stderr.decode()
    found: dict[str, Any] = json.loads(completed.stdout)["variants"]["base"]
    return found


def measures(found: dict[str, Any]) -> dict[str, float]:
    return {each["name"]: each["median"] for each in found["measures"]}


@pytest.mark.parametrize("protocol", ["tcp", "unix-dgram", "unix-stream"])
def test_with_memory_enough_every_message_arrives(protocol: str, oomlab: Oomlab) -> None:
    found = base(oomlab, f"trigger.protocol={protocol}")
    assert found["outcomes"] == {"passed": 1}
    requests, told = found["requests"], measures(found)
    assert (requests["noun"], requests["failed"]) == ("message", 0)
    assert requests["succeeded"] + told["unsent"] == 300
    assert told["throughput"] > 0
    assert told.get("dropped", 0) == 0


def test_datagrams_that_find_no_room_are_dropped_and_orders_are_counted(oomlab: Oomlab) -> None:
    found = base(oomlab, "trigger.buffer=64KiB", "audit=true")
    assert found["outcomes"] == {"passed": 1}
    # Of each burst of 16 one or two fit.
    assert 0 < measures(found)["dropped"] < found["requests"]["succeeded"]
    by_order = {each["order"]: each for each in found["page_requests"]}
    assert by_order[3]["served"] == by_order[3]["requests"] > 0


def test_a_socket_that_has_no_room_for_more_refuses(oomlab: Oomlab) -> None:
    options = "trigger.protocol=unix-dgram", "trigger.buffer=64KiB"
    found = base(oomlab, *options, ends=ExitCode.NOT_MET)
    assert found["outcomes"] == {"request-failed": 1}
    assert found["requests"]["failed"] > 0
