# SPDX-License-Identifier: Apache-2.0
"""A scenario that can be run: valid, and nothing in it that its device cannot do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.scenario.loading.loader import LoadedScenario, Repeat, advised, load_scenario, refuse
from orchestrator.scenario.loading.own_files import OwnProgram
from orchestrator.scenario.loading.trees import TreeAlone, Trees


def load_runnable(
    path: Path,
    overrides: Sequence[str] = (),
    patches: Sequence[Path] = (),
    repeat: Repeat | None = None,
    trees: Trees | TreeAlone | None = None,
    own: OwnProgram | None = None,
) -> LoadedScenario:
    """As `load_scenario`; ScenarioInvalid, too, for what the device cannot do."""
    loaded = load_scenario(path, overrides, patches, repeat, trees, own)
    from orchestrator.guests.registry import problems_of  # slow to load, needed last
    from orchestrator.run.guest_files import file_problems
    from orchestrator.run.known_elements import known_elements

    refuse(loaded, [*problems_of(loaded.scenario), *file_problems(loaded.scenario)])
    return advised(loaded, known_elements(loaded.scenario))
