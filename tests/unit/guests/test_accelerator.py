# SPDX-License-Identifier: Apache-2.0
"""An accelerator is believed when a guest has booted with it, and not before."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from orchestrator.errors import DeadlinePassed, HostError, OomlabError
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.guests.qemu import accelerator, handover
from orchestrator.guests.qemu.accelerator import find_accelerator
from orchestrator.host.facts import qemu_version
from orchestrator.host.privilege import Confinement
from orchestrator.paths import cache_dir
from tests.unit.guests.fake_qemu import FakeQemu

PATIENCE_S = 1.0


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeQemu]:
    """A fake QEMU on an x86_64 host whose KVM device opens; its own cache."""
    fake = FakeQemu(tmp_path / "bin", "qemu-system-x86_64")
    fake.install()
    device = tmp_path / "kvm"
    device.touch()
    device.chmod(0o666)
    for name in ("kernel", "initramfs"):
        (tmp_path / name).touch()
    # The fake is in a directory of the tester's own; that guests lose their rights has tests of its own.
    monkeypatch.setattr(handover, "confinement", lambda _: Confinement(None))
    monkeypatch.setenv("PATH", str(fake.directory))
    monkeypatch.setenv("OOMLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(accelerator, "KVM", device)
    monkeypatch.setattr(handover, "KVM", device)
    monkeypatch.setattr(accelerator, "_PROBE_S", {"kvm": PATIENCE_S, "tcg": 20.0})
    qemu_version.cache_clear()
    yield fake
    qemu_version.cache_clear()


def probe(said: list[str] | None = None) -> AcceleratorReport:
    progress = (lambda _: None) if said is None else said.append
    here = cache_dir().parent
    return find_accelerator("x86_64", kernel=here / "kernel", initramfs=here / "initramfs", progress=progress)


def behave(qemu: FakeQemu, behaviour: Mapping[str, str]) -> None:
    qemu.behaviour = behaviour
    qemu.install()


def test_kvm_that_boots_a_guest_is_used(qemu: FakeQemu) -> None:
    report = probe()
    assert (report.accelerator, report.cpu_model, report.qemu_version) == ("kvm", "host", "7.2.22")
    assert report.loops_per_s == 10_000_000
    assert qemu.boots == ["kvm"]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("abort", "failed to set MSR 0x345"),
        ("mute", "did not answer"),
        ("silent", "a probe guest answers under kvm"),
        ("garbage", "does not speak sense"),
        ("die", "ended without an answer"),
        ("vanish", ""),  # before or after the monitor's greeting was taken in
    ],
)
def test_kvm_that_fails_ends_on_tcg_within_seconds_and_says_why(qemu: FakeQemu, fault: str, why: str) -> None:
    behave(qemu, {"kvm": fault, "tcg": "answer"})
    said: list[str] = []
    started_s = time.monotonic()
    report = probe(said)
    assert time.monotonic() - started_s < PATIENCE_S + 5
    assert (report.accelerator, report.cpu_model) == ("tcg", "max")
    assert report.reason.startswith("KVM does not work here: ")
    assert why in report.reason
    assert said[-1] == f"accelerator for x86_64: tcg ({report.reason})"
    assert qemu.boots == ["kvm", "tcg"]


def test_the_real_patience_with_kvm_is_seconds() -> None:
    assert accelerator._PROBE_S["kvm"] <= 10


@pytest.mark.parametrize(
    ("fault", "error", "what"),
    [
        ("abort", HostError, "QEMU did not start: .*MSR"),
        ("silent", DeadlinePassed, "a probe guest answers under tcg"),
        ("garbage", HostError, "does not speak sense.*what"),
        ("die", HostError, "ended without an answer under tcg"),
    ],
)
def test_when_nothing_boots_the_run_cannot_start(
    qemu: FakeQemu, monkeypatch: pytest.MonkeyPatch, fault: str, error: type[OomlabError], what: str
) -> None:
    monkeypatch.setattr(accelerator, "_PROBE_S", {"kvm": PATIENCE_S, "tcg": PATIENCE_S})
    behave(qemu, {"kvm": "abort", "tcg": fault})
    with pytest.raises(error, match=what):
        probe()
    assert not list(cache_dir().glob("probe/*")), "a failure must be tried again"


def test_the_evidence_of_a_dead_probe_guest_is_its_console(qemu: FakeQemu) -> None:
    behave(qemu, {"kvm": "abort", "tcg": "die"})
    with pytest.raises(HostError) as caught:
        probe()
    assert "Booting Linux" in "".join(caught.value.evidence)


def test_without_a_device_kvm_is_not_tried(
    qemu: FakeQemu, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "nothing")
    assert probe().reason == "there is no /dev/kvm"
    assert qemu.boots == ["tcg"]


def test_a_device_that_may_not_be_opened_is_not_tried(
    qemu: FakeQemu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "device_groups", lambda _: None)
    assert probe().reason == "/dev/kvm is closed to the user that guests run as"
    assert qemu.boots == ["tcg"]


def test_a_guest_of_another_architecture_is_emulated(qemu: FakeQemu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert probe().reason == "a aarch64 host emulates x86_64"
    assert qemu.boots == ["tcg"]


def test_the_answer_is_kept(qemu: FakeQemu) -> None:
    first = probe()
    said: list[str] = []
    assert probe(said) == first
    assert qemu.boots == ["kvm"]
    assert said == []


def test_another_qemu_version_is_probed_anew(qemu: FakeQemu) -> None:
    probe()
    qemu.version_text = "QEMU emulator version 9.0.1\n"
    behave(qemu, {"kvm": "abort", "tcg": "answer"})
    qemu_version.cache_clear()  # as a new process would find it
    report = probe()
    assert (report.accelerator, report.qemu_version) == ("tcg", "9.0.1")
    assert qemu.boots == ["kvm", "kvm", "tcg"]


def test_a_device_that_appears_is_probed_anew(
    qemu: FakeQemu, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device = tmp_path / "later"
    monkeypatch.setattr(accelerator, "KVM", device)
    monkeypatch.setattr(handover, "KVM", device)
    assert probe().accelerator == "tcg"
    device.touch()
    device.chmod(0o666)
    assert probe().accelerator == "kvm"


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b'{"accelerator": "hvf"}'])
def test_a_damaged_answer_is_asked_for_again(qemu: FakeQemu, damage: bytes) -> None:
    first = probe()
    (kept,) = cache_dir().glob("probe/*")
    kept.write_bytes(damage)
    assert probe().accelerator == first.accelerator
    assert qemu.boots == ["kvm", "kvm"]


def test_no_temporary_files_are_left(qemu: FakeQemu, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    behave(qemu, {"kvm": "silent", "tcg": "answer"})
    probe()
    assert not list((tmp_path / "tmp").iterdir())
    assert len(list((cache_dir() / "probe").iterdir())) == 1
