# SPDX-License-Identifier: Apache-2.0
"""What a run says, as records: of each clock, and of all of it."""

from __future__ import annotations

from pydantic import Field

from orchestrator.analysis.audit import AuditSummary
from orchestrator.analysis.controls import ControlGroup
from orchestrator.analysis.costs import CostLine
from orchestrator.analysis.huge_pages import HugePageTable
from orchestrator.analysis.picture_table import PictureTable
from orchestrator.analysis.records import Answer, Comparison
from orchestrator.clock import Clock
from orchestrator.errors import ExitCode
from orchestrator.evidence.crash_count import CrashCount
from orchestrator.frozen import Frozen
from orchestrator.kernels.traits.table import KernelTable
from orchestrator.verdict.devices import DeviceSummary
from orchestrator.verdict.judgement import Conclusion, JudgedTrial
from orchestrator.verdict.settings import VariantSettings
from orchestrator.verdict.variant import VariantVerdict


class Summary(Frozen):
    """What has to be known of a run, if no more than two lines are read. Not escaped: names are others'."""

    headline: str = Field(description="the verdict in words: `expectations met`, `expectations NOT met`...")
    sentence: str = Field(description="what was seen, in one sentence that ends with a full stop")


class SharedKernel(Frozen):
    """Variants of one kernel image and command line. Blocks are theirs alone: nothing forks from others'."""

    variants: tuple[str, ...] = Field(description="their names")
    blocks: int = Field(description="of these blocks that reached their target")
    same_image: bool = Field(
        False, description="the image is that of the first ones; the command line differs"
    )


class PassVerdict(Frozen):
    """All trials under one clock: figures of different clocks never meet in one comparison."""

    clock: Clock = Field(description="what time passed in the guests")
    accelerator: str = Field(description="what ran the guests")
    cpu_model: str = Field(description="CPU that the guests were given")
    variants: dict[str, VariantVerdict] = Field(description="by name, in the order of the scenario")
    cold: bool = Field(
        False,
        description="`trials.fork: false`: each trial booted a guest of its own. There are no blocks and no"
        " pairs, whatever else is the same",
    )
    blocks: int = Field(description="blocks that reached their target; 0 in a cold run, which has none")
    boots: int = Field(0, description="in a cold run: trials whose guest reached its target")
    distinct_states: int | None = Field(
        description="different places of free memory among them: blocks with equal ones are one sample, and"
        " so are cold trials of one variant"
    )
    paired: bool = Field(description="all variants fork from the same blocks; never so in a cold run")
    kernels: tuple[SharedKernel, ...] = Field(
        (),
        description="kernel images with their command lines, by the variants that have them; none in a cold"
        " run; below",
    )
    forks: int = Field(
        description="trials of each variant from a block; one under the deterministic clock, whatever the"
        " scenario says: a second would repeat the first. 1 in a cold run, where none forks"
    )
    controls: tuple[ControlGroup, ...] = Field((), description="variants and their twins: A/A; below")
    comparisons: tuple[Comparison, ...] = Field(
        (), description="every variant against the first one (twins aside); below"
    )
    answers: tuple[Answer, ...] = Field((), description="the reviewer's four questions; below")
    picture: PictureTable | None = Field(
        None,
        description="the scenario's memory picture and the guest's own, of the trial that was furthest off;"
        " below",
    )
    huge_pages: tuple[HugePageTable, ...] = Field(
        (), description="faults of huge pages, a table for each size and state of memory; below"
    )
    audit: AuditSummary | None = Field(None, description="allocation audit; null: nothing was traced; below")
    costs: tuple[CostLine, ...] = Field(
        (), description="what the kernel did for memory, by phase and kind; empty: no trial told; below"
    )
    device: DeviceSummary | None = Field(
        None,
        description="what the devices were, where the agent was a process on devices of others; below",
    )
    private_memory_median_kb: int | None = Field(
        None,
        description="memory of the host that was one fork's alone when its trigger ended, or all of a cold"
        " trial's: the median",
    )
    private_memory_largest_kb: int | None = Field(None, description="the same of the trial that took most")
    private_memory_missing: int = Field(
        0,
        description="trials that are not in these figures: what ran them had ended before it could be asked,"
        " or cannot tell",
    )


class Verdict(Frozen):
    """The whole run in one object; every report is made from it.

    `clock`, `accelerator`, `cpu_model` and `variants` repeat those of the first pass.
    """

    scenario: str
    fragmented: bool = Field(
        True, description="the scenario has a target; false: memory is as the boot leaves it"
    )
    triggered: bool = Field(
        True, description="the scenario has a trigger; false: its trials are of benchmarks alone"
    )
    conclusion: Conclusion = Field(
        description="`met`, `not-met`, `compared-only` (nothing was expected that it could meet), or"
        " `missing` (the evidence is short)"
    )
    summary: Summary | None = Field(
        None, description="the verdict and what was seen in a sentence each; below; null: of an older version"
    )
    expectations_met: bool | None = Field(
        description="the same for older programs: true for `met`, false for `not-met`, null for the others"
    )
    expectations_from: dict[str, str | None] = Field(
        default_factory=dict,
        description="with `--patch`: of which variant of the scenario file an expectation is; null: of none,"
        " the variant is to pass",
    )
    settings: tuple[VariantSettings, ...] = Field(
        (), description="of variants that differ in more than their kernel: what they were told; below"
    )
    crashes: tuple[CrashCount, ...] = Field(
        (), description="crashes and bugs of the kernel, each once for each variant; below"
    )
    foremost: tuple[str, ...] = Field(
        (), description="what has to be read before anything else, such as that a patch changed nothing"
    )
    clock: Clock
    accelerator: str
    cpu_model: str
    variants: dict[str, VariantVerdict]
    passes: tuple[PassVerdict, ...] = Field(description="one for each clock; below")
    trials: tuple[JudgedTrial, ...] = Field(
        (), description="the last attempt of every trial and what it says beside what was expected; below"
    )
    repeated: int = Field(0, description="attempts without evidence that were made again")
    missing: tuple[str, ...] = Field((), description="why evidence is short")
    advice: tuple[str, ...] = Field(
        (),
        description="where a target was missed: what each stressor took until then, and which keys of the"
        " scenario would have been met with which values",
    )
    disagreements: tuple[str, ...] = Field((), description="where console and /proc/vmstat differ")
    kernels: KernelTable | None = Field(
        None,
        description="how the run's kernels differ from a phone's; null: the run did not record it; below",
    )
    built_from: dict[str, str] = Field(
        default_factory=dict,
        description="by variant, of kernels that were built whole: the tree, its version and commit",
    )
    inexact_pairs: tuple[str, ...] = Field(
        (), description="blocks that a resumed run had to re-create and whose memory came out otherwise"
    )

    @property
    def exit_code(self) -> ExitCode:
        """The command line's answer."""
        return self.conclusion.exit_code

    @property
    def expected(self) -> bool:
        """Whether anything was expected of any variant."""
        return any(variant.expected for variant in self.variants.values())

    @property
    def only_compared(self) -> tuple[str, ...]:
        """Names of the variants of which nothing was expected."""
        return tuple(name for name, variant in self.variants.items() if not variant.expected)
