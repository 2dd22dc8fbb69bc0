# SPDX-License-Identifier: Apache-2.0
"""What tracing and sampling in the guest add to a binder transaction, in one run, taking turns.

    python -m benchmarks.transactions [--repetitions N] [--iterations N]

The same guest four times: with nothing beside the benchmark, with the audit's histograms of allocations,
with memory sampled ten times a second, and with both. The deterministic clock gives instructions, which
the host's load does not reach; real time is for the ratio alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from orchestrator.clock import ICOUNT_SHIFT, Clock
from orchestrator.record.journal import read_journal, trial_results
from orchestrator.report.console.live import PlainObserver
from orchestrator.report.tables import PlainTable
from orchestrator.run.engine import RunOptions, run_scenario
from orchestrator.scenario.loading.loader import load_text

_EVENTS = "/sys/kernel/tracing/events/kmem"
_PLAIN, _TRACING, _SAMPLING, _BOTH = "nothing", "tracing", "sampling", "both"
_HISTOGRAMS = "; ".join(
    f"echo '{program}' > {_EVENTS}/{event}/trigger"
    for event, program in (
        ("kmalloc", "hist:keys=call_site.sym,gfp_flags,bytes_req:size=128 if bytes_req>=2048&&ptr!=0"),
        ("kmalloc", "hist:keys=call_site.sym,gfp_flags,bytes_req:size=128 if bytes_req>=2048&&ptr==0"),
        ("mm_page_alloc", "hist:keys=order,gfp_flags:size=128 if order>=1"),
    )
)
_SAMPLER = (
    "(while :; do cat /proc/vmstat /proc/zoneinfo /proc/pagetypeinfo; sleep 0.1; done) >/dev/null 2>&1 &"
)
_COMMANDS = {_PLAIN: "true", _TRACING: _HISTOGRAMS, _SAMPLING: _SAMPLER, _BOTH: f"{_HISTOGRAMS}; {_SAMPLER}"}
_TEXT = """
name: transactions
device: {arch: arm64, memory: 256MiB}
variants: {kcalloc: {base: debian-6.1}}
trigger:
  kind: command
  command: |-
    COMMAND
benchmarks:
  - {kind: binder-transaction, sizes: [4, 4096, 65536], iterations: ITERATIONS, when: [after]}
  - {kind: binder-mmap, sizes: [4MiB], iterations: ITERATIONS, when: [after]}
trials: {clock: CLOCK}
audit: false
"""

Times = Mapping[str, Mapping[str, list[float]]]
"""By benchmark and by what went on beside it: ns per iteration, one a repetition."""


def measured(condition: str, clock: Clock, iterations: int, console: Console) -> dict[str, float]:
    """ns per iteration of every benchmark, from one boot and fork."""
    text = _TEXT.replace("COMMAND", _COMMANDS[condition]).replace("CLOCK", clock)
    loaded = load_text(text.replace("ITERATIONS", str(iterations)), Path("transactions.yaml"))
    with tempfile.TemporaryDirectory() as directory:
        options = RunOptions(command="benchmarks.transactions", out=Path(directory) / "run")
        judged = run_scenario(loaded, PlainObserver(console), options)
        (result,) = trial_results(read_journal(judged.directory.journal))
    return {row.name: row.real_ns for row in result.benchmarks}


def take_turns(clock: Clock, repetitions: int, iterations: int, console: Console) -> Times:
    """All conditions, `repetitions` times; each time another one goes first."""
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    conditions = list(_COMMANDS)
    for repetition in range(repetitions):
        first = repetition % len(conditions)
        for condition in conditions[first:] + conditions[:first]:
            for name, ns in measured(condition, clock, iterations, console).items():
                times[name][condition].append(ns)
    return times


def table(clock: Clock, times: Times) -> PlainTable:
    """Medians, and their ratios to those of a guest in which nothing else goes on."""
    unit, per_ns = ("us", 1e-3) if clock == "realtime" else ("insns", 1 / (1 << ICOUNT_SHIFT))
    shown = PlainTable(title=f"{clock} clock")
    shown.add_column("benchmark")
    shown.add_column(f"{_PLAIN} ({unit})", justify="right")
    for condition in (_TRACING, _SAMPLING, _BOTH):
        shown.add_column(condition, justify="right")
    for name, by_condition in times.items():
        plain = statistics.median(by_condition[_PLAIN])
        others = (by_condition[condition] for condition in (_TRACING, _SAMPLING, _BOTH))
        ratios = (f"x {statistics.median(each) / plain:.3f}" for each in others)
        shown.add_row(name, f"{plain * per_ns:.1f}", *ratios)
    return shown


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=500)
    given = parser.parse_args()
    people, data = Console(stderr=True), Console()
    clocks: tuple[tuple[Clock, int], ...] = (("realtime", given.repetitions), ("deterministic", 1))
    for clock, repetitions in clocks:
        times = take_turns(clock, repetitions, given.iterations, people)
        data.print(table(clock, times))
    data.print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
