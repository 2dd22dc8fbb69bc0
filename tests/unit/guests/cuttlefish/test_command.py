# SPDX-License-Identifier: Apache-2.0
"""The command lines of cvd are words that every version understands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.guests.cuttlefish import command
from orchestrator.guests.cuttlefish.command import DevicePlan

PLAN = DevicePlan(
    host_path=Path("/cf"), product_path=Path("/images"), kernel=Path("/k/Image"), cpus=2, memory_mib=2048,
    kernel_words=("binder.impl=c", "slub_max_order=0"),
)  # fmt: skip


def flags_of(plan: DevicePlan) -> dict[str, str]:
    words = command.create(plan, "oomlab_ab", 3)
    assert words[:3] == ["cvd", "--group_name=oomlab_ab", "create"]
    # Never --name, --noname, nor a word alone.
    assert all(word.startswith("--") and "=" in word for word in words[3:])
    return dict(word.removeprefix("--").split("=", 1) for word in words[3:])


def test_a_device_is_created_as_it_was_planned() -> None:
    flags = flags_of(PLAN)
    assert flags["host_path"] == "/cf"
    assert flags["product_path"] == "/images"
    assert flags["instance_nums"] == "3"
    assert flags["kernel_path"] == "/k/Image"
    assert flags["extra_kernel_cmdline"] == "binder.impl=c slub_max_order=0"
    assert (flags["cpus"], flags["memory_mb"]) == ("2", "2048")
    assert "initramfs_path" not in flags  # empty ones are errors
    assert "vm_manager" not in flags  # then Cuttlefish chooses


def test_nothing_of_an_earlier_device_or_of_the_users_adb_is_touched() -> None:
    flags = flags_of(PLAN)
    assert (flags["resume"], flags["run_adb_connector"], flags["daemon"]) == ("false", "false", "true")


def test_the_users_flags_win_over_what_only_makes_a_device_quiet() -> None:
    flags = flags_of(replace(PLAN, flags={"gpu_mode": "none", "enable_wifi": "true"}))
    assert (flags["gpu_mode"], flags["enable_wifi"]) == ("none", "true")


def test_the_balloon_is_crosvms() -> None:
    assert flags_of(replace(PLAN, vmm="crosvm"))["crosvm_use_balloon"] == "false"
    assert "crosvm_use_balloon" not in flags_of(replace(PLAN, vmm="qemu_cli"))


def test_stop_and_remove_always_name_their_group() -> None:
    assert command.stop("g") == ["cvd", "--group_name=g", "stop", "--wait_for_launcher=40"]
    assert command.remove("g") == ["cvd", "--group_name=g", "remove"]


def test_commands_by_hand_are_for_a_shell() -> None:
    plan = replace(PLAN, kernel=Path("/my kernels/Image"))
    lines = command.by_hand(plan, "g", 1, "/tmp/h")
    assert lines[0] == "mkdir -p /tmp/h"
    assert lines[1].startswith("HOME=/tmp/h cvd --group_name=g create --host_path=/cf ")
    assert "'--kernel_path=/my kernels/Image'" in lines[1]
    assert [line.split()[3] for line in command.end_by_hand("g", "/tmp/h")] == ["stop", "remove"]
