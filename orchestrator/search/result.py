# SPDX-License-Identifier: Apache-2.0
"""What a search found: the file `search.json` of its directory."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.errors import ExitCode
from orchestrator.frozen import Frozen
from orchestrator.outcome import Outcome
from orchestrator.search.bisection import Direction, Seen

SEARCH_FILE = "search.json"

Ended = Literal["running", "finished", "budget", "interrupted", "failed"]


class Tried(Frozen):
    """One variant at one value."""

    trials: int = Field(description="trials that say something about the kernel")
    ooms: int = Field(description="those of them that ended in OOM")
    outcomes: dict[Outcome, int] = Field(description="how many trials had which outcome")

    @property
    def seen(self) -> Seen:
        """For the planner."""
        return Seen(self.trials, self.ooms)


class Point(Frozen):
    """One value, tried: a whole run of its own."""

    value: int = Field(description="in units: see `unit_bytes`")
    text: str = Field(description="the value as it stands in a scenario")
    run: str = Field(description="its run directory, below that of the search")
    host_seconds: float = Field(description="what it took, on the host's clock")
    distinct_states: int | None = Field(description="different memory states among its blocks or cold trials")
    variants: dict[str, Tried] = Field(description="by name")


class VariantTipping(Frozen):
    """Where OOM begins with one variant."""

    direction: Direction = Field(
        description="OOM at the `high` or at the `low` values, `never`, `always`, or `unclear`"
    )
    clear: int | None = Field(description="the value nearest to OOM up to which there was none at all")
    certain: int | None = Field(description="the value from which on every trial ended in OOM")
    violations: tuple[tuple[int, int], ...] = Field(
        description="pairs of values with more OOM at the one that is farther from it"
    )
    text: str = Field(description="the same in a sentence")


class Margin(Frozen):
    """What one variant buys against the first."""

    variant: str = Field(description="which variant")
    against: str = Field(description="the first variant")
    at_least: int | None = Field(description="units more borne, or fewer needed; null: no bound is known")
    at_most: int | None = Field(description="the same, at most")
    text: str = Field(description="the same in a sentence")


class SearchResult(Frozen):
    """`search.json`: what was varied, what was tried, and where OOM begins."""

    oomlab_version: str = Field(description="version of this program")
    command: str = Field(
        description="the command line that made this search, paste-ready; HOST stands for another machine"
    )
    scenario: str = Field(description="name of the scenario")
    scenario_file: str = Field(description="the file it came from")
    overrides: tuple[str, ...] = Field(description="`--set` options as given")
    field: str = Field(description="the field that is varied")
    low: int = Field(description="lowest value")
    high: int = Field(description="highest value")
    unit_bytes: int | None = Field(description="bytes in a unit of a size; null for plain numbers")
    noun: str | None = Field(None, description="what a plain number is a number of, in the singular: `mmap`")
    step: int = Field(description="an interval is not searched for closer than that")
    blocks: int = Field(description="blocks at every value; of cold trials so many of each variant")
    cold: bool = Field(False, description="each trial booted a guest of its own (`trials.fork: false`)")
    points: tuple[Point, ...] = Field(description="the values in the order in which they were tried")
    variants: dict[str, VariantTipping] = Field(description="by name, in the order of the scenario")
    margins: tuple[Margin, ...] = Field(description="of every variant but the first")
    ended: Ended = Field(
        description="`budget`: there were not enough points for intervals as narrow as `step`"
    )

    @property
    def exit_code(self) -> ExitCode:
        """The command line's answer: MET when every tipping point is known as closely as asked."""
        if self.ended == "interrupted":
            return ExitCode.INTERRUPTED
        unclear = any(variant.direction is Direction.UNCLEAR for variant in self.variants.values())
        return ExitCode.MET if self.ended == "finished" and not unclear else ExitCode.VERDICT_MISSING
