# SPDX-License-Identifier: Apache-2.0
"""What a trial's result says of a device that is not the agent's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.evidence.device_facts import DEVICE_LOG, count_lmkd_kills, device_facts
from orchestrator.evidence.evidence import Evidence
from orchestrator.files.folder import Folder
from orchestrator.outcome import Outcome
from orchestrator.run.trial import lmkd_kills
from tests.unit.evidence.guest_output import hello, judged, passed, record

SWAPS = "Filename\t\t\tType\t\tSize\tUsed\tPriority\n/dev/block/zram0 partition\t393212\t0\t-2\n"
DEVICE = record(
    "device", uid=2000, boot_id="b", binder_impl="rust", oom_score_adj=-950, lmkd=211, swaps=SWAPS,
    lacks=["pagetypeinfo"],
)  # fmt: skip
LOG = b"""\
11-30 22:00:00.123   211   211 I lowmemorykiller: Kill 'com.example.app' (4321), uid 101, oom_score_adj 900
11-30 22:00:00.125   211   211 I lowmemorykiller: Reclaimed 51200kB at oom_score_adj 900
11-30 22:00:01.000   999   999 I Zygote  : Process 4321 exited due to signal 9 (Killed)
11-30 22:00:02.123   211   211 I lowmemorykiller: Kill 'com.example.other' (4400), uid 102, oom_score_adj 950
"""


def test_a_guest_of_the_agents_own_has_no_such_facts() -> None:
    assert judged(passed()).device is None


def test_what_the_agent_found_is_kept() -> None:
    facts = judged([hello(), DEVICE, *passed()[1:]]).device
    assert facts is not None
    assert (facts.root, facts.binder_impl, facts.unkillable, facts.lmkd) == (False, "rust", False, True)
    assert (facts.lacks, facts.swap_kb) == (("pagetypeinfo",), {"/dev/block/zram0": 393212})
    assert facts.lmkd_kills is None


def test_kills_by_lmkd_are_counted_from_its_own_words_and_change_no_outcome() -> None:
    assert count_lmkd_kills(LOG) == 2
    result = judged([hello(), DEVICE, *passed()[1:]])
    assert (result.outcome, result.oom_events) == (Outcome.PASSED, 0)
    told = device_facts(Evidence(control=[DEVICE], lmkd_kills=2))
    assert told is not None
    assert told.lmkd_kills == 2


def test_the_log_is_the_one_in_the_trials_directory(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert lmkd_kills(folder) is None
    for log, kills in ((b"", None), (b"11-30 22:00:00.123   1   1 I init    : up\n", 0), (LOG, 2)):
        (tmp_path / DEVICE_LOG).write_bytes(log)
        assert lmkd_kills(folder) == kills


@pytest.mark.parametrize("log", [b"", b"\xff\xfe\x00 lowmemorykiller: Kill '", LOG[:60]])
def test_a_log_that_says_nothing_counts_nothing(log: bytes) -> None:
    assert count_lmkd_kills(log) == 0
