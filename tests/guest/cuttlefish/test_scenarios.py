# SPDX-License-Identifier: Apache-2.0
"""A shipped scenario on devices of the real cvd, as a user runs it, and what its reports say of them."""

from __future__ import annotations

import json
import re

import pytest

from orchestrator.errors import ExitCode
from tests.cuttlefish.fixture import devices_left
from tests.cuttlefish.lab import Lab
from tests.guest.built_kernel import built_kernel
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest


@pytest.fixture
def on_devices(oomlab: Oomlab, cvd_lab: Lab) -> Oomlab:
    """The command line on a machine whose Cuttlefish is the lab's."""
    built_kernel()  # from nothing it takes longer than a command may
    oomlab.environment |= cvd_lab.environment
    return oomlab


def test_the_mails_question_is_answered_on_devices(on_devices: Oomlab, cvd_lab: Lab) -> None:
    done = on_devices("run", "cuttlefish-binder", "--set", "trials.blocks=1", "--out", "run", "--json")
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    verdict = json.loads(done.stdout)
    (one,) = verdict["passes"]
    assert (one["cold"], one["paired"], one["boots"]) == (True, False, 4)
    assert one["variants"]["kcalloc"]["first_oom"]["order"] == 3
    assert "__GFP_NORETRY" not in "".join(one["variants"]["kcalloc"]["gfp_flags"])
    assert one["variants"]["kvcalloc"]["fell_back"] > 0
    assert one["device"]["doubts"] == []
    facts = "\n".join(one["device"]["facts"])
    for words in ("binder driver, asked of the device: C", "as root", "cvd", "adb", "no lmkd"):
        assert words in facts
    lines = (on_devices.directory / "run/journal.jsonl").read_text().splitlines()
    devices = [
        entry["result"]["device"] for entry in map(json.loads, lines) if entry["kind"] == "trial-ended"
    ]
    assert len({device["boot_id"] for device in devices}) == 4
    report = on_devices("report", "run", "--format", "markdown").stdout.decode()
    assert "cold and unpaired, since such devices take no snapshots" in re.sub(r"\\", "", report)
    assert devices_left(cvd_lab) == []
