# SPDX-License-Identifier: Apache-2.0
"""What chance does on a machine, and what a run says of it: each warning at its edge."""

from __future__ import annotations

import math
from typing import Any

import pytest

from orchestrator.analysis.controls import ControlGroup
from orchestrator.analysis.doubts import is_it_noise
from orchestrator.analysis.noise import deterministic_noise, realtime_noise
from orchestrator.analysis.phrases import other_boot_words
from orchestrator.analysis.records import Comparison, Noise, TimingComparison
from orchestrator.analysis.samples import TimingKey
from orchestrator.analysis.timings import Pair
from orchestrator.clock import Clock
from tests.unit.analysis.trials import compared_time, comparison


def spreading(percent: float, statistic: str = "p50", *, same_work: bool = True) -> Pair:
    """A timing whose ratios have this standard deviation."""
    half = math.log(1 + percent / 100) / math.sqrt(2)
    key = TimingKey("BM_x/4", "target", statistic)
    return Pair(key, (1.0, 1.0), (1.0 - half, 1.0 + half), (1.0, 1.0 if same_work else 2.0), paired=True)


def twin(percent: float, **changes: Any) -> TimingComparison:
    """A/A timing whose medians differ so much."""
    return compared_time(**({"baseline": 100.0, "candidate": 100.0 + percent} | changes))


def test_the_spread_is_the_median_over_times_of_the_same_work() -> None:
    found = [spreading(1), spreading(3, "cpu_time"), spreading(5, "real_time"), spreading(90, "p99")]
    noise = realtime_noise([*found, spreading(80, same_work=False), spreading(70, "max")], ())
    assert (noise.quiet, noise.warnings, noise.control_percent) == (True, (), None)
    assert noise.spread_percent == pytest.approx(3)


def test_twins_are_judged_by_the_one_that_differs_most() -> None:
    twins = [twin(2), twin(-4), twin(99, statistic="p99"), twin(50, comparable=False)]
    noise = realtime_noise((), twins)
    assert (noise.quiet, noise.spread_percent) == (True, None)
    assert noise.control_percent == pytest.approx(4)


def test_with_nothing_to_judge_from_a_machine_is_neither_quiet_nor_loud() -> None:
    assert realtime_noise((), ()) == Noise(quiet=None, spread_percent=None, control_percent=None)


@pytest.mark.parametrize(("percent", "quiet"), [(9.9, True), (10.1, False)])
def test_ten_percent_is_noisy(percent: float, quiet: bool) -> None:
    for noise in (realtime_noise([spreading(percent)], ()), realtime_noise((), [twin(percent)])):
        assert noise.quiet is quiet
        assert len(noise.warnings) == (not quiet)


def test_warnings_have_their_figures() -> None:
    alarms = [twin(12, p_holm=0.05, words="it took longer"), twin(1, p_holm=None), twin(1, p_holm=0.051)]
    assert realtime_noise([spreading(12)], alarms).warnings == (
        (
            "ratios of single blocks spread by 12 % (standard deviation, median over the timings): too noisy"
            " a machine for small differences"
        ),
        "A/A: one and the same driver differed from itself by up to 12 %",
        "A/A: 1 of 3 tests calls one and the same driver different from itself (it took longer)",
    )
    two = realtime_noise((), [twin(1, p_holm=0.01), twin(1, p_holm=0.01)]).warnings
    assert two == ("A/A: 2 of 2 tests call one and the same driver different from itself (so it was)",)


@pytest.mark.parametrize(("identical", "quiet"), [(True, True), (None, True), (False, False)])
def test_instructions_are_quiet_while_the_control_holds(identical: bool | None, quiet: bool) -> None:
    noise = deterministic_noise(identical)
    assert (noise.quiet, noise.spread_percent, len(noise.warnings)) == (quiet, None, not quiet)


def control(pairs: int = 2, *, identical: bool | None = True) -> ControlGroup:
    return ControlGroup(first="first", second="again", pairs=pairs, identical=identical)


def asked(
    subject: Comparison, *controls: ControlGroup, clock: Clock = "realtime"
) -> tuple[str, tuple[str, ...], str | None]:
    answer = is_it_noise("Noise?", clock, subject, subject.timings, controls)
    assert answer.question == "Noise?"
    return answer.answer, answer.evidence, answer.open


def test_what_a_sound_run_says() -> None:
    times = (
        compared_time(),
        compared_time(smallest_effect_percent=7.04),
        compared_time(low=1.01, p_holm=0.01),
    )
    answer, evidence, missing = asked(comparison(*times), control())
    assert answer.startswith("1 of 3 timings differs by more than chance explains;")
    assert evidence == (
        "8 distinct blocks, paired: both variants fork from the same memory",
        "the smallest p that so many blocks can give is 0.0078",
        "a difference of 3.0 % to 7.0 %, by timing, would have been seen in 80 % of such runs",
        "ratios of single blocks spread by 2.0 % (standard deviation)",
    )
    assert missing is None


