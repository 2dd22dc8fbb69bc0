# SPDX-License-Identifier: Apache-2.0
"""What a phase may cost: bounds on figures of the table of costs, in the unit that suits each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from orchestrator.scenario.costs import COST_NAMES, CostFigure
from orchestrator.scenario.fields import Cross, Model, refuse
from orchestrator.stage import TrialPhase
from orchestrator.text.nearest import nearest
from orchestrator.units import parse_duration

_PERCENT = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*%\s*")
_FORMS = "a whole number, a share of the phase such as 50 %, or a duration such as 200ms"
_PATTERN = r"^\s*\d+(\.\d+)?\s*(%|us|ms|s|min|h)\s*$"
_NS_PER_S = 1e9
_LARGEST = 1 << 62
_WHOLE = 100


@dataclass(frozen=True)
class Amount:
    """How much of a cost, understood."""

    kind: Literal["count", "share", "duration"]
    value: float
    """A count, a percentage, nanoseconds."""


def amount(text: str | int) -> Amount:
    """What was written; ValueError where that is no amount."""
    if isinstance(text, int) and not isinstance(text, bool):
        if not 0 <= text <= _LARGEST:
            raise ValueError(f"a cost is not below 0, and at most {_LARGEST}: {text}")
        return Amount("count", text)
    if isinstance(text, str):
        if share := _PERCENT.fullmatch(text):
            return Amount("share", float(share[1]))
        try:
            return Amount("duration", parse_duration(text) * _NS_PER_S)
        except ValueError:
            pass
    raise ValueError(f"a cost is {_FORMS}, not {text!r}")


def _checked(value: Any) -> Any:
    amount(value)
    return value


CostAmount = Annotated[
    int | str,
    BeforeValidator(_checked),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": _PATTERN}]}),
]
CostName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(COST_NAMES)})]


class CostBounds(Model):
    """How much of a cost there may be, both bounds inclusive.

    Counts and pages are whole numbers. Times are a share of the phase (of one CPU), or a duration.
    """

    min: CostAmount | None = Field(None, description="at least this", examples=[1, "5 %"])
    max: CostAmount | None = Field(None, description="at most this", examples=["50 %", "200ms", 100])
    phase: TrialPhase = Field(
        "trigger",
        description="when: in the trigger, or during the benchmarks `relaxed`, at the `target` or `after` it",
        examples=["target"],
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min is None and self.max is None:
            refuse([Cross((), "needs at least one of 'min' and 'max'")])
        return self


def cost_problems(bounds: Mapping[str, CostBounds]) -> Iterator[Cross]:
    """What is wrong with the costs that one variant may have; paths lead from there."""
    for name, own in bounds.items():
        figure = COST_NAMES.get(name)
        if figure is None:
            what = f"there is no cost '{name}'; the costs are {', '.join(COST_NAMES)}"
            yield Cross((name,), what, nearest(name, COST_NAMES))
        else:
            yield from _unit_problems(figure, own)


def _unit_problems(figure: CostFigure, bounds: CostBounds) -> Iterator[Cross]:
    given = {key: amount(value) for key in ("min", "max") if (value := getattr(bounds, key)) is not None}
    wrong = False
    for key, each in given.items():
        # 0 is 0 in any unit.
        if figure.is_time and each.kind == "count" and each.value:
            wrong = True
            forms = "a share of the phase such as 50 %, or a duration such as 200ms"
            meant = f"{each.value:.0f} %" if each.value <= _WHOLE else f"{each.value:.0f}ms"
            yield Cross((figure.name, key), f"'{figure.name}' is a time: give {forms}", meant)
        if not figure.is_time and each.kind != "count":
            wrong = True
            what = f"'{figure.name}' is counted in {figure.measure}: give a whole number"
            yield Cross((figure.name, key), what)
    if wrong or len(given) < 2:
        return
    low, high = given["min"], given["max"]
    if low.value and high.value and low.kind != high.kind:
        yield Cross((figure.name,), "'min' and 'max' need one unit: both a share, or both a duration")
    elif low.value > high.value:
        yield Cross((figure.name,), f"'min' {bounds.min} is larger than 'max' {bounds.max}")
