# SPDX-License-Identifier: Apache-2.0
"""What a scenario says will happen to one variant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from signal import Signals
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, ConfigDict, Field, StrictBool, StringConstraints, model_validator

from orchestrator.outcome import Outcome
from orchestrator.scenario.cost_bounds import CostBounds, CostName, cost_problems
from orchestrator.scenario.fields import Cross, Model, Number, refuse
from orchestrator.scenario.fragmentation import bound_problems
from orchestrator.text.nearest import nearest

CounterName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]


EvidentOutcome = Literal[
    Outcome.PASSED,
    Outcome.OOM,
    Outcome.ALLOCATION_FAILURE,
    Outcome.KERNEL_CRASH,
    Outcome.PANIC,
    Outcome.REQUEST_FAILED,
    Outcome.COMMAND_FAILED,
    Outcome.HANG,
]
"""The outcomes that say something about the kernel, so that a scenario can expect them."""


_SIGNALS = tuple(signal.name for signal in Signals)


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

    model_config = ConfigDict(populate_by_name=True)

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
    requests_failed: Annotated[Number, Field(ge=0)] | None = Field(
        None,
        # Its name when mmaps were all that could be counted: in files of users, and in old manifests.
        validation_alias=AliasChoices("requests_failed", "mmaps_failed"),
        description="number of the trigger's requests (mmaps, say) that fail or are never made",
        examples=[0],
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
    costs: dict[CostName, CostBounds] = Field(
        default_factory=dict,
        description="what a phase may cost the kernel, by figures of the [table of costs](costs.md)",
        examples=[{"kswapd_cpu": {"max": "50 %"}, "direct_reclaims": {"max": 100}}],
    )
    killed: Literal["trigger", "bystander"] | None = Field(
        None, description="who must be among the OOM killer's victims", examples=["trigger"]
    )

    exit_status: Annotated[Number, Field(ge=0, le=255)] | None = Field(
        None,
        description="exit status of the trigger's command; other than 0 means `outcome: command-failed`,"
        " unless an outcome is given",
        examples=[3],
    )
    signal: Annotated[str, StringConstraints(min_length=1, max_length=16)] | None = Field(
        None, description="name of the signal that the trigger's command dies by", examples=["SIGSEGV"]
    )
    kernel_bug: StrictBool | None = Field(
        None,
        description="true: the kernel reports a bug (BUG, Oops) in at least one fork of the variant, those"
        " for benchmarks included; otherwise it must report none in any",
        examples=[True],
    )

    @property
    def expected_outcome(self) -> Outcome | None:
        """The outcome expected, by `outcome`, its short form `oom`, or how the command ends; None without."""
        if self.outcome is None and self.oom is not None:
            return Outcome.OOM if self.oom == "always" else Outcome.PASSED
        if self.outcome is None and (self.exit_status or self.signal):
            return Outcome.COMMAND_FAILED
        return self.outcome

    @property
    def is_failure(self) -> bool:
        """Whether a kernel that serves the load in full, without a fault, could not meet it."""
        return self.expected_outcome not in (None, Outcome.PASSED) or any(
            (self.first_oom, self.killed, self.panicked, self.kernel_bug, self.requests_failed)
        )

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = list(self._contradictions())
        if all(getattr(self, key) in (None, {}) for key in type(self).model_fields):
            problems.append(Cross((), "expects nothing; give an outcome, or leave the variant out"))
        problems += [replace(problem, path=("costs", *problem.path)) for problem in cost_problems(self.costs)]
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
        return found + list(self._command_contradictions(wanted))

    def _command_contradictions(self, wanted: Outcome | None) -> Iterator[Cross]:
        if self.signal is not None and self.signal not in _SIGNALS:
            what = f"no signal is called '{self.signal}'"
            yield Cross(("signal",), what, nearest(self.signal, _SIGNALS))
        if self.signal is not None and self.exit_status is not None:
            yield Cross(("signal",), "what dies by a signal has no exit status: give one of the two")
        if self.signal is not None and wanted is Outcome.PASSED:
            yield Cross(("signal",), "a command that dies by a signal has not passed")
        if self.exit_status and wanted is Outcome.PASSED:
            yield Cross(("exit_status",), "a command that passes ends with exit status 0")
        if self.exit_status == 0 and wanted is Outcome.COMMAND_FAILED:
            yield Cross(("exit_status",), "a command that ends with exit status 0 has not failed")
