# SPDX-License-Identifier: Apache-2.0
"""What a guest that breaks out of its emulator finds itself to be: nobody, without any right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.files.folder import Folder
from orchestrator.guests.qemu.guest import power_on
from orchestrator.guests.qemu.machine import MACHINES, Boot, kernel_command_line
from orchestrator.kernels.images import prepare_probe
from orchestrator.protocol.recipe import probe_recipe
from orchestrator.units import MIB

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def boot() -> Boot:
    images = prepare_probe("arm64", progress=lambda _: None)
    recipe = probe_recipe(MACHINES["arm64"].control_tty)
    line = kernel_command_line("arm64", cma_bytes=0, extra=(), recipe=recipe)
    return Boot("arm64", 256 * MIB, 1, images.kernel, images.initramfs, line, "tcg")


def status_of_qemu(boot: Boot, log: Path) -> dict[str, str]:
    def ignored(_: bytes) -> None:
        """Nothing is read from the guest."""

    with (
        Folder(log.parent).create(log.name) as file,
        power_on(
            boot, log=file, console_sink=ignored, control_sink=ignored,
            deadline=Deadline.after(60, "a guest"),
        ) as guest,
    ):  # fmt: skip
        rows = (
            line.partition(":") for line in Path(f"/proc/{guest.child.pid}/status").read_text().splitlines()
        )
        status = {name: value.strip() for name, _, value in rows}
        status["environment"] = Path(f"/proc/{guest.child.pid}/environ").read_text()
        assert guest.private_memory_kb() > 0
    return status


def test_the_emulator_is_nobody_without_rights(
    boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://user:password@proxy")
    status = status_of_qemu(boot, tmp_path / "log")
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "password" not in status["environment"]
    if os.geteuid() == 0:
        assert "0" not in (status["Uid"].split() + status["Gid"].split() + status["Groups"].split())
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[name], 16) == 0


def test_files_that_only_root_may_read_boot_all_the_same(boot: Boot, tmp_path: Path) -> None:
    """As a cache made under `umask 077`."""
    closed = tmp_path / "vmlinuz"
    closed.write_bytes(boot.kernel.read_bytes())
    closed.chmod(0o600)
    hidden = Boot(boot.arch, boot.memory_bytes, boot.cpus, closed, boot.initramfs, boot.command_line, "tcg")
    assert status_of_qemu(hidden, tmp_path / "log")["NoNewPrivs"] == "1"
