# SPDX-License-Identifier: Apache-2.0
"""What a scenario says will happen to one variant."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StringConstraints, model_validator

from orchestrator.outcome import Outcome
from orchestrator.scenario.fields import Cross, Model, Number, refuse
from orchestrator.scenario.fragmentation import bound_problems

CounterName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]


EvidentOutcome = Literal[Outcome.PASSED, Outcome.OOM, Outcome.ALLOCATION_FAILURE, Outcome.PANIC, Outcome.HANG]
"""The outcomes that say something about the kernel, so that a scenario can expect them."""


class Bounds(Model):
    """Bounds on a number, both inclusive."""

    min: Number | None = Field(None, description="at least this", examples=[1])
    max: Number | None = Field(None, description="at most this", examples=[100])

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(bound_problems(self.min, self.max))
        return self


class FirstOom(Model):
    """What the first OOM report after the trigger's start looks like."""

    order: Annotated[Number, Field(ge=0, le=10)] | None = Field(
        None, description="order of the request that invoked the OOM killer", examples=[3]
    )
    caller: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = Field(
        None,
        description="first function of the stack outside the allocator",
        examples=["binder_alloc_mmap_handler"],
    )
    trigger: Annotated[str, StringConstraints(min_length=1, max_length=15)] | None = Field(
        None,
        description="name (comm) of the process that invoked the OOM killer",
        examples=["oomlab-trigger"],
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.order is None and self.caller is None and self.trigger is None:
            refuse([Cross((), "needs at least one of 'order', 'caller' and 'trigger'")])
        return self


class Expectation(Model):
    """What is expected of every trial of one variant; what is left out is not judged."""

    outcome: EvidentOutcome | None = Field(
        None,
        description="how the trial ends; only an outcome that is evidence can be expected",
        examples=["oom"],
    )
    oom: Literal["always", "never"] | None = Field(
        None,
        description="`always` is short for `outcome: oom`, `never` for `outcome: passed`",
        examples=["never"],
    )
    panicked: StrictBool | None = Field(
        None, description="whether a panic for want of victims follows the OOM", examples=[False]
    )
    first_oom: FirstOom | None = Field(
        None,
        description="the first OOM report after the trigger's start",
        examples=[{"order": 3, "caller": "binder_alloc_mmap_handler"}],
    )
    mmaps_failed: Annotated[Number, Field(ge=0)] | None = Field(
        None, description="number of the trigger's mmaps that fail or never happen", examples=[0]
    )
    max_order_without_noretry: Annotated[Number, Field(ge=0, le=10)] | None = Field(
        None,
        description="largest order that the trigger may request without `__GFP_NORETRY`,"
        " that is, with the OOM killer behind it",
        examples=[2],
    )
    vmstat: dict[CounterName, Bounds] = Field(
        default_factory=dict,
        description="by how much counters of /proc/vmstat rise while the trigger runs",
        examples=[{"compact_success": {"min": 1}}],
    )
    killed: Literal["trigger", "bystander"] | None = Field(
        None, description="who must be among the OOM killer's victims", examples=["trigger"]
    )

    kernel_bug: StrictBool | None = Field(
        None,
        description="true: the kernel reports a bug (BUG, Oops) in at least one fork of the variant, those"
        " for benchmarks included; otherwise it must report none in any",
        examples=[True],
    )

    @property
    def expected_outcome(self) -> Outcome | None:
        """The outcome expected, by `outcome` or by its short form `oom`; None when neither is given."""
        if self.outcome is None and self.oom is not None:
            return Outcome.OOM if self.oom == "always" else Outcome.PASSED
        return self.outcome

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = list(self._contradictions())
        if all(getattr(self, key) in (None, {}) for key in type(self).model_fields):
            problems.append(Cross((), "expects nothing; give an outcome, or leave the variant out"))
        refuse(problems)
        return self

    def _contradictions(self) -> list[Cross]:
        found: list[Cross] = []
        short = {"always": Outcome.OOM, "never": Outcome.PASSED}.get(self.oom or "")
        if self.outcome is not None and short is not None and short is not self.outcome:
            found.append(Cross(("oom",), f"'oom: {self.oom}' contradicts 'outcome: {self.outcome}'"))
        wanted = self.expected_outcome
        if wanted not in (None, Outcome.OOM):
            for key in ("panicked", "first_oom", "killed"):
                # `panicked: false` beside another outcome is redundant, not wrong.
                if getattr(self, key):
                    found.append(Cross((key,), f"'{key}' needs an OOM, not the outcome '{wanted}'"))
        return found
