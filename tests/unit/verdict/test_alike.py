# SPDX-License-Identifier: Apache-2.0
"""A patch is said to change nothing only where both variants ended, asked and fared alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.analysis.records import Comparison
from orchestrator.outcome import Outcome
from orchestrator.record.result import RequestPaths, RequestSummary, TrialResult, Victim
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario
from orchestrator.verdict.alike import without_effect
from tests.unit.analysis.trials import compared_time, comparison
from tests.unit.evidence.guest_output import OOM_CONSOLE, hello, judged, target, trigger_end, trigger_start

TEXT = """
name: example
device: {arch: arm64, memory: 256MiB}
variants:
  plain: {base: debian-6.1}
  patched: {base: debian-6.1, scope: drivers/android, patches: [mine.patch]}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    """Two variants, of which one is the other with a patch."""
    (tmp_path / "mine.patch").write_text("x")
    return load_text(TEXT, tmp_path / "x.yaml").scenario


def oomed(variant: str, **changes: Any) -> TrialResult:
    control = [hello(), target(), trigger_start(), trigger_end("first-oom", succeeded=300, oom_kill=1)]
    return judged(control, OOM_CONSOLE, variant=variant).model_copy(update=changes)


def told(scenario: Scenario, *trials: TrialResult) -> list[str]:
    return list(without_effect(scenario, trials, ()))


def test_variants_that_end_alike_are_told(scenario: Scenario) -> None:
    (line,) = told(scenario, oomed("plain"), oomed("patched"))
    assert line.startswith("the patch changes nothing here: both variants ended alike (")
    assert line.endswith("(plain: 1 x oom, 300 mmaps succeeded; patched: 1 x oom, 300 mmaps succeeded)")


def mmaps(ok: int, failed: int = 0) -> RequestSummary:
    return RequestSummary(planned=600, succeeded=ok, failed=failed, in_flight=0, errnos={}, latency=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.PASSED},
        {"panicked": True},
        {"kernel_bugs": ("BUG",)},
        {"first_oom": None},
        {"victims": (Victim(role="bystander", pid=1, signal=9),)},
        {"requests": mmaps(420)},
        {"requests": mmaps(300, 50)},
        {"outcome": Outcome.LOST},
    ],
)
def test_any_difference_is_one(scenario: Scenario, changes: dict[str, Any]) -> None:
    assert told(scenario, oomed("plain"), oomed("patched", **changes)) == []


def test_how_far_a_dying_trigger_comes_is_partly_chance(scenario: Scenario) -> None:
    assert told(scenario, oomed("plain"), oomed("patched", requests=mmaps(330)))


def test_other_gfp_flags_are_a_change(scenario: Scenario) -> None:
    def traced(variant: str, flags: str) -> TrialResult:
        paths = RequestPaths(
            gfp_flags={flags: 9}, contiguous=9, fell_back=0, refused=0, insists=True, vmalloc_areas=None,
            page_orders={},
        )  # fmt: skip
        return oomed(variant, stage="audit-trigger", page_arrays=paths)

    both = oomed("plain"), oomed("patched")
    assert told(scenario, *both, traced("plain", "a"), traced("patched", "a"))
    assert told(scenario, *both, traced("plain", "a"))
    assert told(scenario, *both, traced("plain", "a"), traced("patched", "b")) == []


def test_twins_and_other_kernels_are_no_patched_variants(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    for variants in (
        "{plain: {base: debian-6.1}, patched: {base: debian-6.1, twin_of: plain}}",
        "{plain: {base: debian-6.1}, patched: {base: debian-6.12}}",
        "{plain: {base: debian-6.12}, patched: {base: debian-6.1, scope: drivers/android, patches: [x]}}",
    ):
        text = (
            TEXT.partition("variants:")[0] + f"variants: {variants}\ntrigger:" + TEXT.partition("trigger:")[2]
        )
        assert told(load_text(text, tmp_path / "x.yaml").scenario, oomed("plain"), oomed("patched")) == []


def test_among_several_variants_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.patch").write_text("x")
    third = TEXT.replace("trigger:", "  third: {base: debian-6.12}\ntrigger:")
    (line,) = told(load_text(third, tmp_path / "x.yaml").scenario, oomed("plain"), oomed("patched"))
    assert line.startswith("patched changes nothing here: it ended like plain (")


@pytest.mark.parametrize(("ok", "alike"), [(400, True), (401, False), (225, True), (224, False)])
def test_a_quarter_more_or_fewer_mmaps_is_chance(scenario: Scenario, ok: int, *, alike: bool) -> None:
    assert bool(told(scenario, oomed("plain"), oomed("patched", requests=mmaps(ok)))) is alike


def test_mmaps_are_those_of_all_untraced_triggers_together(scenario: Scenario) -> None:
    trials = [oomed("plain", requests=mmaps(100, 7)), oomed("plain", requests=mmaps(500, 1))]
    others = [oomed("patched", requests=mmaps(320, 4)), oomed("patched", requests=mmaps(280, 4))]
    beside = oomed("patched", stage="relaxed", requests=mmaps(9999, 9999))
    silent = oomed("patched", stage="target", requests=None)
    (line,) = told(scenario, *trials, *others, beside, silent)
    assert line.endswith(
        "(plain: 2 x oom, 600 mmaps succeeded, 8 mmaps failed;"
        " patched: 2 x oom, 600 mmaps succeeded, 8 mmaps failed)"
    )


def test_without_a_trial_of_either_nothing_is_alike(scenario: Scenario) -> None:
    assert told(scenario, oomed("plain")) == told(scenario, oomed("patched")) == told(scenario) == []
    lost = [oomed(name, outcome=Outcome.LOST) for name in ("plain", "patched")]
    assert told(scenario, *lost) == []


def test_a_bug_in_other_forks_is_a_difference(scenario: Scenario) -> None:
    buggy = oomed("patched", stage="relaxed", kernel_bugs=("BUG",))
    assert told(scenario, oomed("plain"), oomed("patched"), buggy) == []


def timed(ratio: float, *, exact: bool = True, names: tuple[str, str] = ("plain", "patched")) -> Comparison:
    fields: dict[str, Any] = {"ratio": ratio, "low": ratio, "high": ratio, "p_holm": 0.01}
    if exact:
        fields |= {"p_holm": None, "interval": "exact"}
    return comparison(compared_time(**fields), baseline=names[0], candidate=names[1])


@pytest.mark.parametrize(
    ("compared", "alike"),
    [
        (timed(1.0099), True),
        (timed(0.9901), True),
        (timed(1.0101), False),
        (timed(0.9899), False),
        (timed(1.5, names=("plain", "third")), True),
        (timed(1.005, exact=False), False),
        (timed(1.0, exact=False), True),
    ],
)
def test_times_that_were_shown_to_differ_are_a_change(
    scenario: Scenario, compared: Comparison, *, alike: bool
) -> None:
    both = oomed("plain"), oomed("patched")
    assert bool(list(without_effect(scenario, both, [timed(1.0), compared]))) is alike


def test_every_clock_has_to_be_alike(tmp_path: Path) -> None:
    (tmp_path / "mine.patch").write_text("x")
    text = TEXT + "trials: {clock: [realtime, deterministic]}\n"
    subject = load_text(text, tmp_path / "x.yaml").scenario
    real = [oomed(name) for name in ("plain", "patched")]
    counted = [oomed(name, clock="deterministic") for name in ("plain", "patched")]
    assert told(subject, *real, *counted)
    assert told(subject, *real) == []
    assert told(subject, *real, counted[0], oomed("patched", clock="deterministic", panicked=True)) == []
