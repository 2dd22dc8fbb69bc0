# SPDX-License-Identifier: Apache-2.0
"""Trigger `network`: what cannot be is refused before a boot, what can be is told to the guest as a pace."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.binder import KernelFigures
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.scenario.triggers.base import Need, TriggerKind

USUAL = "protocol: udp, size: 60KiB, rate: 2000, duration: 3s, burst: 32, processes: 4"


def trigger(keys: str = USUAL, memory: str = "256MiB") -> TriggerKind:
    text = (
        f"name: x\ndevice: {{arch: arm64, memory: {memory}}}\nvariants:\n  a: {{base: debian-6.1}}\n"
        f"trigger: {{kind: network, {keys}}}\n"
    )
    return load_text(text, Path("x.yaml")).scenario.trigger


def test_a_rate_and_a_duration_are_a_number_of_messages_and_a_period() -> None:
    load = trigger()
    assert load.planned == 6000
    assert load.words == "6000 messages of 60KiB by udp, 2000 a second, in bursts of 32 by 4 processes"
    assert load.recipe() == {
        "count": 6000, "processes": 4, "transport": "udp", "message_bytes": 61440, "burst": 32,
        "period_us": 64_000, "duration_us": 3_000_000, "room_bytes": 32 * 64 * 1024,
    }  # fmt: skip
    assert load.held_bytes == 128 * 61440


def test_a_burst_has_room_in_its_socket_unless_the_scenario_says_otherwise() -> None:
    assert trigger(USUAL + ", buffer: 256KiB").recipe()["room_bytes"] == 256 * 1024


@pytest.mark.parametrize(
    ("page_bytes", "keys", "need"),
    [
        (4096, USUAL, Need(3, 240)),
        (16384, USUAL, Need(1, 240)),
        (65536, USUAL, Need(0, 240)),
        (4096, USUAL.replace("60KiB", "8KiB"), None),
        (4096, USUAL.replace("udp", "tcp").replace("60KiB", "8KiB"), Need(3, 32)),
    ],
)
def test_bursts_fill_blocks_of_32_kib(page_bytes: int, keys: str, need: Need | None) -> None:
    assert trigger(keys).need(KernelFigures(page_bytes)) == need


@pytest.mark.parametrize(
    ("was", "becomes", "what"),
    [
        ("60KiB", "64KiB", "a UDP datagram holds at most 65507 bytes, not 64KiB.*65507B"),
        ("60KiB", "65508B", "65507"),
        ("60KiB", "0", "from 1B"),
        ("60KiB", "2MiB", "to 1MiB"),
        ("udp", "sctp", "unix-dgram"),
        ("rate: 2000", "rate: 0", "1"),
        ("rate: 2000", "rate: -5", "1"),
        ("rate: 2000", "rate: 1000001", "1000000"),
        ("rate: 2000", "rate: fast", "whole number"),
        ("udp, size: 60KiB, rate: 2000", "tcp, size: 1MiB, rate: 70000", "any machine copies.*65536"),
        ("rate: 2000, duration: 3s", "rate: 500000, duration: 3s", "1500000"),
        ("duration: 3s", "duration: 0s", "duration"),
        ("duration: 3s", "duration: 10ms", "no time for a burst of 32 messages by 4 processes"),
        ("burst: 32", "burst: 0", "1"),
        ("burst: 32", "burst: 10001", "10000"),
        ("processes: 4", "processes: 65", "64"),
        ("burst: 32", "burst: 1500", "more than the device's 256MiB"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(was: str, becomes: str, what: str) -> None:
    assert was in USUAL
    with pytest.raises(ScenarioInvalid, match=what) as told:
        trigger(USUAL.replace(was, becomes))
    assert all(problem.line == 5 for problem in told.value.problems)


@pytest.mark.parametrize("size", ["1B", "65507B"])
def test_the_smallest_and_the_largest_datagram_are_accepted(size: str) -> None:
    trigger(USUAL.replace("60KiB", size))


def test_a_stream_has_no_datagrams_limit() -> None:
    trigger(USUAL.replace("udp", "unix-stream").replace("60KiB", "1MiB").replace("burst: 32", "burst: 16"))
