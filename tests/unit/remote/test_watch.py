# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import HostError
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import BlockEnded, TrialEnded, read_journal
from orchestrator.record.manifest import RunManifest
from orchestrator.remote.watch import Preparation, Replay
from orchestrator.run.observer import GuestLabel, SilentObserver


class _Listener(SilentObserver):
    def __init__(self) -> None:
        self.said: list[str] = []

    def progress(self, text: str) -> None:
        self.said.append(text)

    def run_planned(self, blocks: int, trials: int) -> None:
        self.said.append(f"planned {blocks} {trials}")

    def guest_started(self, label: GuestLabel) -> None:
        self.said.append(f"started {label.name}")

    def block_ended(self, label: GuestLabel, result: object) -> None:
        self.said.append(f"ended {label.name}")

    def trial_ended(self, label: GuestLabel, result: object) -> None:
        self.said.append(f"ended {label.name}")


def test_a_journal_is_told_in_the_words_of_a_run_that_is_made_here(checkout: Path) -> None:
    run = RunDirectory(checkout / "tests/data/run-format-1")
    manifest = run.load(run.manifest, RunManifest)
    heard = _Listener()
    replay = Replay(manifest.scenario, heard)
    for line in run.journal.read_bytes().splitlines():
        replay.tell(line)
    ended = [each for each in read_journal(run.journal) if isinstance(each, BlockEnded | TrialEnded)]
    assert heard.said[0].startswith("planned ")
    assert len([word for word in heard.said if word.startswith("started")]) >= len(ended)
    assert len([word for word in heard.said if word.startswith("ended")]) == len(ended)


def test_what_is_no_journal_is_refused(checkout: Path) -> None:
    run = RunDirectory(checkout / "tests/data/run-format-1")
    replay = Replay(run.load(run.manifest, RunManifest).scenario, SilentObserver())
    for line in (b"", b"{", b'{"kind": "other"}', b'{"kind": "block-ended", "number": 1e999}'):
        with pytest.raises(HostError):
            replay.tell(line)


def test_words_of_the_preparation_end_where_the_journal_begins() -> None:
    heard = _Listener()
    told = Preparation(heard)
    for line in (b"probing\x1b[31m", b"", b"warning: \xff", b"planned: 8 trials", b"trial 1: passed"):
        told.tell(line)
    assert len(heard.said) == 2
    assert "\x1b" not in heard.said[0]
    assert told.over
