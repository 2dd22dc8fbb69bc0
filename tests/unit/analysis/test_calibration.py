# SPDX-License-Identifier: Apache-2.0
"""The statistics against real blocks: false alarms at their rate, and what is there is found.

The blocks are of `benchmarks/calibration.yaml`, taken on a busy machine; seeds are fixed.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from scipy import stats

from benchmarks.calibration import Pool, false_alarms, found_differences
from orchestrator.analysis.inference import LEVEL

_REDRAWS = 100
_TIMINGS = (
    "mmap trigger p50",
    "BM_sendVec_binder/4 after real_time",
    "BM_sendVec_binder/4096 after real_time",
)


@pytest.fixture(scope="module")
def pool() -> Pool:
    path = Path(__file__).resolve().parents[2] / "data" / "calibration.json"
    return Pool.model_validate_json(path.read_text(encoding="utf-8"))


def test_the_pool_has_enough_blocks(pool: Pool) -> None:
    assert pool.blocks >= 60
    assert {len(times_ns) for variants in pool.figures.values() for times_ns in variants.values()} == {
        pool.blocks
    }


@pytest.mark.parametrize("blocks", [6, 8])
def test_false_alarms_come_no_more_often_than_they_should(pool: Pool, blocks: int) -> None:
    few = pool.model_copy(update={"figures": {name: pool.figures[name] for name in _TIMINGS}})
    alarms = false_alarms(few, blocks, _REDRAWS, seed=1)
    paired = (alarms.test, alarms.claim, alarms.family, alarms.outcome)
    for share in (*paired, alarms.unpaired, alarms.unpaired_claim, alarms.outcome_unpaired):
        count = round(share * _REDRAWS)
        assert stats.binomtest(count, _REDRAWS, LEVEL, alternative="greater").pvalue > 0.01


def test_a_known_delay_is_found_with_about_its_size(pool: Pool) -> None:
    times_ns = pool.figures["mmap trigger p50"]
    whole_ns = statistics.median(times_ns["delay-20us"]) - statistics.median(times_ns["plain"])
    assert 18_000 < whole_ns < 32_000
    found = found_differences(pool, "delay-20us", 20, 20, seed=1)
    assert 15 < found.median_percent < 40
    assert found.claimed > 0.5


def test_a_known_delay_is_found_without_pairs_too(pool: Pool) -> None:
    found = found_differences(pool, "delay-20us", 20, 40, seed=1, paired=False)
    assert 15 < found.median_percent < 45
    assert found.claimed > 0.5
    assert found.covered >= 0.85


def test_pools_survive_their_file(pool: Pool) -> None:
    assert Pool.model_validate_json(pool.text()) == pool
