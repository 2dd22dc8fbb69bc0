# SPDX-License-Identifier: Apache-2.0
"""What a comparison of two variants comes to: the records that every report reads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.frozen import Frozen
from orchestrator.text.amounts import count_of

LEAST_BLOCKS_FOR_A_CLAIM = 6
"""With fewer distinct blocks an exact sign-flip test cannot reach p < 0.05: 2 / 2^5 = 0.0625."""


Sample = Literal["block", "boot"]
"""What one observation is: a block from which both variants fork, or a boot of one variant alone."""


class Share(Frozen):
    """In how many blocks (of a cold run: boots) a variant had an outcome, with an interval for the share."""

    count: int = Field(description="blocks with the outcome (in more than half of the forks)")
    blocks: int = Field(description="distinct blocks; in a cold run boots")
    low: float = Field(description="lower end of the 95 % Clopper-Pearson interval of the share, 0 to 1")
    high: float = Field(description="upper end of it")


class OutcomeComparison(Frozen):
    """How often the trigger ended in one outcome with either variant, block against block."""

    outcome: str = Field(description="the outcome that is counted, `oom` as a rule")
    baseline: Share = Field(description="of the baseline")
    candidate: Share = Field(description="of the candidate")
    only_baseline: int = Field(description="blocks in which the baseline alone had it; 0 when not paired")
    only_candidate: int = Field(description="blocks in which the candidate alone had it; 0 when not paired")
    p: float | None = Field(
        description="exact paired test (McNemar's, two-sided binomial), Fisher's exact test when not paired;"
        " null below the least number of blocks"
    )
    sample: Sample = Field("block", description="what was counted; `boot` in a cold run")
    words: str = Field(description="one sentence that claims no more than the numbers")


When = Literal["relaxed", "target", "trigger", "after"]


class TimingComparison(Frozen):
    """One measured time of two variants. Ratios are candidate / baseline: below 1 is faster."""

    name: str = Field(description="`BM_sendVec_binder/4096` and the like, or the trigger's request: `mmap`")
    when: When = Field(description="under what memory: relaxed, at the target, in or after the trigger")
    comparable: bool = Field(
        True,
        description="as many requests or iterations of both succeeded; else the ratio is of different work",
    )
    statistic: str = Field(description="`real_time`, `cpu_time`, `p50`, `p99` or `max`: what a fork gave")
    unit: str = Field(
        description="of the two medians: `ns`, `instructions`, or a program's own for what is no time"
    )
    sample: Sample = Field(
        "block", description="what one observation is; `boot` in a cold run, where every figure is of its own"
    )
    blocks: int = Field(
        description="distinct blocks that have a figure of both variants; not paired: the fewer of the two"
    )
    baseline: float = Field(description="median over the blocks")
    candidate: float = Field(description="median over the blocks")
    baseline_mean: float | None = Field(None, description="geometric mean over the blocks: reports show it")
    candidate_mean: float | None = Field(
        None, description="geometric mean over the blocks; divided by that of the baseline it is `ratio`"
    )
    ratio: float = Field(
        description="geometric mean over the blocks of candidate / baseline; not paired: ratio of the two"
        " geometric means, which is the same number"
    )
    low: float | None = Field(description="lower end of the 95 % interval of the ratio; null: too few blocks")
    high: float | None = Field(description="upper end of it")
    interval: Literal["paired t", "bootstrap", "Welch", "exact", "none"] = Field(
        description="how the interval was made: `paired t`, from 20 blocks on `bootstrap` where that is"
        " wider, `Welch` where nothing is paired (different kernels, cold trials, two runs); `exact`:"
        " instructions of pairs, least and largest ratio over the blocks"
    )
    p: float | None = Field(
        description="sign-flip permutation test on the blocks' log-ratios, exact up to 15 blocks; where"
        " nothing is paired permutation of the labels, exact up to 8 of each; null: too few blocks, or exact"
        " instructions"
    )
    p_holm: float | None = Field(description="the same after Holm's correction over the sizes of a family")
    smallest_effect_percent: float | None = Field(
        description="the smallest difference that this many blocks with this spread could have shown"
        " (80 % power, 5 % level)"
    )
    words: str = Field(description="one sentence that claims no more than the numbers")


class MeanDifference(Frozen):
    """How two variants differ in the mean of some figure: candidate less baseline, for it may be 0."""

    sample: Sample = Field("block", description="what one observation is; `boot` in a cold run")
    blocks: int = Field(
        description="distinct blocks that have a figure of both variants; not paired: the fewer of the two"
    )
    baseline: float = Field(description="mean over the blocks")
    candidate: float = Field(description="mean over the blocks")
    difference: float = Field(description="mean over the blocks of candidate - baseline")
    low: float | None = Field(description="lower end of its 95 % interval; null: too few blocks")
    high: float | None = Field(description="upper end of it")
    interval: Literal["paired t", "bootstrap", "Welch", "exact", "none"] = Field(
        description="how the interval was made, as that of a time; `exact`: pairs under the deterministic"
        " clock, least and largest difference over the blocks"
    )
    p: float | None = Field(
        description="permutation test on the blocks' differences, as that of a time; null: too few blocks, or"
        " exact figures"
    )
    p_holm: float | None = Field(
        description="the same after Holm's correction: of costs over those of one kind in a phase (of kswapd,"
        " say); a measure is a test of its own"
    )


class CostComparison(MeanDifference):
    """One cost of two variants in one phase. Differences are candidate less baseline: below 0 is cheaper."""

    phase: When = Field(description="when")
    name: str = Field(description="`kswapd_cpu` and the like, as in the table of costs")
    unit: Literal["ns", "instructions", "pages", "times"] = Field(description="of all figures")
    comparable: bool = Field(
        True, description="both did the same work meanwhile; else the difference is of different work"
    )
    words: str = Field(description="one sentence that claims no more than the numbers")


class MeasureComparison(MeanDifference):
    """What the two triggers measured themselves, under one name. Differences are candidate less baseline."""

    name: str = Field(description="`throughput` and the like, as the trigger called it")
    unit: str = Field(description="of all figures; may be empty")


class Noise(Frozen):
    """What chance alone does on this machine."""

    quiet: bool | None = Field(description="the machine was quiet enough; null: nothing to judge it from")
    spread_percent: float | None = Field(
        description="median over the timings of the standard deviation of the blocks' log-ratios, in percent;"
        " where nothing is paired, of the logarithms within the variants"
    )
    control_percent: float | None = Field(
        description="largest difference of twins' medians (A/A), in percent; null: no twins in the scenario"
    )
    warnings: tuple[str, ...] = Field((), description="sentences, each with the figure behind it")


class Comparison(Frozen):
    """A candidate against the baseline under one clock.

    Every figure is of blocks, never of forks: one number a block and variant.
    """

    baseline: str = Field(description="name of the variant that comes first in the scenario")
    candidate: str = Field(description="name of the other")
    paired: bool = Field(description="both fork from the same blocks; never so in a cold run")
    unpaired_because: str | None = Field(
        None,
        description="why not, where the reason is the two variants' own: they run different kernel images, or"
        " have different command lines",
    )
    sample: Sample = Field("block", description="what one observation is; `boot` in a cold run")
    blocks: int = Field(
        description="distinct blocks with evidence of both; not paired: the fewer blocks (boots) of the two"
    )
    claims: bool = Field(description="enough blocks for a claim; otherwise only counts and figures")
    smallest_p: float | None = Field(description="the smallest p that this many blocks could give")
    outcome: OutcomeComparison | None = Field(description="of the trigger")
    timings: tuple[TimingComparison, ...] = Field(
        description="benchmarks and latencies of the trigger's requests"
    )
    costs: tuple[CostComparison, ...] = Field((), description="what the kernel did for memory meanwhile")
    measures: tuple[MeasureComparison, ...] = Field((), description="what the triggers measured themselves")
    noise: Noise = Field(description="A/A and spread")

    @property
    def basis(self) -> str:
        """How many independent observations of either variant there are, and whether they are pairs."""
        if self.paired:
            return f"{count_of('distinct block', self.blocks)}, paired"
        if self.sample == "boot":
            return f"{count_of('distinct boot', self.blocks)} of each, NOT paired"
        why = f": {self.unpaired_because}" if self.unpaired_because else ""
        return f"{count_of('distinct block', self.blocks)}, NOT paired{why}"


class Answer(Frozen):
    """One of the reviewer's four questions, answered from the run's evidence."""

    question: str = Field(description="in the reviewer's words")
    answer: str = Field(description="one or two sentences")
    evidence: tuple[str, ...] = Field((), description="the figures behind it, a line each")
    open: str | None = Field(None, description="what this run cannot say, and what would")
