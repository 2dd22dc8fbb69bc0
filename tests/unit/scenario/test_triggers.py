# SPDX-License-Identifier: Apache-2.0
"""A kind of trigger answers for itself: nothing else in the program knows one kind from another."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator.binder import KernelFigures
from orchestrator.scenario.models import Scenario
from orchestrator.scenario.schema import scenario_schema
from orchestrator.scenario.triggers.base import TriggerKind
from orchestrator.scenario.triggers.kinds import KINDS, MODELS, ends_by_itself, request_of

OPEN_TO_ALL = {"orchestrator.scenario.triggers.base", "orchestrator.scenario.triggers.kinds"}
ROOM = "orchestrator.scenario.triggers."


def foreign_knowledge(source: str) -> list[str]:
    """Where a source imports a kind's own module, or compares something with a kind's name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(ROOM):
            found += [] if node.module in OPEN_TO_ALL else [f"import of {node.module}"]
        if isinstance(node, ast.Compare | ast.MatchValue):
            words = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
            found += [f"comparison with {word!r}" for word in words if word in KINDS]
    return found


def test_nothing_outside_the_room_knows_one_kind_from_another(checkout: Path) -> None:
    room = checkout / "orchestrator" / "scenario" / "triggers"
    sources = [path for path in (checkout / "orchestrator").rglob("*.py") if not path.is_relative_to(room)]
    found = {str(path.relative_to(checkout)): foreign_knowledge(path.read_text()) for path in sources}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from orchestrator.scenario.triggers.binder_mmap import BinderMmap",
        "known = trigger.kind == 'binder-mmap'",
        "known = 'command' in (trigger.kind,)",
        "match kind:\n    case 'command': pass",
    ],
)
def test_knowledge_of_a_kind_is_noticed(source: str) -> None:
    assert foreign_knowledge(source)


def test_the_schema_offers_the_kinds_of_the_table_in_its_order() -> None:
    schema = scenario_schema()
    kinds, none = schema["properties"]["trigger"]["anyOf"]
    assert list(kinds["discriminator"]["mapping"]) == sorted(KINDS)
    assert none == {"type": "null"}
    names = [each["$ref"].rsplit("/", 1)[-1] for each in kinds["oneOf"]]
    assert names == [model.__name__ for model in MODELS]


def shortest(model: type[TriggerKind]) -> TriggerKind:
    """One of a kind, from the examples of its keys, as a file would have it."""
    data = {name: (field.examples or [None])[0] for name, field in model.model_fields.items()}
    return Scenario.model_validate(
        {
            "name": "x",
            "device": {"arch": "arm64", "memory": "256MiB"},
            "variants": {"v": {"base": "debian-6.1"}},
            "trigger": {name: value for name, value in data.items() if value is not None},
        }
    ).trigger


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_answers_what_the_rest_asks(kind: str) -> None:
    trigger = shortest(KINDS[kind])
    assert trigger.kind == kind
    assert trigger.words
    assert (trigger.planned > 0) == (trigger.request is not None)
    assert request_of(kind) == trigger.request
    assert ends_by_itself(kind) == trigger.ends_by_itself
    need = trigger.need(KernelFigures(4096))
    assert need is None or (need.order >= 0 and need.units > 0)
    assert all(size > 0 for size in trigger.array_bytes(KernelFigures(4096)))
    assert set(trigger.long_words) <= set(type(trigger).model_fields)


def test_what_is_no_kind_counts_nothing() -> None:
    assert request_of("none") is None
    assert request_of(None) is None
    assert not ends_by_itself(["command"])


def maps(**keys: object) -> TriggerKind:
    """A load of binder maps."""
    return KINDS["binder-mmap"].model_validate({"kind": "binder-mmap", "size": "4MiB", "count": 6} | keys)


def test_transactions_through_maps_are_said_and_sent_where_there_are_any() -> None:
    assert maps().words == "6 binder mmaps of 4MiB"
    assert "transactions" not in maps().recipe()
    assert maps(transactions=1).words == "6 binder mmaps of 4MiB, 1 transaction through each"
    assert maps(transactions=2).words == "6 binder mmaps of 4MiB, 2 transactions through each"
    assert maps(transactions=2).recipe()["transactions"] == 2


@pytest.mark.parametrize("number", [-1, 1001, 1.5, True])
def test_a_number_of_transactions_that_the_guest_would_refuse_is_refused_before(number: object) -> None:
    with pytest.raises(ValidationError):
        maps(transactions=number)
