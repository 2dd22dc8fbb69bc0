# SPDX-License-Identifier: Apache-2.0
"""The journal reads back what was appended, whatever happened to its end."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from orchestrator.errors import HostError, InputError
from orchestrator.record.journal import (
    Entry,
    Journal,
    RunEnded,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialStarted,
    open_journal,
    read_journal,
    trial_results,
)  # fmt: skip
from tests.unit.evidence.guest_output import OOM_CONSOLE, hello, judged, passed, trigger_start


def entries() -> list[Entry]:
    return [
        RunStarted(scenario="x", planned=2),
        TrialStarted(trial=1, block=1, variant="kcalloc", attempt=1),
        TrialEnded(result=judged([hello(), trigger_start()], OOM_CONSOLE)),
        TrialEnded(result=judged(passed(), trial=2)),
        RunEnded(reason="finished"),
    ]


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written = entries()
    with open_journal(path) as journal:
        for entry in written:
            journal.append(entry)
    assert read_journal(path) == written
    assert [result.trial for result in trial_results(written)] == [1, 2]


def test_a_cut_off_last_line_is_dropped_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with open_journal(path) as journal:
        for entry in entries():
            journal.append(entry)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        assert read_journal(path) == entries_of(whole[:length].count(b"\n"), whole, tmp_path)


def entries_of(count: int, whole: bytes, tmp_path: Path) -> list[Entry]:
    path = tmp_path / "reference.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in whole.split(b"\n")[:count]))
    return read_journal(path)


def test_a_cut_off_last_line_is_taken_off_before_anything_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with open_journal(path) as journal:
        for entry in entries():
            journal.append(entry)
    whole, resumed = path.read_bytes(), RunResumed(oomlab_version="1", missing=2)
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        before = read_journal(path)
        with open_journal(path) as journal:
            journal.append(resumed)
        assert read_journal(path) == [*before, resumed]


def test_only_one_process_writes_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with open_journal(path), pytest.raises(InputError, match="another oomlab is at work"), open_journal(path):
        pass
    with open_journal(path):
        pass


def test_a_record_that_does_not_fit_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "journal.jsonl", os.write
    first, second = RunStarted(scenario="x", planned=1), RunEnded(reason="failed")

    def half(descriptor: int, data: bytes) -> int:
        write(descriptor, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with open_journal(path) as journal:
        journal.append(first)
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", half)
            with pytest.raises(HostError, match="No space left"):
                journal.append(first)
        journal.append(second)
    assert read_journal(path) == [first, second]


def test_a_journal_of_later_times_is_refused_as_such(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"kind": "run-started", "format": 3, "what": "we cannot know"}\n')
    with pytest.raises(InputError, match="has format 3; this oomlab knows formats up to 2"):
        read_journal(path)


def test_garbage_in_the_middle_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"kind": "run-ended", "time": "2026-01-01T00:00:00Z", "reason": "finished"}\nnonsense\n')
    with pytest.raises(InputError, match=r"journal\.jsonl:2: no journal record"):
        read_journal(path)


def test_a_missing_journal(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_journal(tmp_path / "journal.jsonl")


def test_a_full_disk_is_told() -> None:
    full = os.open("/dev/full", os.O_RDWR)
    with pytest.raises(HostError, match="No space left"):
        Journal(full).append(RunStarted(scenario="x", planned=1))
    os.close(full)
