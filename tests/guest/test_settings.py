# SPDX-License-Identifier: Apache-2.0
"""Variants that differ in settings: each fork of one block has its own, and another command line a boot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

DEFRAG = "/sys/kernel/mm/transparent_hugepage/defrag"
TEXT = f"""
name: settings
device: {{arch: arm64, memory: 128MiB}}
variants:
  plain: {{base: debian-6.12}}
  low: {{base: debian-6.12, sysctls: {{vm.swappiness: 7}}, sysfs: {{{DEFRAG}: defer}}}}
  swap: {{base: debian-6.12, zram: 32MiB}}
  booted: {{base: debian-6.12, command_line: [nohz=on]}}
  none: {{base: debian-6.12, sysctls: {{vm.defrag_mode: 1}}}}
audit: false
trigger: {{kind: command, command: "cat /proc/sys/vm/swappiness {DEFRAG} /proc/swaps /proc/cmdline"}}
"""


def test_forks_of_one_block_have_settings_of_their_own(oomlab: Oomlab, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(TEXT)
    done = oomlab("run", tmp_path / "settings.yaml", "--out", tmp_path / "run")
    assert done.returncode == ExitCode.VERDICT_MISSING, done.stderr.decode()
    assert b"run the same binder_linux.ko" not in done.stderr
    entries = map(json.loads, (tmp_path / "run" / "journal.jsonl").read_text().splitlines())
    ended = [entry["result"] for entry in entries if entry["kind"] == "trial-ended"]
    results = {result["variant"]: result for result in ended}
    written = {
        name: [(each["name"], each["after"]) for each in result["settings"]]
        for name, result in results.items()
    }
    assert written["plain"] == written["none"] == written["booted"] == []
    assert written["low"] == [
        ("vm.swappiness", "7"),
        (DEFRAG, "always [defer] defer+madvise madvise never"),
    ]
    assert results["plain"]["output"]["end"].startswith("60\n")
    assert results["low"]["output"]["end"].startswith("7\nalways [defer] defer+madvise madvise never\n")
    swaps = {
        name: "/dev/zram0" in result["output"]["end"] for name, result in results.items() if result["output"]
    }
    assert swaps == {"plain": False, "low": False, "booted": False, "swap": True}
    assert [setting["after"] for setting in results["swap"]["settings"]] == ["32764 kB of swap"]
    assert " nohz=on " in results["booted"]["output"]["end"]
    assert " nohz=on " not in results["plain"]["output"]["end"]
    assert results["none"]["outcome"] == "harness-error"
    assert "vm.defrag_mode=1: this kernel has no such setting" in results["none"]["why"]
    assert (
        results["plain"]["fingerprint"] == results["low"]["fingerprint"] != results["booted"]["fingerprint"]
    )
