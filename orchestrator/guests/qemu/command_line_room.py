# SPDX-License-Identifier: Apache-2.0
"""Whether what a guest is to be told fits on its kernel's command line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from orchestrator.errors import InputError
from orchestrator.guests.qemu.machine import COMMAND_LINE_LIMIT
from orchestrator.scenario.command_benchmark import CommandBenchmark
from orchestrator.scenario.fields import Cross
from orchestrator.scenario.models import Benchmark, Scenario

MOST_BESIDE = 1000
"""All else that is on a command line takes less, whatever the scenario says."""

_SLOWEST = 100.0
"""Deadlines are stretched to the host's speed, which takes digits."""
_BENCHMARK = 60
_SIZE = 11


def room_problems(scenario: Scenario) -> list[Cross]:
    """A problem, at the key that takes most room, where the kernel would cut the line."""
    parts = long_parts(scenario)
    if sum(parts.values()) + MOST_BESIDE < COMMAND_LINE_LIMIT:
        return []
    try:
        longest_line(scenario)
    except InputError as error:
        longest = max(parts, key=lambda path: parts[path])
        return [Cross(longest, f"{error.message}; this takes about {parts[longest]} of them")]
    return []


def longest_line(scenario: Scenario) -> str:
    """The command line of a block on a slow host. InputError where it is too long."""
    from orchestrator.guests.qemu.boot import block_boot
    from orchestrator.plan import plan_blocks

    planned = plan_blocks(scenario)[0]
    return block_boot(
        scenario, planned, kernel=Path(), initramfs=Path(), accelerator="tcg", slowdown=_SLOWEST
    ).command_line


def long_parts(scenario: Scenario) -> Mapping[tuple[str, ...], int]:
    """About how many bytes of the line each key takes that may be long; a byte is encoded in up to three."""
    device, trigger = scenario.device, scenario.trigger
    sysctls = ",".join(f"{name}:{value}" for name, value in device.sysctls.items())
    return {
        ("device", "cmdline"): sum(len(word) + 1 for word in device.cmdline),
        ("device", "sysctls"): len(quote(sysctls, safe=":,._-")),
        ("variants",): sum(len(name) + 1 for name in scenario.variants),
        ("benchmarks",): sum(map(_benchmark, scenario.benchmarks)),
        **{("trigger", key): len(quote(text, safe="")) for key, text in trigger.long_words.items()},
    }


def _benchmark(benchmark: Benchmark) -> int:
    if isinstance(benchmark, CommandBenchmark):
        return len(benchmark.name) + len(quote(benchmark.command, safe=""))
    return _BENCHMARK + _SIZE * len(benchmark.sizes)
