# SPDX-License-Identifier: Apache-2.0
"""The agent's table of benchmarks and the scenario's are one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from orchestrator.scenario.benchmark import Benchmark, BinderTransaction, HugePageFault, Mode
from orchestrator.scenario.command_benchmark import CommandBenchmark

_LINE = re.compile(r'X\(([A-Z_]+), "([a-z_]+)", "(BM_\w+)", (?:NULL|&\w+)\)')

_CHOICES: dict[type, list[dict[str, object]]] = {
    BinderTransaction: [{"mode": mode} for mode in get_args(Mode)],
    HugePageFault: [{"advise": advise} for advise in (True, False)],
    CommandBenchmark: [],
}
"""Where a kind of the scenario is several of the agent's, or none of its table."""


def test_scenario_and_agent_know_the_same_benchmarks(checkout: Path) -> None:
    table = (checkout / "images" / "guest" / "bench" / "kinds.h").read_text()
    agent = {word: name for _, word, name in _LINE.findall(table)}
    ours: dict[str, str] = {}
    for model in get_args(get_args(Benchmark)[0]):
        for choice in _CHOICES.get(model, [{}]):
            fields = {name: field.default for name, field in model.model_fields.items()}
            made = model.model_construct(**{**fields, "sizes": (4096,), **choice})
            (name,) = made.names
            ours[made.word] = name.partition("/")[0]
    assert agent == ours
