# SPDX-License-Identifier: Apache-2.0
"""A scenario is refused, at its place and with the reason, where its device cannot do what it asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from orchestrator.commands.shared import people
from orchestrator.errors import InputError
from orchestrator.guests.backend import Ability, Capabilities
from orchestrator.guests.qemu.backend import QemuBackend
from orchestrator.guests.registry import BACKENDS, backend_of
from orchestrator.report.console.live import PlainObserver
from orchestrator.run.asked import load_runnable
from orchestrator.run.shell import open_shell
from orchestrator.scenario.device import COLD_BACKENDS
from orchestrator.scenario.loading.loader import load_scenario
from orchestrator.scenario.loading.problems import Problem, ScenarioInvalid
from orchestrator.scenario.models import Device

SCENARIO = """\
name: asks-for-much
device: {arch: arm64, memory: 256MiB}
variants:
  kcalloc: {base: debian-6.1}
trigger: {kind: binder-mmap, size: 4MiB, count: 1}
trials:
  forks: 2
  clock: [realtime, deterministic]
"""
ALL = QemuBackend.capabilities


class Lesser(QemuBackend):
    """QEMU without something."""

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities = capabilities


def problems(
    path: Path, can: Capabilities, monkeypatch: pytest.MonkeyPatch, text: str = SCENARIO
) -> tuple[Problem, ...]:
    monkeypatch.setitem(BACKENDS, "qemu", lambda _device: Lesser(can))
    path.write_text(text)
    with pytest.raises(ScenarioInvalid) as told:
        load_runnable(path)
    return told.value.problems


def test_every_word_for_a_backend_has_one() -> None:
    assert get_args(Device.model_fields["backend"].annotation) == tuple(BACKENDS)
    assert isinstance(backend_of(load_scenario(Path("binder-order3")).scenario.device), QemuBackend)


def test_no_deterministic_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    can = replace(ALL, deterministic_clock=Ability("crosvm counts no instructions"))
    (problem,) = problems(tmp_path / "x.yaml", can, monkeypatch)
    assert problem.line == 8
    assert problem.what.startswith("backend 'qemu' has no deterministic clock: crosvm counts no instructions")


def test_no_forks_without_snapshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = problems(tmp_path / "x.yaml", replace(ALL, snapshots=Ability("none yet")), monkeypatch)
    assert problem.line == 6
    assert "takes no snapshots to fork trials from: none yet; cold trials boot" in problem.what
    cold = SCENARIO.replace("forks: 2", "fork: false")
    (tmp_path / "x.yaml").write_text(cold)
    assert not load_runnable(tmp_path / "x.yaml").scenario.trials.fork


def test_no_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        BACKENDS, "qemu", lambda _device: Lesser(replace(ALL, shell=Ability("nobody is there")))
    )
    scenario = load_scenario(Path("binder-order3")).scenario
    with pytest.raises(InputError, match="gives no shell: nobody is there"):
        open_shell(scenario, None, PlainObserver(people))


def test_no_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SCENARIO.replace("memory: 256MiB", "memory: 256MiB, nodes: 2")
    unable = replace(ALL, numa_nodes=Ability("a phone has one"))
    (problem,) = problems(tmp_path / "x.yaml", unable, monkeypatch, text)
    assert problem.what.startswith("backend 'qemu' has no NUMA nodes: a phone has one")


def test_cold_without_a_word_are_exactly_the_backends_that_take_no_snapshots() -> None:
    unable = {name for name, backend in BACKENDS.items() if not backend(None).capabilities.snapshots}
    assert unable == COLD_BACKENDS & BACKENDS.keys()


@pytest.mark.parametrize("said", ["", "deadlines: {target: 1min}\n", "deadlines: {boot: 90s}\n"])
def test_android_may_take_its_time_to_boot_unless_somebody_says_how_long(tmp_path: Path, said: str) -> None:
    path = tmp_path / "x.yaml"
    text = SCENARIO.partition("trials:")[0].replace("memory: 256MiB", "memory: 256MiB, backend: cuttlefish")
    path.write_text(text + said)
    loaded = load_scenario(path).scenario
    assert loaded.deadlines.boot == (90 if "boot" in said else 25 * 60)
    assert not loaded.trials.fork


def test_trials_are_cold_without_a_word_where_there_are_no_snapshots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line changes the backend; what was said is kept, and refused if need be."""
    monkeypatch.setattr("orchestrator.scenario.models.COLD_BACKENDS", frozenset({"qemu"}))
    said = SCENARIO.replace("memory: 256MiB", "memory: 256MiB, backend: qemu").replace(
        "forks: 2", "blocks: 2"
    )
    silent = said.partition("trials:")[0]
    path = tmp_path / "x.yaml"
    for text, fork in ((said, False), (silent, False), (said + "  fork: true\n", True)):
        path.write_text(text)
        assert load_scenario(path).scenario.trials.fork is fork
    path.write_text(said + "  forks: 2\n")
    with pytest.raises(ScenarioInvalid, match="'fork: false'"):
        load_scenario(path)


def test_a_device_that_loads_no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution's kernel and a module to be built are refused; what is built whole is not."""
    can = replace(ALL, modules=Ability("its kernel is up before the agent is there"))
    text = SCENARIO.partition("trials:")[0].replace(
        "variants:\n",
        "variants:\n"
        "  scoped: {base: {source: linux-source-6.12, config: debian-6.12}, scope: drivers/android}\n"
        "  whole: {base: {source: linux-source-6.12, config: small}}\n",
    )
    found = problems(tmp_path / "x.yaml", can, monkeypatch, text)
    assert [problem.line for problem in found] == [4, 6]
    assert all("its kernel is up before" in problem.what for problem in found)
    assert "Leave out 'scope'" in found[0].what
    assert "debian-6.1 has its driver as a module; build a kernel" in found[1].what
