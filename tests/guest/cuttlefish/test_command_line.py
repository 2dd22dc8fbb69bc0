# SPDX-License-Identifier: Apache-2.0
"""Runs on devices from the command line, where cvd has a say before there is any device."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import Completed, run
from tests.cuttlefish.fixture import devices_left
from tests.cuttlefish.lab import Lab
from tests.guest.built_kernel import base_words, built_kernel
from tests.guest.conftest import qemu_pids

pytestmark = pytest.mark.guest

_COMMAND_S = 300.0
_SCENARIO = f"""
name: one-device
description: One trial on one device.
device: {{backend: cuttlefish, arch: arm64, memory: 256MiB, cpus: 1}}
variants:
  as-it-is: {{base: {base_words()}}}
fragmentation:
  target: {{usable_units: {{order: 3, max: 1000000}}}}
  stressors: [pipes]
trigger: {{kind: binder-mmap, size: 1MiB, count: 10, hold: true}}
trials: {{blocks: 1, seed: 1}}
audit: false
expectations:
  as-it-is: {{outcome: passed}}
"""


class Machine:
    """oomlab on the lab's machine, in a directory of its own."""

    def __init__(self, lab: Lab, checkout: Path, directory: Path) -> None:
        self.lab = lab
        self.directory = directory
        self.environment = {**lab.environment, "PYTHONPATH": str(checkout), "HOME": os.environ["HOME"]}
        if "OOMLAB_CACHE" in os.environ:
            self.environment["OOMLAB_CACHE"] = os.environ["OOMLAB_CACHE"]
        (directory / "one.yaml").write_text(_SCENARIO)

    def oomlab(self, *words: str) -> Completed:
        return run(
            [self.lab.entrance, sys.executable, "-P", "-m", "orchestrator", *words],
            cwd=self.directory,
            env=self.environment,
            deadline=Deadline.after(_COMMAND_S, f"oomlab {' '.join(words)}"),
            check=False,
        )

    def outcomes(self) -> list[str]:
        """Of all trials of the one run."""
        (journal,) = self.directory.glob("runs/one-device-*/journal.jsonl")
        records = [json.loads(line) for line in journal.read_text().splitlines()]
        return [record["result"]["outcome"] for record in records if record["kind"] == "trial-ended"]


@pytest.fixture
def machine(cvd_lab: Lab, checkout: Path, tmp_path: Path) -> Machine:
    built_kernel()
    return Machine(cvd_lab, checkout, tmp_path)


def test_a_run_says_what_took_part_and_leaves_nothing(machine: Machine) -> None:
    done = machine.oomlab("run", "one.yaml", "--verbose")
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    *again, last = machine.outcomes()
    assert (last, set(again) <= {"target-missed"}) == ("passed", True)  # where the host is busy
    said = (done.stdout + done.stderr).decode()
    for part in ("adb 34.", "VMM qemu_cli", "binder driver, asked of the device: C", "the agent ran as root"):
        assert part in said
    assert devices_left(machine.lab) == []
    assert qemu_pids() == []


def test_who_is_in_none_of_cvds_groups_is_told_so_before_any_trial(machine: Machine) -> None:
    if "1.55" in machine.lab.version:
        pytest.skip("CVD 1.55 DOES NOT LOOK AT GROUPS")
    machine.lab.join_groups(False)
    done = machine.oomlab("run", "one.yaml")
    said = done.stderr.decode()
    assert done.returncode == 3
    assert "cvd refuses this host" in said
    assert "sudo usermod --append --groups kvm,cvdnetwork,render $USER" in said
    assert not list(machine.directory.glob("runs/*/trials/*"))
    assert devices_left(machine.lab) == []
