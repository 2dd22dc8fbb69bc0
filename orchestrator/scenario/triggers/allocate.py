# SPDX-License-Identifier: Apache-2.0
"""Trigger `allocate`: requests of any order, gfp mask and API, made in the kernel by a test module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StrictBool, StringConstraints, model_validator

from orchestrator.binder import KernelFigures
from orchestrator.kernels.modules import ALLOCATE
from orchestrator.scenario.fields import Count, Cross, Prose, bytes_at_most, refuse
from orchestrator.scenario.gfp_rules import Api, Request, objections, unknown_flag
from orchestrator.scenario.limits import limit
from orchestrator.scenario.triggers.base import Adj, Blame, Need, Pause, Processes, RequestingTrigger
from orchestrator.text.amounts import count_of

_BY_SLAB = ("kmalloc", "kvmalloc")


class Allocate(RequestingTrigger):
    """Requests for memory as a driver makes them, by a kernel module that oomlab builds and loads."""

    request: ClassVar[str] = "allocation"
    test_module: ClassVar[str] = ALLOCATE.module
    released: ClassVar[Blame] = Blame("hold", "each request")

    kind: Literal["allocate"] = Field(description="requests of a test module", examples=["allocate"])
    api: Api = Field(
        "alloc_pages",
        description="the function that is called. `kvmalloc` may fall back to vmalloc, and each request says"
        " whether it did; `dma_alloc_coherent` is called for a device of the module's own",
        examples=["kmalloc"],
    )
    order: Annotated[int, Field(strict=True, ge=0, le=limit("order"))] = Field(
        description="order of each request: the page size times 2^order, whichever function is called",
        examples=[5],
    )
    gfp: Annotated[Prose, StringConstraints(min_length=1), bytes_at_most(limit("gfp"))] = Field(
        "GFP_KERNEL",
        description="gfp flags by name, with | between them",
        examples=["GFP_ATOMIC|__GFP_NOWARN"],
    )
    in_reclaim: StrictBool = Field(
        False,
        description="ask as reclaim itself does (PF_MEMALLOC: kswapd, or a process in direct reclaim):"
        " without waiting, and down to the last page unless __GFP_NOMEMALLOC is among the flags",
        examples=[True],
    )
    count: Count = Field(description="number of requests, all processes together", examples=[200])
    processes: Processes = Field(
        1, description="number of processes that share the requests, at most `count`", examples=[1]
    )
    hold: StrictBool = Field(
        True,
        description="keep what each request gave until the trigger ends; `false` frees it before the next",
        examples=[True],
    )
    pause: Pause = Field(0.0, description="pause of a process between two of its requests", examples=["10ms"])
    oom_score_adj: Adj = 0
    stop: Annotated[
        Literal["first-oom", "first-failure", "end"],
        Field(
            description="when the trigger ends: at the first OOM kill; at the first request that fails, when"
            " the process that made it gives back all that it holds; or when it is through",
            examples=["first-failure"],
        ),
    ] = "first-oom"

    @model_validator(mode="after")
    def _check_request(self) -> Self:
        unknown = unknown_flag(self.gfp)
        found = [unknown] if unknown else objections(self._asked)
        refuse(Cross((each.key,), each.why, each.instead) for each in found)
        return self

    @property
    def _asked(self) -> Request:
        return Request(self.api, self.order, self.gfp, self.in_reclaim)

    @property
    def words(self) -> str:
        """How many requests, by what function, of which order and flags."""
        reclaim = ", as reclaim asks" if self.in_reclaim else ""
        return f"{count_of(f'{self.api} request', self.count)} of order {self.order}, {self.gfp}{reclaim}"

    def recipe(self) -> Mapping[str, object]:
        """With what is asked for."""
        reclaim = {"in_reclaim": 1} if self.in_reclaim else {}
        return {"api": self.api, "order": self.order, "gfp": self.gfp, **reclaim, **super().recipe()}

    def need(self, kernel: KernelFigures) -> Need | None:  # noqa: ARG002
        """A block each. Where vmalloc may serve it instead, nobody knows."""
        return None if self.api == "kvmalloc" and self.order else Need(self.order, self.at_once)

    def array_bytes(self, kernel: KernelFigures) -> tuple[int, ...]:
        """What the slab allocator is asked for; the audit leaves out what is charged to a cgroup."""
        by_slab = self.api in _BY_SLAB and not self._asked.has("__GFP_ACCOUNT")
        return (kernel.page_bytes << self.order,) if by_slab else ()

    @property
    def argument(self) -> str:
        """The function and the order."""
        return f"{self.api}/{self.order}"

    @property
    def long_words(self) -> Mapping[str, str]:
        """The mask."""
        return {"gfp": self.gfp}
