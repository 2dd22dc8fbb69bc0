# SPDX-License-Identifier: Apache-2.0
"""What a fork took of the host's memory: summed up, and with the forks that were not asked in time."""

from __future__ import annotations

from orchestrator.report.rows import sample_line
from tests.unit.verdict.test_verdict import oomed, scenario, survived, verdict


def test_the_private_memory_of_forks_is_summed_up() -> None:
    results = [
        survived(block=number).model_copy(
            update={"private_memory_kb": size_kb, "vmstat_delta": {"pgfree": 1}}
        )
        for number, size_kb in enumerate([60_000, None, 90_000, 70_000], start=1)
    ]
    answer = verdict(scenario("trials: {blocks: 4}"), *results).passes[0]
    assert (answer.private_memory_median_kb, answer.private_memory_largest_kb) == (70_000, 90_000)
    assert answer.private_memory_missing == 1
    assert "88 MiB at most; 1 forked guest had ended before it could be read" in sample_line(answer)


def test_a_fork_whose_trigger_did_not_end_misses_no_private_memory() -> None:
    """Benchmarks alone, a hang: nobody was to look."""
    first, second = survived(), survived(block=2)
    results = [
        first.model_copy(update={"private_memory_kb": 60_000}),
        second.model_copy(update={"private_memory_kb": None, "vmstat_delta": {}}),
    ]
    answer = verdict(scenario("trials: {blocks: 2}"), *results).passes[0]
    assert answer.private_memory_missing == 0
    assert sample_line(answer).endswith("59 MiB at most")


def test_without_a_measure_of_the_host_there_is_no_private_memory() -> None:
    each = verdict(scenario(), oomed(), survived()).passes[0]
    assert (each.private_memory_median_kb, each.private_memory_largest_kb) == (None, None)
