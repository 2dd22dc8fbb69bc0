# SPDX-License-Identifier: Apache-2.0
"""Makes trials with figures of one's choice."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.analysis.records import Comparison, Noise, TimingComparison
from orchestrator.outcome import Outcome
from orchestrator.record.result import BenchmarkRow, LatencySummary, RequestSummary, TrialResult
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario

TEXT = """
name: example
device: {arch: arm64, memory: 256MiB}
variants:
  first: {base: debian-6.1}
  second: {base: BASE, scope: drivers/android, patches: []}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
trials: {blocks: 20, clock: [realtime, deterministic]}
"""


def scenario(
    base: str = "debian-6.1", *, variants: str = "", extra: str = "", only_first: bool = False
) -> Scenario:
    """Variants `first` and `second` (or the first alone), more of them, and more keys."""
    text = TEXT.replace("BASE", base).replace("trigger:", f"{variants}trigger:", 1)
    lines = [line for line in text.splitlines() if not (only_first and line.startswith("  second:"))]
    return load_text("\n".join(lines) + "\n" + extra, Path("example.yaml")).scenario


def trial(variant: str, block: int, p50_ns: float | None = None, **fields: Any) -> TrialResult:
    """A trial of 600 maps that succeeded, unless `succeeded`, `in_flight` or other fields say otherwise."""
    succeeded, in_flight = fields.pop("succeeded", 600), fields.pop("in_flight", 0)
    latency = None
    if p50_ns is not None:
        latency = LatencySummary(count=succeeded, p50_ns=round(p50_ns), p99_ns=round(p50_ns) * 9, max_ns=1)
    requests = RequestSummary(
        planned=600, succeeded=succeeded, failed=0, in_flight=in_flight, errnos={}, latency=latency
    )
    made: dict[str, Any] = {
        "outcome": Outcome.PASSED,
        "clock": "realtime",
        "requests": requests,
        "fingerprint": f"{block:x}",
    }
    return TrialResult(
        trial=block, directory="1", block=block, attempt=1, variant=variant, mode="trial", seed=1,
        why="", host_seconds=1, **(made | fields),
    )  # fmt: skip


def row(name: str, real_ns: float, **fields: Any) -> BenchmarkRow:
    """A benchmark of 100 iterations."""
    made: dict[str, Any] = {"when": "target"} | fields
    return BenchmarkRow(name=name, iterations=100, warmup=10, real_ns=real_ns, cpu_ns=real_ns / 2, **made)


def run(ratios: Sequence[float], base_ns: float = 1e6, wander: float = 0.2) -> list[TrialResult]:
    """Blocks that differ much from one another, with variants that differ by these ratios."""
    dice = random.Random(1)
    trials = []
    for block, ratio in enumerate(ratios, start=1):
        own_ns = base_ns * math.exp(dice.gauss(0, wander))
        trials += [trial("first", block, own_ns), trial("second", block, own_ns * ratio)]
    return trials


def compared_time(**changes: Any) -> TimingComparison:
    """A timing that was bounded at 4 %, of eight blocks."""
    fields: dict[str, Any] = {
        "name": "BM_x/4096", "when": "target", "comparable": True, "statistic": "real_time", "unit": "ns",
        "blocks": 8, "baseline": 100.0, "candidate": 101.0, "ratio": 1.01, "low": 0.98, "high": 1.04,
        "interval": "paired t", "p": 0.5, "p_holm": 0.5, "smallest_effect_percent": 3.0, "words": "so it was",
    }  # fmt: skip
    return TimingComparison(**(fields | changes))


def comparison(*timings: TimingComparison, **changes: Any) -> Comparison:
    """A paired comparison of eight blocks on a quiet machine."""
    noise = Noise(quiet=True, spread_percent=2.0, control_percent=None)
    fields: dict[str, Any] = {
        "baseline": "first", "candidate": "second", "paired": True, "blocks": 8, "claims": True,
        "smallest_p": 0.0078, "outcome": None, "timings": timings, "noise": noise,
    }  # fmt: skip
    return Comparison(**(fields | changes))
