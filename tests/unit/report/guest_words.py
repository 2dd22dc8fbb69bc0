# SPDX-License-Identifier: Apache-2.0
"""Control lines of blocks and trials for the runs that `factory` makes: series over time, latencies."""

from __future__ import annotations

import json
import random
from typing import Any

from orchestrator.plan import plan_blocks
from orchestrator.verdict.judged_run import JudgedRun

PRESSURE_US = 2_100_000
_STEPS = 8
_ORDERS = 11


def add_guest_words(report: JudgedRun) -> None:
    """What the agents of this run's blocks and trials said, into their directories."""
    for planned in plan_blocks(report.manifest.scenario):
        place = report.directory.blocks / f"{planned.index:04d}"
        place.mkdir(parents=True)
        (place / "control.jsonl").write_text("".join(_block(planned.number)))
    for result in report.results:
        if result.requests is not None and result.requests.latency is not None:
            dice = random.Random(result.trial)
            latencies = [
                int(result.requests.latency.p50_ns * dice.lognormvariate(0, 0.6))
                for _ in range(result.requests.succeeded)
            ]
            errnos = [0] * len(latencies)
            words = line("latencies", 5_000_000, process=0, first=0, latency_ns=latencies, errno=errnos)
            (report.directory.trials / result.directory / "control.jsonl").write_text(words)


def _block(number: int) -> list[str]:
    lines = [
        line(
            "hello", 2_000_000, protocol=1, release="6.1", machine="aarch64", page_size_bytes=4096, cpus=1,
            mem_total_kb=229_504,
        ),
        line("phase", PRESSURE_US, name="pressure"),
    ]  # fmt: skip
    for step in range(1, _STEPS + 1):
        free_kb = 200_000 - 22_000 * step
        lines.append(
            line(
                "state", PRESSURE_US + step * 100_000 + number * 1_000, step=step, action="pipes",
                free_kb=free_kb, units=_units(free_kb), held_kb=22_000 * step,
            )
        )  # fmt: skip
    units = [16_000, 410 + number, 204, 101, 50, 25, 12, 6, 2, 0, 0]
    target_us = PRESSURE_US + (_STEPS + 1) * 100_000 + number * 1_000
    lines.append(
        line("target", target_us, reached=True, reason="reached", free_kb=66_000, units=units, elapsed_ms=900)
    )
    return lines


def _units(free_kb: int) -> list[int]:
    return [free_kb // 4 >> order for order in range(_ORDERS)]


def line(event: str, t_us: int, **fields: Any) -> str:
    """One record as the agent writes it."""
    return json.dumps({"event": event, "t_us": t_us, **fields}, separators=(",", ":")) + "\n"
