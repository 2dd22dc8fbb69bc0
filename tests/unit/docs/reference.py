# SPDX-License-Identifier: Apache-2.0
"""The parts of docs/ that are made from the code: fields of a run's files, the command line, configurations.

`python -m tests.unit.docs.reference` renews them; a test finds pages that are not current.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperArgument, TyperGroup

from orchestrator.cli import app
from orchestrator.commands.help_page import argument_word, value_word
from orchestrator.commands.help_page import meaning as described
from orchestrator.commands.schemas import json_schema
from orchestrator.scenario.costs import COSTS
from orchestrator.scenario.reference import cell, replaced
from tests.unit.docs.configurations import configurations_table
from tests.unit.docs.meanings import MEANINGS

BEGIN = "<!-- made by tests/unit/docs/reference.py -->"
END = "<!-- made: end -->"

# Where each record stands, in the order of a reader. Scenarios have a page of their own.
SECTIONS = {
    "RunManifest": "`manifest.json`",
    "HostFacts": "`manifest.json`: `host`",
    "AcceleratorReport": "`manifest.json`: `accelerators.CLOCK`",
    "ArtefactManifest": "`manifest.json`: `artefacts.KERNEL`",
    "Package": "`artefacts.KERNEL.packages[N]`",
    "BuiltKernel": "`artefacts.KERNEL.built`",
    "GivenKernel": "`artefacts.KERNEL.given`",
    "TestModuleArtefact": "`artefacts.KERNEL.test_module`",
    "VariantArtefacts": "`artefacts.KERNEL.variants[N]`",
    "PatchFile": "`artefacts.KERNEL.variants[N].patches[N]`",
    "GuestFile": "`artefacts.KERNEL.files[N]`",
    "KernelTraits": "`artefacts.KERNEL.traits`",
    "Element": "`traits.element`, `variants[N].element`",
    "RunStarted": "`journal.jsonl`: `run-started`",
    "RunResumed": "`journal.jsonl`: `run-resumed`",
    "BlockStarted": "`journal.jsonl`: `block-started`",
    "BlockEnded": "`journal.jsonl`: `block-ended`",
    "TrialStarted": "`journal.jsonl`: `trial-started`",
    "EventRecorded": "`journal.jsonl`: `event`",
    "TrialEnded": "`journal.jsonl`: `trial-ended`",
    "RunEnded": "`journal.jsonl`: `run-ended`",
    "BlockResult": "`block-ended`: `result`",
    "TrialResult": "`trial-ended`: `result`",
    "TargetState": "`result.target`",
    "SettingWritten": "`result.settings[N]`",
    "VariantSettings": "`verdict.json`: `settings[N]`",
    "SettingSeen": "`verdict.json`: `settings[N].settings[N]`",
    "RequestSummary": "`result.requests`",
    "LatencySummary": "`result.requests.latency`",
    "ProcessEnd": "`result.processes[N]`",
    "CommandOutput": "`result.output`",
    "RequestPaths": "`result.page_arrays`",
    "BenchmarkRow": "`result.benchmarks[N]`",
    "Measure": "`result.measures[N]`",
    "AuditRow": "`result.audit[N]`",
    "AuditPhase": "`result.audit_phases[N]`",
    "Costs": "`result.costs[N]`",
    "PageRequests": "`result.page_requests[N]`",
    "Victim": "`result.victims[N]`",
    "DeviceFacts": "`result.device`",
    "MemorySample": "`result.memory[N]`",
    "ZoneState": "`result.memory[N].zones.ZONE`",
    "NodeState": "`result.target.nodes[N]`, `result.memory[N].nodes[N]`, `variants.NAME.nodes[N][N]`",
    "MemoryEvent": "An event: `event.event`, `result.first_oom`, `first_oom` of a verdict",
    "KernelCrash": "A crash: `result.crashes[N]`, `crash` of `crashes[N]` of a verdict",
    "CrashCount": "`verdict.json`: `crashes[N]`",
    "Process": "`trigger`, `victim`, `chosen` of an event",
    "Frame": "`stack[N]` of an event",
    "Zone": "`zones.ZONE` of an event",
    "Buddy": "`buddy.ZONE` of an event",
    "Memcg": "`memcg` of an event",
    "SlabFailure": "`slab` of an event",
    "LowMemoryKill": "`lmk` of an event",
    "Retries": "`retries` of an event",
    "RetryZone": "`retries.zones.ZONE` of an event",
    "Verdict": "`verdict.json`",
    "Summary": "`verdict.json`: `summary`",
    "PassVerdict": "`verdict.json`: `passes[N]`",
    "KernelTable": "`verdict.json`: `kernels`",
    "TraitRow": "`kernels.rows[N]`",
    "HugePageTable": "`passes[N].huge_pages[N]`",
    "HugePageFigure": "`passes[N].huge_pages[N].figures[N]`",
    "AuditSummary": "`passes[N].audit`",
    "AuditTotal": "`passes[N].audit.totals[N]`",
    "Disturbance": "`passes[N].audit.disturbances[N]`",
    "SharedKernel": "`passes[N].kernels[N]`",
    "DeviceSummary": "`passes[N].device`",
    "CostLine": "`passes[N].costs[N]`",
    "ControlGroup": "`passes[N].controls[N]`",
    "Comparison": "`passes[N].comparisons[N]`",
    "OutcomeComparison": "`comparisons[N].outcome`",
    "Share": "`outcome.baseline`, `outcome.candidate` of a comparison",
    "TimingComparison": "`comparisons[N].timings[N]`",
    "MeasureComparison": "`comparisons[N].measures[N]`",
    "CostComparison": "`comparisons[N].costs[N]`",
    "Noise": "`comparisons[N].noise`",
    "Answer": "`passes[N].answers[N]`",
    "PictureTable": "`passes[N].picture`",
    "PictureLine": "`picture.lines[N]`",
    "VariantVerdict": "`verdict.json`: `variants.NAME`",
    "RequestTotals": "`variants.NAME.requests`",
    "OrderTotal": "`variants.NAME.page_requests[N]`",
    "MeasureTotals": "`variants.NAME.measures[N]`",
    "FailedOutput": "`variants.NAME.failed_output`",
    "JudgedTrial": "`verdict.json`: `trials[N]`",
}
FORMATS = ("manifest", "journal", "verdict")


def models() -> dict[str, dict[str, Any]]:
    """The JSON Schema of every record of a run's own files, by the name of its model."""
    found: dict[str, dict[str, Any]] = {}
    for name in FORMATS:
        schema = json_schema(name)
        found |= schema.get("$defs", {})
        if "properties" in schema:
            found[schema["title"]] = schema
    return {name: model for name, model in found.items() if name not in scenario_models()}


