# SPDX-License-Identifier: Apache-2.0
"""The shipped scenarios, for people: by group with what each needs; and one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from orchestrator.bases import SourceBuild
from orchestrator.report.tables import PlainTable
from orchestrator.scenario.loading.shipped import Shipped
from orchestrator.scenario.models import Scenario
from orchestrator.text.amounts import count_of
from orchestrator.units import GIB, format_size

_MINUTE_S = 60
BUILT_WHOLE = "A kernel that is built whole takes 6 to 10 CPU minutes once, another of the same tree less."


def needs(scenario: Scenario) -> list[str]:
    """What a run of it needs beside the usual: kernels, a device, memory."""
    packages = {base.name for base in scenario.bases.values() if not isinstance(base.made_from, SourceBuild)}
    device = scenario.device
    found = [f"{' and '.join(sorted(packages))} {device.arch}"] if packages else []
    if built := _built_whole(scenario):
        found.append(f"{count_of('kernel', len(built))} built whole")
    if device.backend != "qemu":
        found.append(f"a {device.backend.capitalize()} host")
    if device.memory >= GIB:
        found.append(f"a guest of {format_size(device.memory)}")
    return found


def _built_whole(scenario: Scenario) -> set[tuple[str, tuple[str, ...]]]:
    """Kernels that are compiled: of variants without a scope each with its patches."""
    return {
        (scenario.bases[name].name, tuple(map(str, variant.patches)) if variant.scope is None else ())
        for name, variant in scenario.variants.items()
        if variant.twin_of is None and isinstance(scenario.bases[name].made_from, SourceBuild)
    }


def time_words(seconds: int | None) -> str:
    """How long a run takes, roughly."""
    if seconds is None:
        return "not timed"
    return f"{seconds} s" if seconds < 2 * _MINUTE_S else f"{seconds / _MINUTE_S:.0f} min"


def print_shipped(shipped: Sequence[tuple[Shipped, Scenario]], console: Console) -> None:
    """All of them: name, purpose, time and needs, by group."""
    width = max((len(each.name) for each, _ in shipped), default=0)
    for title, members in groupby(shipped, key=lambda pair: pair[0].group):
        console.print(Text(title or "Others", style="bold"), soft_wrap=True)
        rows = PlainTable.grid(padding=(0, 2))
        rows.add_column(width=width, no_wrap=True)
        rows.add_column()
        for each, scenario in members:
            about = "; ".join([time_words(each.seconds), *needs(scenario)])
            rows.add_row(Text(each.name), Text(f"{each.purpose}\n").append(about, style="dim"))
        console.print(Padding(rows, (0, 0, 1, 2), expand=False))
    console.print("Times: a run on two cores without KVM, with its kernels in the cache.", soft_wrap=True)
    console.print(BUILT_WHOLE, soft_wrap=True)
    console.print("oomlab scenarios NAME shows one; oomlab run NAME runs it.", soft_wrap=True)


def print_scenario(each: Shipped, scenario: Scenario, console: Console) -> None:
    """One of them."""
    console.print(Text(each.name, style="bold"))
    console.print(Text(scenario.description or each.purpose))
    console.print()
    rows = PlainTable.grid(padding=(0, 2))
    for label, text in _facts(each, scenario):
        rows.add_row(Text(f"{label}:"), Text(text))
    console.print(rows)


def _facts(each: Shipped, scenario: Scenario) -> Iterator[tuple[str, str]]:
    yield "needs", "; ".join(needs(scenario))
    yield "takes", time_words(each.seconds)
    yield "variants", ", ".join(scenario.variants)
    yield "expected", "; ".join(_expected(scenario)) or "nothing"
    yield "file", str(each.path)
    yield "run it", f"oomlab run {each.name}"
    yield "change it", f"oomlab scenarios {each.name} --file > mine.yaml"


def _expected(scenario: Scenario) -> Iterator[str]:
    for name, expectation in scenario.expectations.items():
        said: dict[str, Any] = expectation.model_dump(mode="json", exclude_defaults=True)
        yield f"{name}: {', '.join(f'{key} {_words(value)}' for key, value in said.items())}"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_words(each)}" for key, each in value.items())
    return " or ".join(map(_words, value)) if isinstance(value, list) else str(value)


def as_json(each: Shipped, scenario: Scenario) -> dict[str, Any]:
    """The same for programs."""
    return {
        "name": each.name,
        "group": each.group,
        "purpose": each.purpose,
        "seconds": each.seconds,
        "needs": needs(scenario),
        "variants": list(scenario.variants),
        "file": str(each.path),
    }
