# SPDX-License-Identifier: Apache-2.0
"""How far a run's comparisons can be trusted: the answer to "is it noise"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from orchestrator.analysis.controls import ControlGroup
from orchestrator.analysis.findings import Finding, finding
from orchestrator.analysis.inference import LEVEL, smallest_paired_p, smallest_unpaired_p
from orchestrator.analysis.noise import NOISY_PERCENT
from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, Answer, Comparison, TimingComparison
from orchestrator.analysis.samples import TimingKey
from orchestrator.clock import Clock
from orchestrator.text.amounts import count_of, spread_text


def is_it_noise(
    question: str,
    clock: Clock,
    comparison: Comparison,
    timings: Sequence[TimingComparison],
    controls: Sequence[ControlGroup],
) -> Answer:
    """From the spread, the A/A control, and what so many blocks can show at all."""
    if clock == "deterministic" and comparison.paired:
        return _exact(question, comparison, controls)
    evidence = [*_basis(comparison, timings), *_machine(comparison), *comparison.noise.warnings]
    text, missing = _by_tests(comparison, timings), _missing(comparison, timings, controls)
    if clock == "deterministic":
        text, evidence = f"{_COUNTED} {text}", [*_identical(controls), *evidence]
    return Answer(question=question, answer=text, evidence=tuple(evidence), open=missing)


_COUNTED = (
    "Measuring adds none: guest time is a count of instructions. But nothing is paired, so each variant was"
    " counted in memory of its own, and the luck of that draw is what the tests are about."
)


def _exact(question: str, comparison: Comparison, controls: Sequence[ControlGroup]) -> Answer:
    evidence = [*_identical(controls), *comparison.noise.warnings]
    text = (
        "No: guest time is a count of instructions, and a repetition gives the same figures bit for bit."
        " What differs between memory states is the memory, not chance in measuring."
        " Instructions say nothing of caches."
    )
    if comparison.noise.warnings:
        text = "It might: the A/A control does not hold, so this run's instruction counts are not exact."
    missing = None if controls else "no A/A twin (`twin_of`) ran beside, to show that counts repeat"
    return Answer(question=question, answer=text, evidence=tuple(evidence), open=missing)


def _identical(controls: Sequence[ControlGroup]) -> Iterator[str]:
    same = [control for control in controls if control.identical]
    if pairs := sum(control.pairs for control in same):
        yield f"A/A twins: identical to the last figure in {count_of('pair', pairs)}"
    if repeats := sum(control.repeats for control in same):
        yield f"A/A twins: {count_of('boot', repeats)} of each by one recipe, identical to the last figure"


def _by_tests(comparison: Comparison, timings: Sequence[TimingComparison]) -> str:
    if not timings:
        return "Nothing was timed, so there is no noise in times; outcomes have an exact test."
    if not comparison.claims:
        allow = "allows" if comparison.blocks == 1 else "allow"
        return (
            f"It might: {count_of(comparison.sample, comparison.blocks)} {allow} no claim about times,"
            f" for no exact test of so few gives p below {comparison.smallest_p or 1:.2g}."
        )
    if comparison.noise.quiet is False:
        cause = "the machine was noisy" if comparison.paired else "boots differ much from one another"
        return f"Small ones might: {cause}. What is claimed has passed tests that allow for it."
    found = sum(finding(timing) is Finding.DIFFERENT for timing in timings)
    return (
        f"{found} of {count_of('timing', len(timings))} {'differs' if found == 1 else 'differ'}"
        " by more than chance explains;"
        " the others come with the largest difference that may still be there."
    )


def _basis(comparison: Comparison, timings: Sequence[TimingComparison]) -> Iterator[str]:
    yield comparison.basis if comparison.unpaired_because else f"{comparison.basis}: {_how(comparison)}"
    if comparison.smallest_p is not None:
        yield f"the smallest p that so many {comparison.sample}s can give is {comparison.smallest_p:.2g}"
    effects = [
        timing.smallest_effect_percent for timing in timings if timing.smallest_effect_percent is not None
    ]
    if effects:
        seen = f"{spread_text(min(effects))} to {spread_text(max(effects))}"
        yield f"a difference of {seen}, by timing, would have been seen in 80 % of such runs"


def _how(comparison: Comparison) -> str:
    if comparison.paired:
        return "both variants fork from the same memory"
    if comparison.sample == "boot":
        return "each trial has the memory of its own boot"
    return "the two were not forked from one memory"


def _machine(comparison: Comparison) -> Iterator[str]:
    """What is quiet; what is not has its warning."""
    noise = comparison.noise
    if noise.spread_percent is not None and noise.spread_percent <= NOISY_PERCENT:
        what = "ratios of single blocks spread"
        if not comparison.paired:
            what = "times of one variant spread from boot to boot"
        yield f"{what} by {spread_text(noise.spread_percent)} (standard deviation)"
    if noise.control_percent is not None and noise.control_percent <= NOISY_PERCENT:
        most = spread_text(noise.control_percent)
        yield f"A/A: one and the same driver differs from itself by {most} at most"


def _missing(
    comparison: Comparison, timings: Sequence[TimingComparison], controls: Sequence[ControlGroup]
) -> str | None:
    found = []
    if not comparison.claims:
        found.append(
            f"claims take {LEAST_BLOCKS_FOR_A_CLAIM} distinct {comparison.sample}s (`trials.blocks`)"
        )
    elif (needed := _blocks_for_holm(comparison, timings)) > comparison.blocks:
        found.append(
            "Holm's correction over so many sizes leaves no p below 5 % with fewer than"
            f" {count_of(comparison.sample, needed)}"
        )
    if not controls:
        found.append("no A/A twin ran beside; a variant with `twin_of` shows what chance does")
    return "; ".join(found) or None


def _blocks_for_holm(comparison: Comparison, timings: Sequence[TimingComparison]) -> int:
    """How many blocks let the largest family's smallest p survive its correction."""
    families = Counter(TimingKey(each.name, each.when, each.statistic).family for each in timings)
    largest = max(families.values(), default=1)
    blocks = LEAST_BLOCKS_FOR_A_CLAIM
    while _smallest_p(blocks, paired=comparison.paired) * largest > LEVEL:
        blocks += 1
    return blocks


def _smallest_p(blocks: int, *, paired: bool) -> float:
    return smallest_paired_p(blocks) if paired else smallest_unpaired_p(blocks, blocks)
