# SPDX-License-Identifier: Apache-2.0
"""What every kind of trigger answers about itself: nobody else knows one kind from another.

A kind is a model of its keys, and the answers below where they are not those of most. It is entered in
kinds.py, and its other half (the process in the guest) in images/guest/trigger/kinds.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from orchestrator.binder import KernelFigures
from orchestrator.scenario.fields import Cross, Duration, Model, OomScoreAdj, duration_between, refuse
from orchestrator.scenario.limits import limit
from orchestrator.text.amounts import count_of

_US_PER_S = 1_000_000

Adj = Annotated[
    OomScoreAdj,
    Field(
        description="oom_score_adj of the trigger's processes, -1000 (never killed) to 1000 (killed first)",
        examples=[0],
    ),
]
Stop = Annotated[
    Literal["first-oom", "end"],
    Field(
        description="when the trigger ends: at the first OOM kill, or when it is through", examples=["end"]
    ),
]
Processes = Annotated[int, Field(strict=True, ge=1, le=limit("processes"))]
Pause = Annotated[Duration, duration_between(0, 3600)]


@dataclass(frozen=True)
class Need:
    """What a trigger's requests ask of the free lists: `units` blocks of `order` at one time."""

    order: int
    units: int


@dataclass(frozen=True)
class Blame:
    """A key of the trigger, and what of a request it is about: `each mapping`."""

    key: str
    what: str


class TriggerKind(Model):
    """A load under test. What it answers here holds for a kind whose process tells nothing while it runs."""

    runs: ClassVar[bool] = True
    """It is there; False: nothing is fired at the kernel."""
    request: ClassVar[str | None] = None
    """What it makes and counts, a noun in the singular (`mmap`); None: it counts nothing."""
    ends_by_itself: ClassVar[bool] = False
    """How its process ends is its result, by exit status or signal, and what it writes is kept."""
    uses_binder: ClassVar[bool] = False
    """It needs a kernel with the binder driver."""
    test_module: ClassVar[str | None] = None
    """The module that makes its requests in the kernel (kernels.modules); None: system calls do."""
    single_pages: ClassVar[Blame | None] = None
    """What advice blames where its requests take single pages and so cannot fail by fragmentation."""
    released: ClassVar[Blame | None] = None
    """What advice blames where each request is undone before the next, so that few are there at a time."""

    if TYPE_CHECKING:  # each kind has these among its own keys, where its readers look for them
        kind: str
        oom_score_adj: int
        stop: str

    @property
    def words(self) -> str:
        """What the guests are asked to do, for people: `600 binder mmaps of 4MiB`."""
        raise NotImplementedError

    def recipe(self) -> Mapping[str, object]:
        """Its words on the kernel's command line besides those of every kind (images/guest/PROTOCOL.md)."""
        return {}

    @property
    def falls_back(self) -> bool | None:
        """What became of its page requests that were not served at their order, and were made without direct
        reclaim: the kernel made them again at a smaller one (True), or had nothing else (False). Reports show
        its page requests by order then; None: they are beside the point."""
        return None

    @property
    def planned(self) -> int:
        """How many requests it makes; 0 where it counts none."""
        return 0

    @property
    def pause_s(self) -> float:
        """For how long a process of it may do nothing on purpose, seconds."""
        return 0.0

    @property
    def kernel_options(self) -> tuple[str, ...]:
        """What a kernel has to be built with besides what any guest needs, without `CONFIG_`."""
        return ()

    @property
    def held_bytes(self) -> int:
        """What its processes hold at one time, where that is known: more than a device's memory cannot be."""
        return 0

    def noun_of(self, key: str) -> str | None:  # noqa: ARG002
        """What the number at one of its keys is a number of, in the singular; None: it is of nothing."""
        return None

    def need(self, kernel: KernelFigures) -> Need | None:  # noqa: ARG002
        """What its requests ask of the free lists of such a kernel; None: nobody knows."""
        return None

    def array_bytes(self, kernel: KernelFigures) -> tuple[int, ...]:  # noqa: ARG002
        """Sizes of the arrays that its requests make the kernel allocate: what the audit looks for."""
        return ()

    @property
    def argument(self) -> str:
        """The size of its requests, as the names of benchmarks have it; empty: they have none."""
        return ""

    @property
    def long_words(self) -> Mapping[str, str]:
        """What may take much room on the kernel's command line, by the key that it comes from."""
        return {}


class NoTrigger(TriggerKind):
    """Nothing is fired at the kernel: benchmarks alone."""

    runs: ClassVar[bool] = False

    kind: Literal["none"] = "none"
    oom_score_adj: int = 0
    stop: str = "end"

    @property
    def words(self) -> str:
        """No load."""
        return "benchmarks alone, no trigger"


class RequestingTrigger(TriggerKind):
    """Processes that share a number of requests, which are counted and timed one by one."""

    request: ClassVar[str] = "request"

    if TYPE_CHECKING:
        count: int
        processes: int
        hold: bool
        pause: float

    @model_validator(mode="after")
    def _check_share(self) -> Self:
        if self.processes > self.count:
            sharers = count_of("process", self.processes)
            refuse([Cross(("processes",), f"{sharers} cannot share {count_of(self.request, self.count)}")])
        return self

    def recipe(self) -> Mapping[str, object]:
        """How many requests, by how many processes, and what becomes of each."""
        return {
            "count": self.count,
            "processes": self.processes,
            "hold": int(self.hold),
            "pause_us": round(self.pause * _US_PER_S),
        }

    def noun_of(self, key: str) -> str | None:
        """Its requests, and its processes."""
        return {"count": self.request, "processes": "process"}.get(key)

    @property
    def planned(self) -> int:
        """All processes together."""
        return self.count

    @property
    def pause_s(self) -> float:
        """Between two requests."""
        return self.pause

    @property
    def at_once(self) -> int:
        """How many requests hold their memory at one time; released ones no more than one a process."""
        return self.count if self.hold else self.processes
