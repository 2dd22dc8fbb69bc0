# SPDX-License-Identifier: Apache-2.0
"""The memory state to be reached before anything is measured, and what shapes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from orchestrator.scenario.fields import Cross, Model, Number, Size, each_once, refuse, size_between
from orchestrator.scenario.limits import limit
from orchestrator.scenario.picture import Picture
from orchestrator.text.amounts import count_of
from orchestrator.units import KIB, MIB

StressorKind = Literal[
    "pipes", "high_order", "page_cache", "anonymous",
    "ballast", "slab", "slab_reclaimable", "page_tables", "threads",
]  # fmt: skip
_SIZED = frozenset({"ballast", "slab", "slab_reclaimable", "page_tables", "threads"})
"""No feedback decides how much of these there is to be."""
FreeSize = Annotated[Size, size_between(0, 64 * 1024 * MIB)]


class UsableUnits(Model):
    """Bounds on how many requests of one order the free lists could satisfy.

    Usable units at an order are the sum over j >= order of free blocks times 2^(j - order), in the
    unmovable, reclaimable and movable lists of the zones that the request may use.
    """

    order: Annotated[int, Field(strict=True, ge=0, le=limit("order"))] = Field(
        description="order of the request: 2^order contiguous pages", examples=[3]
    )
    min: Annotated[Number, Field(ge=0)] | None = Field(
        None, description="at least this many units must be left", examples=[1200]
    )
    max: Annotated[Number, Field(ge=0)] | None = Field(
        None, description="at most this many units may be left", examples=[300]
    )
    node: Annotated[int, Field(strict=True, ge=0, lt=limit("nodes"))] | None = Field(
        None,
        description="the NUMA node that the bounds are of, counted from 0; all nodes together when left out",
        examples=[1],
    )

    @property
    def of_node(self) -> str:
        """Which node's, for a sentence; nothing where the bounds are of all together."""
        return "" if self.node is None else f" of node {self.node}"

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(bound_problems(self.min, self.max))
        return self


class Free(Model):
    """Bounds on free memory in the zones that count, CMA left out."""

    min: FreeSize | None = Field(
        None,
        description="at least this much must be free, so that a failure is no plain shortage",
        examples=["64MiB"],
    )
    max: FreeSize | None = Field(None, description="at most this much may be free", examples=["128MiB"])

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(bound_problems(self.min, self.max))
        return self


def bound_problems(low: int | None, high: int | None) -> list[Cross]:
    """What is wrong with a pair of bounds: none given, or the wrong way round."""
    if low is None and high is None:
        return [Cross((), "needs 'min', 'max' or both")]
    if low is not None and high is not None and low > high:
        return [Cross(("min",), "'min' is above 'max'")]
    return []


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict | UsableUnits) else value


class Target(Model):
    """The memory state to reach and verify."""

    usable_units: Annotated[
        tuple[UsableUnits, ...],
        each_once("order", lambda units: f"{units.order}{units.of_node}"),
        BeforeValidator(_as_list, json_schema_input_type=UsableUnits | list[UsableUnits]),
    ] = Field(
        (),
        description="bounds on the usable units at one order, or a list of them for several orders or nodes;"
        " needed where there is no `picture`",
        examples=[
            {"order": 3, "max": 300},
            [{"order": 3, "max": 150, "node": 0}, {"order": 3, "max": 20, "node": 1}],
        ],
    )
    free: Free | None = Field(
        None, description="bounds on free memory; unbounded when left out", examples=[{"min": "64MiB"}]
    )
    picture: Picture | None = Field(
        None,
        description="a whole memory picture: composition, free list, watermarks. It brings its own stressors",
        examples=[
            {"active_anon": "184MiB", "slab_unreclaimable": "320MiB", "free_blocks": [3313, 165, 35, 15]}
        ],
    )
    hard: Literal["required", "forbidden", "unchecked"] = Field(
        "unchecked",
        description="whether compaction may repair the state: `required` compacts once and the target must"
        " still hold, `forbidden` proves on a throw-away boot that compaction does repair it,"
        " `unchecked` leaves it",
        examples=["required"],
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse([*self._unit_problems(), *self._picture_problems()])
        return self

    def _unit_problems(self) -> list[Cross]:
        return [
            Cross(
                ("usable_units", index, "max"),
                f"at least {count_of('unit', needed)} of order {low.order} remain"
                f" where there are {high.min} of order {high.order}{high.of_node}: both bounds cannot hold",
            )
            for index, low in enumerate(self.usable_units)
            for high in self.usable_units
            if low.max is not None
            and high.min is not None
            # What a node has, all nodes together have.
            and low.node in (None, high.node)
            and (high.order > low.order or (high.order == low.order and low.node != high.node))
            # A block serves 2^n requests of an order n below.
            and (needed := high.min << (high.order - low.order)) > low.max
        ]

    def _picture_problems(self) -> list[Cross]:
        if self.picture is None:
            what = "needs 'usable_units', or a 'picture'"
            return [] if self.usable_units else [Cross(("usable_units",), what)]
        if self.picture.free_blocks is None:
            return []
        what = "the picture's 'free_blocks' say it already"
        given = [("usable_units", bool(self.usable_units)), ("free", self.free is not None)]
        return [Cross((name,), what) for name, there in given if there]


class Stressor(Model):
    """Something that shapes guest memory; in a scenario file its name alone will do."""

    kind: StressorKind = Field(
        description="`pipes`: a checkerboard of unmovable pages; `high_order`: eats large free blocks first;"
        " `page_cache`: reclaimable pages of a file; `anonymous`: movable pages; `ballast`: reserved"
        " huge pages, which take contiguous memory out of play at no cost to the host; `slab`,"
        " `slab_reclaimable`: kernel objects; `page_tables`; `threads`: kernel stacks",
        examples=["pipes"],
    )
    size: Annotated[Size, size_between(64 * KIB, 64 * 1024 * MIB)] | None = Field(
        None,
        description="fixed amount; when left out the feedback loop decides (`ballast` and those after it"
        " always need it)",
        examples=["16MiB"],
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind in _SIZED and self.size is None:
            refuse([Cross((), f"{self.kind} needs a size, such as {{kind: {self.kind}, size: 128MiB}}")])
        return self


def _as_stressor(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


NamedStressor = Annotated[
    Stressor, BeforeValidator(_as_stressor, json_schema_input_type=StressorKind | Stressor)
]


class Fragmentation(Model):
    """The memory state before the trigger, and the means to get there."""

    target: Target = Field(
        description="the state to be reached; where it is not, the outcome is `target-missed`",
        examples=[{"usable_units": {"order": 3, "max": 300}, "free": {"min": "64MiB"}}],
    )
    stressors: Annotated[
        tuple[NamedStressor, ...],
        Field(max_length=limit("stressors")),
        each_once("the stressor", lambda stressor: stressor.kind),
    ] = Field(
        (),
        description="what applies pressure, in this order; with none the target is only verified. A `picture`"
        " brings its own",
        examples=[["pipes"], [{"kind": "ballast", "size": "128MiB"}, "pipes"]],
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.target.picture is not None and self.stressors:
            refuse([Cross(("stressors",), "a picture brings its own stressors; leave them out")])
        return self
