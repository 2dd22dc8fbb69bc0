# SPDX-License-Identifier: Apache-2.0
"""The agent's table of benchmarks and the scenario's are one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from orchestrator.scenario.benchmark import Benchmark, BinderTransaction, Mode

_LINE = re.compile(r'X\(([A-Z_]+), "([a-z_]+)", "(BM_\w+)", (?:NULL|&\w+)\)')


def test_scenario_and_agent_know_the_same_benchmarks(checkout: Path) -> None:
    table = (checkout / "images" / "guest" / "bench" / "kinds.h").read_text()
    agent = {word: name for _, word, name in _LINE.findall(table)}
    ours: dict[str, str] = {}
    for model in get_args(get_args(Benchmark)[0]):
        modes = get_args(Mode) if model is BinderTransaction else (None,)
        for mode in modes:
            fields = {"sizes": (4096,), **({"mode": mode} if mode else {})}
            made = model.model_construct(
                **{**{n: f.default for n, f in model.model_fields.items()}, **fields}
            )
            (name,) = made.names
            ours[made.word] = name.partition("/")[0]
    assert agent == ours
