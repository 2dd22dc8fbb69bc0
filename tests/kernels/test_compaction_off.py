# SPDX-License-Identifier: Apache-2.0
"""What a kernel without compaction serves: its free blocks, and nothing beyond. It is built by hand alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import run

pytestmark = pytest.mark.kernels

_BUILD_S = 3600.0
_NEAR = 8
"""Blocks that come and go between the target and the trigger."""


def test_without_compaction_the_free_blocks_are_served_and_no_more(checkout: Path, tmp_path: Path) -> None:
    done = run(
        [
            sys.executable,
            "-m",
            "orchestrator",
            "run",
            "compaction-off",
            "--set",
            "trials.blocks=6",
            "--out",
            "run",
            "--json",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(checkout)},
        deadline=Deadline.after(_BUILD_S, "compaction-off"),
        check=False,
    )
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    beyond: dict[str, list[int]] = {"compaction": [], "none": [], "kvcalloc": []}
    for line in (tmp_path / "run/journal.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["kind"] == "trial-ended":
            result = entry["result"]
            served = result["requests"]["succeeded"]
            beyond[result["variant"]].append(served - result["target"]["usable_units"][3])
    assert all(abs(count) <= _NEAR for count in beyond["none"]), beyond
    assert all(count >= -_NEAR for count in beyond["compaction"]), beyond
    assert any(count > 10 * _NEAR for count in beyond["compaction"]), beyond
