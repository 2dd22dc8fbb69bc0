# SPDX-License-Identifier: Apache-2.0
"""Whether what a guest is to be told fits on its kernel's command line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from orchestrator.errors import InputError
from orchestrator.guests.qemu.machine import COMMAND_LINE_LIMIT
from orchestrator.scenario.command_benchmark import CommandBenchmark
from orchestrator.scenario.device import Variant
from orchestrator.scenario.fields import Cross
from orchestrator.scenario.models import Benchmark, Scenario

if TYPE_CHECKING:
    from orchestrator.plan import PlannedBlock

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
    """The longest command line of a block on a slow host. InputError where one is too long."""
    from orchestrator.guests.qemu.boot import block_boot
    from orchestrator.plan import plan_blocks

    lines = (
        block_boot(
            scenario, planned, kernel=Path(), initramfs=Path(), accelerator="tcg", slowdown=_SLOWEST
        ).command_line
        for planned in _one_of_each(plan_blocks(scenario))
    )
    return max(lines, key=len)


def _one_of_each(blocks: Sequence[PlannedBlock]) -> Iterable[PlannedBlock]:
    """Blocks of the same variants differ in a number or two."""
    return {block.variants: block for block in reversed(blocks)}.values()


def long_parts(scenario: Scenario) -> Mapping[tuple[str, ...], int]:
    """About how many bytes of the line each key takes that may be long; a byte is encoded in up to three."""
    device, trigger = scenario.device, scenario.trigger
    sysctls = ",".join(f"{name}:{value}" for name, value in device.sysctls.items())
    return {
        ("device", "cmdline"): sum(len(word) + 1 for word in device.cmdline),
        ("device", "sysctls"): len(quote(sysctls, safe=":,._-")),
        ("variants",): sum(map(_variant, scenario.variants.items())),
        ("benchmarks",): sum(map(_benchmark, scenario.benchmarks)),
        **{("trigger", key): len(quote(text, safe="")) for key, text in trigger.long_words.items()},
    }


def _variant(named: tuple[str, Variant]) -> int:
    name, variant = named
    settings = sum(len(f"{setting.name}:{setting.value}") + 4 for setting in variant.settings)
    return len(name) + 1 + settings + sum(len(word) + 1 for word in variant.command_line)


def _benchmark(benchmark: Benchmark) -> int:
    if isinstance(benchmark, CommandBenchmark):
        return len(benchmark.name) + len(quote(benchmark.command, safe=""))
    return _BENCHMARK + _SIZE * len(benchmark.sizes)
