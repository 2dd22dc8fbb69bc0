# SPDX-License-Identifier: Apache-2.0
"""A real control group with too little memory: the run ends in order before its limit, and goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from orchestrator.host.cgroup import find_place, limited_group
from orchestrator.outcome import Outcome
from orchestrator.record.journal import RunEnded, block_results, read_journal, trial_results
from orchestrator.units import KIB, MIB
from tests.guest.conftest import COMMAND_S, Oomlab

pytestmark = pytest.mark.guest

LIMIT = 700 * MIB
ENTER = 'for group in $1; do echo $$ >"$group/cgroup.procs"; done; shift; exec "$@"'


def test_a_control_group_is_never_filled_and_the_run_goes_on_outside_of_it(oomlab: Oomlab) -> None:
    """Guests of 1 GiB that pipes fill whole, in a group of 700 MiB."""
    place = find_place()
    if place is None:
        pytest.skip("no control group can be made by this user here")
    out = oomlab.directory / "run"
    scenario = (
        "run", "binder-order3", "--out", out, "--set", "device.memory=1GiB", "--set", "audit=false",
        "--set", "trials.blocks=1",
    )  # fmt: skip
    with limited_group(place, memory_bytes=LIMIT, processes=500) as group:
        assert group is not None
        groups = " ".join(map(str, dict.fromkeys((group.memory, group.pids))))
        with oomlab.started(*scenario, under=("bash", "-c", ENTER, "bash", groups)) as child:
            errors = child.stderr.read().decode() if child.stderr else ""
            assert child.wait(COMMAND_S) == ExitCode.COULD_NOT_RUN, errors
        assert group.exceeded() == ""
        assert peak_bytes(group.memory) < LIMIT
    assert "at worst a block and a fork of it would take 2304 MiB" in errors
    assert f"the guests were ended before the control group {group.memory} ran out of memory" in errors
    assert f"oomlab run --resume {out}" in errors
    entries = read_journal(out / "journal.jsonl")
    assert isinstance(entries[-1], RunEnded)
    assert entries[-1].reason == "failed"
    assert {result.outcome for result in trial_results(entries)} <= {Outcome.INTERRUPTED}

    assert oomlab("run", "--resume", out).returncode == ExitCode.MET
    sizes_kb = [result.host_memory_kb for result in block_results(read_journal(out / "journal.jsonl"))]
    assert sizes_kb[-1] is not None
    assert sizes_kb[-1] > 900 * 1024, "pipes touch all of it"


def test_a_phone_of_ballast_takes_a_part_of_its_size_and_runs_its_benchmarks(oomlab: Oomlab) -> None:
    """`benchmark-phone` with 2 GiB in place of 12, for time's sake."""
    completed = oomlab(
        "run", "benchmark-phone", "--out", "run", "--set", "trials.blocks=1", "--set", "audit=false",
        "--set", "device.memory=2GiB",
        "--set", "fragmentation.stressors=[{kind: ballast, size: 1500MiB}, pipes]",
    )  # fmt: skip
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    entries = read_journal(oomlab.directory / "run/journal.jsonl")
    (block,) = block_results(entries)
    assert block.host_memory_kb is not None
    assert block.host_memory_kb * KIB < 800 * MIB
    rows = [(row.when, row.name) for result in trial_results(entries) for row in result.benchmarks]
    names = [f"BM_sendVec_binder/{size}" for size in (4096, 8192, 16384, 32768, 65536)]
    assert sorted(rows) == sorted([(when, name) for when in ("relaxed", "target") for name in names] * 2)


def peak_bytes(group: Path) -> int:
    """The most that was in use; 0 where this kernel does not tell (version 2 before Linux 5.19)."""
    for name in ("memory.peak", "memory.max_usage_in_bytes"):
        if (group / name).exists():
            return int((group / name).read_text())
    return 0
