# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas of every file people and programs meet, made from the models themselves."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from orchestrator.record.journal import Entry
from orchestrator.record.manifest import RunManifest
from orchestrator.runs_compared.record import RunsCompared
from orchestrator.scenario.schema import scenario_schema
from orchestrator.search.result import SearchResult
from orchestrator.verdict.verdict import Verdict


def json_schema(name: str) -> dict[str, Any]:
    """The schema called `name`: scenario, manifest, journal (one line), verdict, comparison
    (of two runs) or search."""
    match name:
        case "manifest":
            return RunManifest.model_json_schema(mode="serialization")
        case "journal":
            return TypeAdapter(Entry).json_schema(mode="serialization")
        case "verdict":
            return Verdict.model_json_schema(mode="serialization")
        case "comparison":
            return RunsCompared.model_json_schema(mode="serialization")
        case "search":
            return SearchResult.model_json_schema(mode="serialization")
        case _:
            return scenario_schema()
