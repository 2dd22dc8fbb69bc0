# SPDX-License-Identifier: Apache-2.0
"""What the deterministic clock asks for, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.clock import Clock
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.guests.qemu import accelerator
from orchestrator.guests.qemu.accelerator import find_emulator
from orchestrator.guests.qemu.boot import block_boot
from orchestrator.guests.qemu.limits import machine_problems
from orchestrator.guests.qemu.machine import MACHINES, Wiring, qemu_argv
from orchestrator.plan import plan_blocks
from orchestrator.protocol.fork_command import fork_command
from orchestrator.scenario.loading.loader import load_text, refuse
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Stage

TEXT = """
name: example
device: {arch: ARCH, memory: 256MiB, cpus: 1}
variants:
  kcalloc: {base: debian-6.1}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
audit: false
trials: {blocks: 1, forks: 2, clock: [realtime, deterministic]}
"""


def scenario(arch: str = "arm64", *overrides: str) -> Scenario:
    return load_text(TEXT.replace("ARCH", arch), Path("example.yaml"), overrides).scenario


@pytest.mark.parametrize("clock", ["deterministic", "[realtime, deterministic]"])
def test_several_processors_are_refused_where_they_are_asked_for(clock: str) -> None:
    text = TEXT.replace("ARCH", "arm64").replace("cpus: 1", "cpus: 2")
    text = text.replace("[realtime, deterministic]", clock)
    loaded = load_text(text, Path("example.yaml"))
    with pytest.raises(ScenarioInvalid) as caught:
        refuse(loaded, machine_problems(loaded.scenario))
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (3, 39)
    assert "one processor" in problem.what
    assert problem.nearest == "1"


def test_several_processors_are_free_to_use_in_real_time() -> None:
    assert scenario("arm64", "device.cpus=4", "trials.clock=realtime").device.cpus == 4


@pytest.mark.parametrize("arch", ["arm64", "x86_64"])
def test_no_word_of_a_deterministic_boot_depends_on_the_host(arch: str) -> None:
    """Two hosts, one of them slow and with KVM: the same command for the deterministic pass."""
    subject = scenario(arch)
    block = next(block for block in plan_blocks(subject) if block.clock == "deterministic")
    boots = [
        block_boot(
            subject, block, kernel=Path("/k"), initramfs=Path("/i"), accelerator="tcg", slowdown=slowdown
        )
        for slowdown in (1.0, 7.5)
    ]
    first, second = (qemu_argv(boot, Wiring.paste_ready()) for boot in boots)
    assert first == second
    assert first[first.index("-rtc") + 1] == "base=2026-01-01T00:00:00,clock=vm"
    assert first[first.index("-smp") + 1] == "1"
    assert not {"host", "kvm"} & set(first)


def test_realtime_deadlines_follow_the_host() -> None:
    subject = scenario()
    block = plan_blocks(subject)[0]
    lines = {
        block_boot(
            subject, block, kernel=Path("/k"), initramfs=Path("/i"), accelerator="tcg", slowdown=slowdown
        ).command_line
        for slowdown in (1.0, 7.5)
    }
    assert len(lines) == 2


def test_forks_are_one_under_the_deterministic_clock() -> None:
    per_clock = {block.clock: len(block.trials) for block in plan_blocks(scenario())}
    assert per_clock == {"realtime": 2, "deterministic": 1}


@pytest.mark.parametrize("module", [0, 9, 31])
def test_a_fork_is_told_its_module_in_just_what_raises_the_uart_interrupt(module: int) -> None:
    orders = {stage: fork_command(module, stage) for stage in STAGES}
    assert {len(text) for text in orders.values()} == {8}
    assert {stage: text[:1] for stage, text in orders.items()} == STAGES
    assert {int(text[1:]) for text in orders.values()} == {module}


def test_more_forks_under_the_deterministic_clock_are_advised_against() -> None:
    loaded = load_text(TEXT.replace("ARCH", "arm64"), Path("example.yaml"))
    warnings = [warning for warning in loaded.warnings if "bit for bit" in warning.what]
    assert [warning.line for warning in warnings] == [8]


def report(name: str) -> AcceleratorReport:
    return AcceleratorReport.model_validate(
        {"accelerator": name, "reason": "r", "qemu_version": "7.2", "cpu_model": "x", "boot_s": 3,
         "loops_per_s": 1}
    )  # fmt: skip


def test_the_deterministic_clock_emulates_also_where_kvm_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OOMLAB_CACHE", str(tmp_path))
    said: list[str] = []
    probed: list[str] = []

    def probe(_arch: str, name: str, *_: object) -> AcceleratorReport:
        probed.append(name)
        return report(name)

    monkeypatch.setattr(accelerator, "find_accelerator", lambda *_, **__: report("kvm"))
    monkeypatch.setattr(accelerator, "_probe", probe)
    for _ in range(2):
        found = find_emulator("x86_64", kernel=Path("/k"), initramfs=Path("/i"), progress=said.append)
        assert (found.accelerator, found.cpu_model) == ("tcg", MACHINES["x86_64"].deterministic_cpu)
    assert probed == ["tcg"], "the answer is kept"
    assert "KVM" in said[0]
    assert "TCG" in said[0]


def test_where_only_emulation_works_nothing_is_probed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(accelerator, "find_accelerator", lambda *_, **__: report("tcg"))
    found = find_emulator("arm64", kernel=Path("/k"), initramfs=Path("/i"), progress=said.append)
    assert (found.accelerator, found.cpu_model, said) == ("tcg", "cortex-a76", [])


def test_a_later_qemu_has_no_randomness_of_its_own_either() -> None:
    subject = scenario("x86_64")
    block = plan_blocks(subject)[1]
    boot = block_boot(
        subject, block, kernel=Path("/k"), initramfs=Path("/i"), accelerator="tcg", slowdown=1.0
    )
    by_clock = {clock: qemu_argv(replace(boot, clock=clock), Wiring.paste_ready()) for clock in CLOCKS}
    assert "-seed" in by_clock["deterministic"]
    assert "-seed" not in by_clock["realtime"]


STAGES: dict[Stage, bytes] = {
    "trigger": b"T", "relaxed": b"R", "target": b"P",
    "audit-trigger": b"t", "audit-relaxed": b"r", "audit-target": b"p",
}  # fmt: skip
CLOCKS: tuple[Clock, ...] = ("realtime", "deterministic")
