# SPDX-License-Identifier: Apache-2.0
"""What other tests of Cuttlefish stand on: the real cvd, adb and adbd, and a launcher strict as Google's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import Completed, run
from tests.cuttlefish.fixture import devices_left
from tests.cuttlefish.lab import Lab
from tests.guest.built_kernel import built_kernel
from tests.guest.conftest import qemu_pids

pytestmark = pytest.mark.guest

NUMBER = 7
PORT = 6526
_GROUP = "--group_name=test_of_the_lab"
_COMMAND_S = 120.0


class Hand:
    """Calls cvd and adb as somebody does by hand, in a home of their own."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.lab = lab
        self.home = home
        self.environment = {
            "HOME": str(home),
            "ADB_SERVER_SOCKET": f"localfilesystem:{home / 'adb.sock'}",
            "PATH": os.environ["PATH"],
        }

    def run(self, *argv: str | Path) -> Completed:
        return run(
            argv,
            env=self.environment,
            deadline=Deadline.after(_COMMAND_S, f"{argv[0]} {argv[1]}"),
            check=False,
        )

    def cvd(self, *words: str) -> Completed:
        return self.run(self.lab.cvd, _GROUP, *words)

    def create(self, *flags: str) -> Completed:
        """`cvd create` with what every device of a test has, and `flags`."""
        return self.cvd(
            "create",
            f"--host_path={self.lab.host}",
            f"--product_path={self.lab.product}",
            f"--instance_nums={NUMBER}",
            "--report_anonymous_usage_stats=n",
            "--vm_manager=qemu_cli",
            "--run_adb_connector=false",
            "--resume=false",
            "--memory_mb=256",
            "--cpus=1",
            f"--kernel_path={built_kernel().image.file('vmlinuz')}",
            *flags,
        )

    def adb(self, *words: str) -> str:
        done = self.run(self.lab.adb, *words)
        return (done.stdout + done.stderr).decode()


@pytest.fixture
def hand(cvd_lab: Lab, tmp_path: Path) -> Iterator[Hand]:
    home = tmp_path / "h"
    home.mkdir()
    hand = Hand(cvd_lab, home)
    yield hand
    hand.run(cvd_lab.adb, "kill-server")
    hand.cvd("remove")
    assert devices_left(cvd_lab) == []


def test_a_device_is_created_spoken_to_stopped_and_removed(hand: Hand) -> None:
    created = hand.create("--extra_kernel_cmdline=binder.impl=c last=word")
    assert created.returncode == 0, created.stderr.decode()
    (instance,) = json.loads(created.stdout)["instances"]
    assert (instance["status"], instance["adb_port"]) == ("Running", PORT)
    assert f"connected to 127.0.0.1:{PORT}" in hand.adb("connect", f"127.0.0.1:{PORT}")
    said = hand.adb("shell", "cat /proc/cmdline; id -u; ls /dev/binderfs")
    assert " binder.impl=rust binder.impl=c last=word\n2000\n" in said
    assert "binder" in said.splitlines()
    assert hand.adb("root") == "restarting adbd as root\n"
    hand.adb("connect", f"127.0.0.1:{PORT}")
    assert hand.adb("shell", "id", "-u") == "0\n"
    log = hand.home / "cuttlefish" / "instances" / f"cvd-{NUMBER}" / "logs" / "kernel.log"
    assert b"VIRTUAL_DEVICE_BOOT_COMPLETED" in log.read_bytes()
    assert hand.cvd("stop", "--wait_for_launcher=40").returncode == 0
    assert qemu_pids() == []
    assert hand.cvd("remove").returncode == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--nosuchflag=1"], "ERROR: unknown command line flag 'nosuchflag'"),
        (["--resume=maybe"], "ERROR: illegal value 'maybe' specified for bool flag 'resume'"),
        (["--noenable_wifi"], "ERROR: boolean value (noenable_wifi) specified for string command line flag"),
        (["--vm_manager=foo"], '"foo" is not a valid Vmm.'),
        (["--cpus=9"], "CPUs must be no more than 8 with GICv2"),
        (["--boot_image=/x"], "Cannot pass both kernel_path/initramfs_path and image file paths"),
        (["--kernel_path=/bin/sh"], "Unknown target architecture"),
    ],
)
def test_the_launcher_refuses_what_the_real_one_refuses(hand: Hand, flags: list[str], words: str) -> None:
    refused = hand.create(*flags)
    assert refused.returncode == 255
    assert words in refused.stderr.decode()


def test_cvd_refuses_who_is_in_none_of_its_groups(hand: Hand) -> None:
    hand.lab.join_groups(False)
    refused = hand.create()
    assert refused.returncode == 255
    assert "Run `cvd setup` to configure the host." in refused.stderr.decode()  # of 1.55 and 1.57 alike
