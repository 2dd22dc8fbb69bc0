# SPDX-License-Identifier: Apache-2.0
"""A device can be started by hand with what a dry run prints."""

from __future__ import annotations

import shlex
from pathlib import Path

from orchestrator.guests.cuttlefish.command import DevicePlan
from orchestrator.guests.cuttlefish.guest import DeviceBoot
from orchestrator.guests.cuttlefish.launcher import CuttlefishLauncher

PLAN = DevicePlan(
    host_path=Path("/cf"), product_path=Path("/cf"), kernel=Path("/k/Image"), cpus=2, memory_mib=2048,
)  # fmt: skip
RECIPE = "oomlab.protocol=4 oomlab.units=3::300"


def commands(*, root: bool = True) -> list[list[str]]:
    boot = DeviceBoot(PLAN, Path("/a/agent"), RECIPE, boot_s=60.0, root=root)
    return [shlex.split(command) for command in CuttlefishLauncher(boot).commands]


def test_the_commands_go_from_a_home_to_the_removal_of_the_device() -> None:
    words = commands()
    assert words[0][0] == "mkdir"
    assert "create" in words[1]
    assert "--kernel_path=/k/Image" in words[1]
    assert words[2][:3] == ["printf", "%s\\n", RECIPE]
    assert words[3] == ["adb", "connect", "127.0.0.1:6520"]
    assert words[4] == ["adb", "-s", "127.0.0.1:6520", "root"]
    assert words[6] == words[3]
    assert [line[3] for line in words[7:-2]] == ["shell", "push", "push", "shell", "shell"]
    assert ["stop" in words[-2], "remove" in words[-1]] == [True, True]


def test_root_is_asked_for_where_the_scenario_wants_it() -> None:
    assert not any("root" in line for line in commands(root=False))
