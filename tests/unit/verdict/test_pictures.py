# SPDX-License-Identifier: Apache-2.0
"""Of the guests' memory pictures a verdict shows the one that was furthest off."""

from __future__ import annotations

from pathlib import Path

from orchestrator.analysis.picture_table import PictureTable
from orchestrator.record.result import TrialResult
from orchestrator.scenario.loading.loader import load_text
from orchestrator.verdict.verdict import compute_verdict
from tests.unit.evidence.guest_output import ACCELERATORS, judged, passed
from tests.unit.memory.pictures import guest

TEXT = """
name: example
device: {arch: arm64, memory: 4GiB}
variants: {a: {base: debian-6.1}}
fragmentation: {target: TARGET}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
audit: false
trials: {blocks: 3}
"""
PICTURE = "{picture: {active_anon: 188384KiB}}"


def trial(block: int, active_anon_kb: int | None) -> TrialResult:
    changed = {} if active_anon_kb is None else {"Active(anon)": active_anon_kb}
    memory = (guest("trigger", 20_000_000, **changed),) if changed else ()
    return judged(passed(), variant="a", block=block, trial=block).model_copy(update={"memory": memory})


def shown(*trials: TrialResult, target: str = PICTURE) -> PictureTable | None:
    scenario = load_text(TEXT.replace("TARGET", target), Path("x.yaml")).scenario
    return compute_verdict(scenario, [], trials, accelerators=ACCELERATORS).passes[0].picture


def test_the_one_that_was_furthest_off_is_shown() -> None:
    wanted = 188_384
    for off, percent in ((0.9, -10.0), (1.2, 20.0)):
        found = shown(trial(1, wanted), trial(2, round(wanted * off)), trial(3, round(wanted * 1.05)))
        assert found is not None
        assert found.worst_percent == percent


def test_without_a_picture_or_a_sample_there_is_nothing_to_show() -> None:
    assert shown(trial(1, 188_384), target="{usable_units: {order: 3, max: 5}}") is None
    assert shown(trial(1, None)) is None
    other = trial(1, 188_384).model_copy(update={"clock": "deterministic"})
    assert shown(other) is None