def scenario_models() -> set[str]:
    """Names that docs/scenarios.md explains."""
    return {"Scenario", *json_schema("scenario")["$defs"]} - {"Outcome"}


def fields_reference() -> str:
    """One table a record: every field with its type and meaning."""
    known = models()
    return "\n".join(_section(name, title, known) for name, title in SECTIONS.items())


def _section(name: str, title: str, known: dict[str, dict[str, Any]]) -> str:
    model = known[name]
    rows = [
        f"| `{field}` | {_type(node, known)} | {cell(meaning(name, field, node))} |"
        for field, node in model["properties"].items()
    ]
    about = " ".join(model.get("description", "").split())
    return "\n".join(
        [f"### {title}", "", about, "", "| field | type | meaning |", "| --- | --- | --- |", *rows, ""]
    )


def meaning(model: str, field: str, node: dict[str, Any]) -> str:
    """What the model itself says of a field, else what is written down for the page."""
    return str(node.get("description") or MEANINGS.get(f"{model}.{field}") or MEANINGS.get(field, ""))


def _type(node: dict[str, Any], known: dict[str, dict[str, Any]]) -> str:
    if "anyOf" in node:
        return " or ".join(_type(choice, known) for choice in node["anyOf"])
    if "const" in node or "enum" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    if "$ref" in node:
        return _named(str(node["$ref"]).rsplit("/", 1)[-1], known)
    match node.get("type"):
        case "array" if "prefixItems" in node:
            return f"[{', '.join(_type(item, known) for item in node['prefixItems'])}]"
        case "array":
            return f"list of {_type(node['items'], known)}"
        case "object":
            return f"by name: {_type(node['additionalProperties'], known)}"
        case "string":
            return "UTC time" if node.get("format") == "date-time" else "text"
        case kind:
            return {"integer": "whole number", "boolean": "`true`, `false`"}.get(str(kind), str(kind))


def _named(name: str, known: dict[str, dict[str, Any]]) -> str:
    if name == "Scenario":
        return "a [scenario](scenarios.md#all-keys)"
    return "record" if name in SECTIONS else _type(known[name], known)


def commands_reference() -> str:
    """Every command with its arguments, options and what it says of itself."""
    root = typer.main.get_command(app)
    return "\n".join(_command(path, command) for path, command in commands("oomlab", root))


def commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """`command` and all below it, with the words that call them."""
    yield path, command
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            yield from commands(f"{path} {name}", below)


def _command(path: str, command: Any) -> str:
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    usage = [path, "COMMAND"] if isinstance(command, TyperGroup) else [path, *map(_usage, shown)]
    lines = [
        f"### `{path}`",
        "",
        " ".join((command.help or "").split()),
        "",
        "```text",
        " ".join(usage),
        "```",
        "",
    ]
    rows = [f"| {_names(parameter)} | {cell(described(parameter))} |" for parameter in shown]
    if rows:
        lines += ["| argument or option | meaning |", "| --- | --- |", *rows, ""]
    return "\n".join(lines)


def _usage(parameter: Any) -> str:
    if isinstance(parameter, TyperArgument):
        return argument_word(parameter)
    usage = f"{parameter.opts[0]} {value_word(parameter)}".rstrip()
    usage = usage if parameter.required else f"[{usage}]"
    return f"{usage}{'...' if parameter.multiple else ''}"


def _names(parameter: Any) -> str:
    if isinstance(parameter, TyperArgument):
        return f"`{value_word(parameter)}`"
    names = [*parameter.opts, *parameter.secondary_opts]
    return ", ".join(f"`{f'{name} {value_word(parameter)}'.rstrip()}`" for name in names)


def costs_table() -> str:
    """The figures of costs, a row each."""
    head = "| name | in tables | what it is | counted in | where the guest reads it |"
    units = {"cpu": "CPU time", "time": "time"}
    rows = [
        f"| `{each.name}` | {each.label} | {each.words} | {units.get(each.measure, each.measure)} |"
        f" {each.source} |"
        for each in COSTS
    ]
    return "\n".join([head, "| --- | --- | --- | --- | --- |", *rows]) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "run-directory.md": fields_reference,
    "command-line.md": commands_reference,
    "configurations.md": configurations_table,
    "costs.md": costs_table,
}
"""Pages of docs/ with a part that is made, and what makes it."""


def renew(docs: Path) -> None:
    """Make that part anew in every page."""
    for name, make in PAGES.items():
        page = docs / name
        page.write_text(replaced(page.read_text(encoding="utf-8"), BEGIN, END, make()), encoding="utf-8")


if __name__ == "__main__":
    renew(Path(__file__).resolve().parents[3] / "docs")
