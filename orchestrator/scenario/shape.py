# SPDX-License-Identifier: Apache-2.0
"""Which keys are valid where, read from the shipped JSON Schema of scenario files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from orchestrator.paths import resource_dir

SCHEMA_FILE = "scenario.schema.json"
"""The name of the shipped schema, beside the scenarios."""


@cache
def _shipped_schema() -> dict[str, Any]:
    """The schema as it was made from the models: making it takes as long as loading them."""
    schema: dict[str, Any] = json.loads((resource_dir("scenarios") / SCHEMA_FILE).read_text())
    return schema


@dataclass(frozen=True)
class Shape:
    """What may stand at one place of a scenario."""

    schema: dict[str, Any]

    @property
    def keys(self) -> tuple[str, ...]:
        """The fixed keys of a section, empty for anything else."""
        return tuple(self.schema.get("properties", ()))

    @property
    def entry(self) -> Shape | None:
        """The shape of each entry where the user chooses the names (variants, sysctls), else None."""
        below = _entry_schema(self.schema)
        return None if below is None else Shape(below)

    @property
    def is_section(self) -> bool:
        """Whether keys stand below this place."""
        return bool(self.keys) or self.entry is not None

    def child(self, key: str | int, value: Any) -> Shape | None:
        """The shape below `key`, chosen to fit `value` where several are possible; None for no such key."""
        if isinstance(key, int):
            below = self.schema.get("items")
        else:
            below = self.schema.get("properties", {}).get(key) or _entry_schema(self.schema)
        return Shape(_resolve(below, value)) if isinstance(below, dict) else None


def root_shape() -> Shape:
    """The shape of a whole scenario."""
    return Shape(_shipped_schema())


def shape_at(path: tuple[str | int, ...], data: Any) -> Shape | None:
    """The shape at `path` of `data`; None where nothing may stand."""
    shape: Shape | None = root_shape()
    for key in path:
        data = _below(data, key)
        shape = shape.child(key, data) if shape is not None else None
    return shape


def places_of_key(key: str) -> list[str]:
    """The dotted paths of all fixed keys called `key`, user-chosen names left out."""
    return [path for path in _fixed_paths(root_shape(), "") if path.rsplit(".", 1)[-1] == key]


def _fixed_paths(shape: Shape, prefix: str) -> Iterator[str]:
    for key in shape.keys:
        path = f"{prefix}{key}"
        yield path
        below = shape.child(key, {})
        if below is not None:
            yield from _fixed_paths(below, f"{path}.")


def _below(data: Any, key: str | int) -> Any:
    if isinstance(data, dict):
        return data.get(key)
    if isinstance(data, list) and isinstance(key, int) and key < len(data):
        return data[key]
    return None


def _resolve(schema: dict[str, Any], value: Any) -> dict[str, Any]:
    definitions = _shipped_schema()["$defs"]
    if "$ref" in schema:
        return _resolve(definitions[schema["$ref"].rsplit("/", 1)[-1]], value)
    if "discriminator" in schema:
        references = schema["discriminator"]["mapping"]
        kind = value.get("kind") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind in references:
            return _resolve({"$ref": references[kind]}, value)
        return _all_of([_resolve({"$ref": reference}, value) for reference in references.values()])
    if "anyOf" in schema:
        choices = [_resolve(choice, value) for choice in schema["anyOf"] if choice.get("type") != "null"]
        wanted = "array" if isinstance(value, list) else "object"
        fitting = [choice for choice in choices if choice.get("type") == wanted] or choices[:1]
        # Of several sections the one whose keys are there; while that is open, all of their keys may be
        # meant.
        said = set(value) if isinstance(value, dict) else set()
        meant = [choice for choice in fitting if said & set(choice.get("required", ()))]
        return (meant or fitting)[0] if len(meant or fitting) == 1 else _all_of(fitting)
    return schema


def _entry_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    # Pydantic writes patternProperties where the names have to match a pattern.
    for below in (*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")):
        if isinstance(below, dict):
            return below
    return None


def _all_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    properties = {key: value for schema in schemas for key, value in schema.get("properties", {}).items()}
    return {"type": "object", "properties": properties}
