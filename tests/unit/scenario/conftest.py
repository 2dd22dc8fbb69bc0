# SPDX-License-Identifier: Apache-2.0
"""A scenario file to spoil, and a way to see how it is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from orchestrator.scenario.loading.loader import LoadedScenario, load_scenario
from orchestrator.scenario.loading.problems import Problem, ScenarioInvalid

GOOD = """\
name: example
device: {arch: arm64, memory: 256MiB}
variants:
  kcalloc: {base: debian-6.1}
  kvcalloc: {base: debian-6.1, scope: drivers/android, patches: [mine.patch]}
fragmentation:
  target: {usable_units: {order: 3, max: 300}, free: {min: 64MiB}, hard: required}
  stressors: [pipes]
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
trials: {blocks: 2, seed: 7}
expectations:
  kcalloc: {outcome: oom, first_oom: {order: 3}}
  kvcalloc: {outcome: passed}
"""

Load = Callable[..., LoadedScenario]
Refuse = Callable[..., Sequence[Problem]]


@pytest.fixture
def good() -> str:
    """The text of a scenario without a fault."""
    return GOOD


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a text (the good one by default) as the file example.yaml, beside which lies mine.patch."""
    (tmp_path / "mine.patch").write_text("--- a\n+++ b\n")

    def load_it(
        text: str | bytes = GOOD, sets: Sequence[str] = (), patches: Sequence[Path] = ()
    ) -> LoadedScenario:
        file = tmp_path / "example.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_scenario(file, sets, patches)

    return load_it


@pytest.fixture
def refuse(load: Load) -> Refuse:
    """Loads as `load` does and gives the problems."""

    def refuse_it(
        text: str | bytes = GOOD, sets: Sequence[str] = (), patches: Sequence[Path] = ()
    ) -> Sequence[Problem]:
        with pytest.raises(ScenarioInvalid) as caught:
            load(text, sets, patches)
        return caught.value.problems

    return refuse_it
