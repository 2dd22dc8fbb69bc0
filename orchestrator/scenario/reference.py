# SPDX-License-Identifier: Apache-2.0
"""The reference of all scenario keys for docs/scenarios.md, made from the models.

`python -m orchestrator.scenario.reference docs/scenarios.md` renews the part between the markers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from orchestrator.scenario.dump import yaml_text
from orchestrator.scenario.schema import scenario_schema
from orchestrator.scenario.triggers.kinds import KINDS

BEGIN = "<!-- keys: made by orchestrator/scenario/reference.py -->"
END = "<!-- keys: end -->"

# Where each section stands in a file, in the order of a file.
_SECTIONS = {
    "Scenario": "The whole file",
    "Device": "`device`",
    "Cuttlefish": "`device.cuttlefish`",
    "NumaNode": "`device.nodes[N]`",
    "Variant": "`variants.NAME`",
    "SourceBase": "`variants.NAME.base` with a `source`",
    "ImageBase": "`variants.NAME.base` with an `image`",
    "Fragmentation": "`fragmentation`",
    "Target": "`fragmentation.target`",
    "UsableUnits": "`fragmentation.target.usable_units`",
    "Free": "`fragmentation.target.free`",
    "Picture": "`fragmentation.target.picture`",
    "Watermarks": "`fragmentation.target.picture.watermarks`",
    "Stressor": "`fragmentation.stressors[N]`",
    **{model.__name__: f"`trigger` of kind `{kind}`" for kind, model in KINDS.items()},
    "Bystanders": "`bystanders`",
    "BinderTransaction": "`benchmarks[N]` of kind `binder-transaction`",
    "BinderMapCycle": "`benchmarks[N]` of kind `binder-mmap`",
    "HugePageFault": "`benchmarks[N]` of kind `thp`",
    "CommandBenchmark": "`benchmarks[N]` of kind `command`",
    "Trials": "`trials`",
    "Deadlines": "`deadlines`",
    "Expectation": "`expectations.NAME`",
    "FirstOom": "`expectations.NAME.first_oom`",
    "Bounds": "`expectations.NAME.vmstat.COUNTER`",
    "CostBounds": "`expectations.NAME.costs.COST`",
}


def reference_text() -> str:
    """The reference in Markdown: one table a section, every key with values, default and example."""
    schema = scenario_schema()
    models = {"Scenario": schema, **schema["$defs"]}
    forgotten = {name for name, model in models.items() if "properties" in model} - set(_SECTIONS)
    if forgotten:
        raise AssertionError(f"sections without a place in the reference: {sorted(forgotten)}")
    return "\n".join(_section(title, models[name]) for name, title in _SECTIONS.items())


def renewed(page: str) -> str:
    """`page` with the part between the markers made anew."""
    return replaced(page, BEGIN, END, reference_text())


def replaced(page: str, begin: str, end: str, text: str) -> str:
    """`page` with `text` for what stands between the lines `begin` and `end`."""
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{text}\n{end}{after}"


def _section(title: str, model: dict[str, Any]) -> str:
    rows = [
        f"| `{key}` | {_values(node)} | {_default(key, node, model)} | {_example(key, node)} |"
        f" {cell(node.get('description', ''))} |"
        for key, node in model["properties"].items()
    ]
    about = " ".join(model.get("description", "").split())
    head = "| key | values | default | example | meaning |\n| --- | --- | --- | --- | --- |"
    return "\n".join([f"### {title}", "", about, "", head, *rows, ""])


def _values(node: dict[str, Any]) -> str:
    choices = [choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"]
    if choices:
        return " or ".join(dict.fromkeys(_values(choice) for choice in choices))
    if "const" in node or "enum" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    if "$ref" in node:
        name = str(node["$ref"]).rsplit("/", 1)[-1]
        return "section" if name in _SECTIONS else _values(scenario_schema()["$defs"][name])
    if "oneOf" in node:
        return "section"
    if node.get("format") in ("size", "duration"):
        return f"{node['format']} with unit"
    kinds = {"string": "text", "boolean": "`true`, `false`", "number": "number"}
    match node.get("type"):
        case "integer":
            return f"whole number{_range(node)}"
        case "array":
            return f"list of: {_values(node['items'])}"
        case "object":
            return f"by name: {_values(_entry(node))}"
        case kind:
            return kinds[str(kind)]


def _entry(node: dict[str, Any]) -> dict[str, Any]:
    below = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    return next(entry for entry in below if isinstance(entry, dict))


def _range(node: dict[str, Any]) -> str:
    low = node.get("minimum")
    high = node.get("maximum", node.get("exclusiveMaximum"))
    if low is None:
        return ""
    if high is None:
        return f", {low} or more"
    return f", {low} to {high}" if high < 2**32 else f", {low} to 2^{high.bit_length() - 1} - 1"


def _default(key: str, node: dict[str, Any], model: dict[str, Any]) -> str:
    if key in model.get("required", ()):
        return "required"
    if key in model.get("then", {}).get("required", ()):
        return "the profile's, else required"
    default = node.get("default")
    return "none" if default in (None, [], {}) else f"`{_flow(default)}`"


def _example(key: str, node: dict[str, Any]) -> str:
    return "<br>".join(f"`{key}: {_flow(value)}`" for value in node["examples"])


def _flow(value: Any) -> str:
    text = yaml_text({"x": value}, flow=True).strip()
    return cell(text.removeprefix("{x: ").removesuffix("}").replace("[ ", "["))


def cell(text: str) -> str:
    """Text as it may stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