def test_two_differences_differ() -> None:
    found = compared_time(low=1.01, p_holm=0.01)
    assert asked(comparison(found, found))[0].startswith("2 of 2 timings differ by more than chance")


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"timings": ()}, "Nothing was timed, so there is no noise in times; outcomes have an exact test."),
        (
            {"claims": False, "blocks": 1, "smallest_p": 1.0},
            "It might: 1 block allows no claim about times, for no exact test of so few gives p below 1.",
        ),
        (
            {"claims": False, "blocks": 4, "smallest_p": 0.125},
            "It might: 4 blocks allow no claim about times, for no exact test of so few gives p below 0.12.",
        ),
        (
            {"claims": False, "blocks": 0, "smallest_p": None},
            "It might: 0 blocks allow no claim about times, for no exact test of so few gives p below 1.",
        ),
        (
            {"noise": Noise(quiet=False, spread_percent=30, control_percent=None, warnings=("loud",))},
            "Small ones might: the machine was noisy. What is claimed has passed tests that allow for it.",
        ),
    ],
)
def test_what_a_doubtful_run_says(changes: dict[str, Any], answer: str) -> None:
    assert asked(comparison(compared_time(), **changes))[0] == answer


@pytest.mark.parametrize(("percent", "told"), [(10.0, True), (10.1, False)])
def test_only_what_is_quiet_is_told_so(percent: float, told: bool) -> None:
    spread = Noise(quiet=True, spread_percent=percent, control_percent=None)
    twins = Noise(quiet=True, spread_percent=None, control_percent=percent)
    lines = [asked(comparison(compared_time(), noise=noise))[1] for noise in (spread, twins)]
    assert (f"ratios of single blocks spread by {percent} % (standard deviation)" in lines[0]) is told
    words = f"A/A: one and the same driver differs from itself by {percent} % at most"
    assert (words in lines[1]) is told


def test_variants_of_different_kernels_are_not_paired_aloud() -> None:
    why = other_boot_words(["second"])
    times = compared_time(smallest_effect_percent=None)
    evidence = asked(comparison(times, paired=False, smallest_p=None, unpaired_because=why))[1]
    assert evidence[0] == f"8 distinct blocks, NOT paired: {why}"
    assert why == "second runs another kernel image: its memory before the trigger is its own"
    evidence = asked(comparison(times, paired=False, smallest_p=None))[1]
    assert evidence[0] == "8 distinct blocks, NOT paired: the two were not forked from one memory"
    assert not any("smallest p" in line or "80 %" in line for line in evidence)


@pytest.mark.parametrize(
    ("sizes", "blocks", "needed"),
    [(1, 6, None), (2, 6, "7 blocks"), (2, 7, None), (6, 8, None), (7, 8, "9 blocks"), (7, 9, None)],
)
def test_large_families_need_more_blocks(sizes: int, blocks: int, needed: str | None) -> None:
    times = [compared_time(name=f"BM_x/{size}") for size in range(sizes)] + [compared_time(name="BM_y/1")]
    missing = asked(comparison(*times, blocks=blocks), control())[2]
    if needed is None:
        assert missing is None
    else:
        assert (
            missing == f"Holm's correction over so many sizes leaves no p below 5 % with fewer than {needed}"
        )
    assert asked(comparison(*times, blocks=blocks, paired=False), control())[2] is None


def test_what_is_missing_is_told_together() -> None:
    assert asked(comparison(compared_time(), blocks=5, claims=False))[2] == (
        "claims take 6 distinct blocks (`trials.blocks`);"
        " no A/A twin ran beside; a variant with `twin_of` shows what chance does"
    )


def test_instructions_are_no_noise_while_twins_are_identical() -> None:
    subject = comparison(compared_time())
    answer, evidence, missing = asked(
        subject, control(2), control(3), control(9, identical=None), clock="deterministic"
    )
    assert answer.startswith("No: guest time is a count of instructions")
    assert (evidence, missing) == (("A/A twins: identical to the last figure in 5 pairs",), None)
    assert asked(subject, clock="deterministic")[1:] == (
        (),
        "no A/A twin (`twin_of`) ran beside, to show that counts repeat",
    )
    broken = comparison(compared_time(), noise=deterministic_noise(twins_identical=False))
    answer, evidence, _ = asked(broken, control(identical=False), clock="deterministic")
    assert answer.startswith("It might: the A/A control does not hold")
    assert evidence == ("A/A twins are not identical, so instruction counts of this run are not exact",)
