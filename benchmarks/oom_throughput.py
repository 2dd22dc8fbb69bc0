# SPDX-License-Identifier: Apache-2.0
"""How fast `oomlab oom` reads a long console, and how much memory that takes.

    python -m benchmarks.oom_throughput [--size 256MiB] [--every 1MiB] [--repetitions 3]

The console is made up: boot and driver messages with the clock running on, one line in fifty with a word that
reports contain too, and a real report (an OOM kill and an allocation failure of one of our guests) once
in `--every`. The whole command is measured, interpreter start included, on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accounted import cpu_s
from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from orchestrator.units import KIB, MIB, format_size, parse_size

_REPORT = (
    Path(__file__).resolve().parent.parent / "tests" / "data" / "consoles" / "6.1-arm64-binder-order3.txt"
)
_EVENTS_IN_REPORT = (1, 1)
_RUN_S = 900.0
_GOAL_MB_PER_S = 50
_SEED = 20240614
_NEAR_MISS = 0.02
_LINES = (
    "usb 1-{a}: new high-speed USB device number {b} using xhci_hcd",
    'audit: type=1400 audit({b}.{c:03}:{a}): avc: granted {{ read }} for pid={b} comm="Binder:{b}_{a}"',
    "binder: {b}:{b} transaction failed 29189/-22, size {c}-{a} line 3169",
    "mmc0: new high speed SDHC card at address {c:04x}",
    "wlan0: authenticate with 02:00:00:{a:02x}:{b:02x}:00 (try {a}/3)",
    "healthd: battery l={a} v={b} t={c} h=2 st=3 c=-{b} fc={c} cc=1 chg=",
    "EXT4-fs (mmcblk0p{a}): mounted filesystem with ordered data mode. Opts: (null)",
    "init: Service 'vendor.sensors-hal-{a}' (pid {b}) exited with status {a}",
)
_NEAR_MISSES = (
    "ion: heap {a} shrunk by {b}kB, oom_score_adj of its owner is {c}",
    "zram0: detected capacity change from 0 to {b} kB",
    "init: cannot start 'system-boom-{a}': out of slots",
    "thermal: zone {a} panic threshold {b} not reached",
)


@dataclass(frozen=True)
class Measured:
    """One run of the command."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def console(size_bytes: int, every_bytes: int) -> Iterator[bytes]:
    """The console in pieces of `every_bytes`; each ends with a report."""
    generator = random.Random(_SEED)
    report = _REPORT.read_bytes()
    blocks = [_calm(generator, every_bytes - len(report)) + report for _ in range(4)]
    for number in range(size_bytes // every_bytes):
        yield blocks[number % len(blocks)]


def _calm(generator: random.Random, size_bytes: int) -> bytes:
    """Messages in which no report is."""
    lines, length, t_s = [], 0, 10.0
    while length < size_bytes:
        templates = _NEAR_MISSES if generator.random() < _NEAR_MISS else _LINES
        a, b, c = generator.randrange(9), generator.randrange(9999), generator.randrange(999)
        t_s += generator.random() / 100
        line = f"[{t_s:12.6f}] " + generator.choice(templates).format(a=a, b=b, c=c) + "\n"
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()[: size_bytes - 1] + b"\n"


def measure(path: Path) -> tuple[Measured, tuple[int, int]]:
    """Read `path` once; what it took, and the (OOM events, allocation failures) that were found."""
    command = [sys.executable, "-m", "orchestrator", "oom", "--json", str(path)]
    cpu, started = cpu_s(resource.RUSAGE_CHILDREN), time.monotonic()
    out = run(command, deadline=Deadline.after(_RUN_S, "the console is read")).stdout
    wall_s = time.monotonic() - started
    found = json.loads(out)
    peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * KIB
    taken = Measured(wall_s, cpu_s(resource.RUSAGE_CHILDREN) - cpu, peak_bytes)
    return taken, (found["oom_events"], found["alloc_failure_warnings"])


def main() -> None:
    """Make the console, read it a few times, print one line a time."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.oom_throughput")
    parser.add_argument("--size", type=parse_size, default=256 * MIB, help="of the console (256MiB)")
    parser.add_argument("--every", type=parse_size, default=MIB, help="one report in so much text (1MiB)")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oomlab-benchmark-") as scratch:
        path = Path(scratch) / "console.log"
        with path.open("wb") as file:
            file.writelines(console(options.size, options.every))
        size_bytes, reports = path.stat().st_size, options.size // options.every
        expected = tuple(reports * events for events in _EVENTS_IN_REPORT)
        for _ in range(options.repetitions):
            load = os.getloadavg()[0]
            taken, found = measure(path)
            if found != expected:
                sys.exit(f"found {found} events instead of {expected}")
            sys.stdout.write(f"{_line(size_bytes, sum(found), taken)} (load {load:.1f})\n")


def _line(size_bytes: int, events: int, taken: Measured) -> str:
    return (
        f"{format_size(size_bytes)}, {events} events: {size_bytes / 1e6 / taken.cpu_s:.0f} MB/s of CPU time "
        f"(goal above {_GOAL_MB_PER_S}), {size_bytes / 1e6 / taken.wall_s:.0f} MB/s of wall time, "
        f"at most {taken.peak_bytes / 1e6:.0f} MB resident"
    )


if __name__ == "__main__":
    main()
