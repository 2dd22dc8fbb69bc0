# SPDX-License-Identifier: Apache-2.0
"""The table of trigger kinds: the models' union, the schema, the reference and messages follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import Field, WrapSerializer, WrapValidator

from orchestrator.scenario.triggers.allocate import Allocate
from orchestrator.scenario.triggers.base import NoTrigger, TriggerKind
from orchestrator.scenario.triggers.binder_mmap import BinderMmap
from orchestrator.scenario.triggers.command import Command, Script
from orchestrator.scenario.triggers.fork import Fork
from orchestrator.scenario.triggers.network import Network
from orchestrator.scenario.triggers.syscall import Syscall

MODELS: tuple[type[TriggerKind], ...] = (Allocate, BinderMmap, Command, Fork, Network, Syscall)
"""Every kind, in the order in which the reference has them."""

KINDS: Mapping[str, type[TriggerKind]] = {
    name: model for model in MODELS for name in get_args(model.model_fields["kind"].annotation)
}
"""By the name that scenarios and guests call it."""

NO_TRIGGER = NoTrigger()
"""What a scenario without one has, and writes as `null`."""


def _or_none(value: Any, handler: Callable[[Any], TriggerKind]) -> TriggerKind:
    return NO_TRIGGER if value is None or isinstance(value, NoTrigger) else handler(value)


def _written(value: TriggerKind, handler: Callable[[TriggerKind], Any]) -> Any:
    return handler(value) if value.runs else None


if TYPE_CHECKING:
    Trigger = TriggerKind
else:
    _Kind = Annotated[reduce(or_, MODELS), Field(discriminator="kind")]
    Trigger = Annotated[
        _Kind, WrapValidator(_or_none, json_schema_input_type=_Kind | None), WrapSerializer(_written)
    ]


def request_of(kind: object) -> str | None:
    """What a kind makes and counts, a noun in the singular; None for one that counts nothing."""
    model = KINDS.get(kind) if isinstance(kind, str) else None
    return None if model is None else model.request


def ends_by_itself(kind: object) -> bool:
    """Whether how a process of this kind ends is its result."""
    model = KINDS.get(kind) if isinstance(kind, str) else None
    return model is not None and model.ends_by_itself


def script_at(path: str) -> TriggerKind:
    """The commands in a file of the guest's as a trigger: stdout and stderr told apart, nothing left out."""
    return Script(kind="command", command=f"exec sh {path}", stop="end")
