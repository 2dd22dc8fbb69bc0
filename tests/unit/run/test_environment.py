# SPDX-License-Identifier: Apache-2.0
"""What a scenario needs of the host is told before anything is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.commands.shared import people
from orchestrator.errors import HostError
from orchestrator.report.console.live import PlainObserver
from orchestrator.run.environment import open_environment
from orchestrator.scenario.loading.loader import load_scenario


def test_the_emulator_is_missed_together_with_the_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    scenario = load_scenario(Path("binder-order3")).scenario
    with pytest.raises(HostError) as caught:
        open_environment(scenario, PlainObserver(people))
    assert {"qemu-system-aarch64,", "aarch64-linux-gnu-gcc,", "bwrap,"} <= set(caught.value.message.split())
    assert "qemu-system-arm gcc-aarch64-linux-gnu bubblewrap" in caught.value.hint
