# SPDX-License-Identifier: Apache-2.0
"""Every limit of the agent from both sides: a scenario that asks for so much, and the words of a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SCENARIO = """\
name: limits
device:
  arch: arm64
  # one line further down:
  memory: 256MiB
variants:
  a: {base: debian-6.1}
trigger: {kind: binder-mmap, size: 4MiB, count: 1000}
"""


@dataclass(frozen=True)
class Limit:
    """How a scenario asks for `count` (a line of it replaced), and how a guest is told."""

    line: str
    asks: Callable[[int], str]
    words: Callable[[int], str]


def _trigger(rest: str) -> str:
    return f"trigger: {{kind: binder-mmap, size: 4MiB, {rest}}}\n"


def _network(rest: str) -> str:
    return f"trigger: {{kind: network, protocol: tcp, rate: 20000, duration: 1s, {rest}}}\n"


def _benchmark(rest: str, kind: str = "binder-transaction") -> str:
    return f"variants:\n  a: {{base: debian-6.1}}\nbenchmarks:\n  - {{kind: {kind}, {rest}}}\n"


def _map_cycle(number: int) -> str:
    return f"  - {{kind: binder-mmap, sizes: [{4 * (1 + number)}KiB], when: [target]}}\n"


def _program(number: int) -> str:
    return f"  - {{kind: command, name: p{number}, command: 'true', when: [target]}}\n"


def _sysctls(names: list[str], value: str = "1") -> str:
    return "device:\n  sysctls:\n" + "".join(f"    {name}: {value}\n" for name in names)


def _variant_sysctls(names: list[str]) -> str:
    settings = ", ".join(f"{name}: 1" for name in names)
    return f"variants:\n  a: {{base: debian-6.1, sysctls: {{{settings}}}}}\n"


def _settings_of_many(count: int) -> str:
    names = [f"vm.a{number}: 1" for number in range(count)]
    return "variants:\n" + "".join(
        f"  a{first}: {{base: debian-6.1, sysctls: {{{', '.join(names[first : first + 16])}}}}}\n"
        for first in range(0, count, 16)
    )


def _path(length: int) -> str:
    return "/sys/module/" + "a" * (length - 12)


def _variant_sysfs(length: int) -> str:
    return f"variants:\n  a: {{base: debian-6.1, sysfs: {{{_path(length)}: 1}}}}\n"


def _fields(map_bytes: int = 0, iterations: int = 1, warmup: int = 0, held: int = 0, sizes: str = "4") -> str:
    return f"benchmarks=raw:{map_bytes}:{iterations}:0:{warmup}:1:{held}:t:{sizes}"


def _mask(count: int) -> str:
    """Flags in so many bytes."""
    long = next(long for long in range(8) if (count + 1 - 11 * long) % 8 == 0)
    return "|".join(["GFP_KERNEL"] * long + ["GFP_DMA"] * ((count + 1 - 11 * long) // 8))


_TRIGGER = "trigger: {kind: binder-mmap, size: 4MiB, count: 1000}\n"
_DEVICE = "device:\n"
_VARIANTS = "variants:\n  a: {base: debian-6.1}\n"

LIMITS: dict[str, Limit] = {
    "processes": Limit(
        _TRIGGER, lambda n: _trigger(f"count: 1000, processes: {n}"), lambda n: f"processes={n}"
    ),
    "requests": Limit(_TRIGGER, lambda n: _trigger(f"count: {n}"), lambda n: f"count={n}"),
    "map_bytes": Limit(
        _TRIGGER,
        lambda n: f"trigger: {{kind: binder-mmap, size: {_bytes(n)}, count: 1}}\n",
        lambda n: f"size={n}",
    ),
    "map_transactions": Limit(
        _TRIGGER, lambda n: _trigger(f"count: 1, transactions: {n}"), lambda n: f"transactions={n}"
    ),
    "message_bytes": Limit(
        _TRIGGER, lambda n: _network(f"size: {_bytes(n)}"), lambda n: f"message_bytes={n}"
    ),
    "socket_bytes": Limit(
        _TRIGGER, lambda n: _network(f"size: 1B, buffer: {_bytes(n)}"), lambda n: f"room_bytes={n}"
    ),
    "burst": Limit(_TRIGGER, lambda n: _network(f"size: 1B, burst: {n}"), lambda n: f"burst={n}"),
    "command": Limit(
        _TRIGGER,
        lambda n: f"trigger: {{kind: command, command: {'x' * n}}}\n",
        lambda n: f"command={'x' * n}",
    ),
    "gfp": Limit(
        _TRIGGER,
        lambda n: f"trigger: {{kind: allocate, order: 0, count: 1, gfp: {_mask(n)}}}\n",
        lambda n: f"gfp={_mask(n)}",
    ),
    "bystanders": Limit(
        _TRIGGER,
        lambda n: _TRIGGER + f"bystanders: {{count: {n}, memory: 4KiB}}\n",
        lambda n: f"bystanders={n}:4:0",
    ),
    "nodes": Limit(
        _DEVICE, lambda n: f"device:\n  nodes: {n}\n", lambda n: f"nodes={n}"
    ),
    "sysctls": Limit(
        _DEVICE,
        lambda n: _sysctls([f"vm.a{number}" for number in range(n)]),
        lambda n: "sysctl=" + ",".join(f"vm.a{number}:1" for number in range(n)),
    ),
    "sysctl_name": Limit(
        _DEVICE, lambda n: _sysctls(["vm." + "a" * (n - 3)]), lambda n: f"sysctl=vm.{'a' * (n - 3)}:1"
    ),
    "sysctl_value": Limit(
        _DEVICE, lambda n: _sysctls(["vm.a"], "x" * n), lambda n: f"sysctl=vm.a:{'x' * n}"
    ),
    "variant_settings": Limit(
        _VARIANTS,
        lambda n: _variant_sysctls([f"vm.a{number}" for number in range(n)]),
        lambda n: "settings=" + ",".join(f"0:vm.a{number}:1" for number in range(n)),
    ),
    "settings": Limit(
        _VARIANTS,
        _settings_of_many,
        lambda n: "settings=" + ",".join(f"{number % 32}:vm.a{number}:1" for number in range(n)),
    ),
    "setting_path": Limit(
        _VARIANTS, lambda n: _variant_sysfs(n), lambda n: f"settings=0:{_path(n)}:1"
    ),
    "order": Limit(
        _TRIGGER,
        lambda n: _TRIGGER + f"fragmentation: {{target: {{usable_units: {{order: {n}, max: 1}}}}}}\n",
        lambda n: f"units={n}::1",
    ),
    "variants": Limit(
        _VARIANTS,
        lambda n: "variants:\n" + "".join(f"  a{number}: {{base: debian-6.1}}\n" for number in range(n)),
        lambda n: "variants=" + ",".join(f"a{number}" for number in range(n)),
    ),
    "benchmarks": Limit(
        _VARIANTS,
        lambda n: _VARIANTS + "benchmarks:\n" + "".join(map(_map_cycle, range(n))),
        lambda n: "benchmarks=" + ",".join(["mmap:0:1:0:0:1:0:t:4096"] * n),
    ),
    "programs": Limit(
        _VARIANTS,
        lambda n: _VARIANTS + "benchmarks:\n" + "".join(map(_program, range(n))),
        lambda n: " oomlab.".join(f"program=t:p{number}:true" for number in range(n)),
    ),
    "sizes": Limit(
        _VARIANTS,
        lambda n: _benchmark(f"sizes: [{', '.join(str(4 * (1 + number)) for number in range(n))}]"),
        lambda n: _fields(sizes="-".join(["4"] * n)),
    ),
    "iterations": Limit(
        _VARIANTS, lambda n: _benchmark(f"iterations: {n}"), lambda n: _fields(iterations=n)
    ),
    "payload": Limit(_VARIANTS, lambda n: _benchmark(f"sizes: [{n}]"), lambda n: _fields(sizes=str(n))),
    "transaction_map": Limit(
        _VARIANTS, lambda n: _benchmark(f"map: {_bytes(n)}"), lambda n: _fields(map_bytes=n)
    ),
    "held": Limit(_VARIANTS, lambda n: _benchmark(f"held: {n}"), lambda n: _fields(held=n)),
    "huge_pages": Limit(
        _VARIANTS,
        lambda n: _benchmark(f"iterations: {n}", "thp"),
        lambda n: f"benchmarks=thp:0:{n}:0:0:1:0:t:0",
    ),
    "adj": Limit(
        _TRIGGER, lambda n: _trigger(f"count: 1, oom_score_adj: {n}"), lambda n: f"adj={n}"
    ),
}  # fmt: skip


def _bytes(count: int) -> str:
    return f"{count}B"


def scenario_text(name: str, count: int) -> str:
    """A scenario that asks for `count` of this, and for nothing else that is unusual."""
    limit = LIMITS[name]
    assert SCENARIO.count(limit.line) == 1
    return SCENARIO.replace(limit.line, limit.asks(count))
