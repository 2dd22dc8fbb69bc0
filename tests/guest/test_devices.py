# SPDX-License-Identifier: Apache-2.0
"""A profile's zram is a swap area that is used, and gives back what was put there."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

# A file in memory that is larger than what is free, read back from its start and compared.
SWAPS = """\
name: swaps
device: {profile: extreme-512mb, memory: 96MiB}
variants: {base: {base: debian-6.1}}
audit: false
trigger:
  kind: command
  command: >-
    busybox mount -o remount,size=100% /tmp && busybox dd if=/dev/zero of=/tmp/x bs=1M count=56 &&
    busybox cmp -n 16777216 /tmp/x /dev/zero && echo came back whole
expectations: {base: {outcome: passed, vmstat: {pswpout: {min: 1000}, pswpin: {min: 1000}}}}
"""


def test_a_guest_swaps_to_the_zram_of_its_profile(oomlab: Oomlab) -> None:
    (oomlab.directory / "swaps.yaml").write_text(SWAPS)
    completed = oomlab("run", "swaps.yaml", "--out", "run")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    assert "came back whole" in Path(oomlab.directory, "run/trials/0001/output.log").read_text()
