# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of scenario files, for editors and for `oomlab schema scenario`.

`python -m orchestrator.scenario.schema > scenarios/scenario.schema.json` renews the shipped copy.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from orchestrator.scenario.models import Scenario
from orchestrator.scenario.shape import SCHEMA_FILE
from orchestrator.units import format_duration

MODELINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"
"""The first line of a scenario file: it tells editors where the schema is."""


class _InOrder(GenerateJsonSchema):
    """Keeps the keys of examples in the order in which a person would write them."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:  # noqa: ARG002
        """Sort nothing."""
        return value


def scenario_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a scenario file.

    It knows every key, type, choice and range; relations between keys are for `oomlab validate`.
    """
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_FILE,
        **_tidy(Scenario.model_json_schema(schema_generator=_InOrder)),
    }
    return schema | {"title": "oomlab scenario"}


def schema_text() -> str:
    """The schema as the shipped file has it."""
    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(node: Any) -> Any:
    """Without titles made of key names, with defaults as they are written, and names as patterns only."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {
        key: _tidy(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))
    }
    if tidy.get("format") == "duration" and "default" in tidy:
        tidy["default"] = format_duration(tidy["default"]) if tidy["default"] else 0
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    return tidy


if __name__ == "__main__":
    sys.stdout.write(schema_text())
