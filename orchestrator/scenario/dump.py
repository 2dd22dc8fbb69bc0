# SPDX-License-Identifier: Apache-2.0
"""A scenario back to YAML, as a person would write it."""

from __future__ import annotations

from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from orchestrator.scenario.models import Scenario
from orchestrator.scenario.schema import MODELINE


def to_yaml(scenario: Scenario) -> str:
    """YAML that loads to an equal scenario; what has its default is left out.

    A device is written out whole, without the name of its profile: profiles change between versions.
    """
    data = scenario.model_dump(mode="json", exclude_defaults=True)
    data["device"].pop("profile", None)
    fragmentation = data.get("fragmentation")
    if fragmentation is not None:
        _shorten(fragmentation)
    return f"{MODELINE}\n{yaml_text(data)}"


def yaml_text(data: Any, *, flow: bool | None = False) -> str:
    """`data` as YAML text; `flow` puts it on one line."""
    yaml = YAML()
    yaml.default_flow_style = flow
    yaml.width = 4096 if flow else 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def _shorten(fragmentation: dict[str, Any]) -> None:
    """Use the short forms: one bound without a list, a stressor by its name."""
    units = fragmentation["target"].get("usable_units", ())
    if len(units) == 1:
        fragmentation["target"]["usable_units"] = units[0]
    if "stressors" in fragmentation:
        fragmentation["stressors"] = [
            stressor["kind"] if list(stressor) == ["kind"] else stressor
            for stressor in fragmentation["stressors"]
        ]
