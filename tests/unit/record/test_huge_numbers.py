# SPDX-License-Identifier: Apache-2.0
"""Integers that no counter could hold are refused at every door of a run directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.files.json_numbers import HugeNumberError, require_64_bits
from orchestrator.protocol.records import parse_record
from orchestrator.record.journal import read_journal
from orchestrator.verdict.judged_run import load_judged_run
from tests.unit.report.factory import run_directory

HUGE = 10**400


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, HUGE, -HUGE])
def test_what_no_counter_holds_is_refused(number: int) -> None:
    with pytest.raises(HugeNumberError, match="64 bits"):
        require_64_bits(b'{"a": [1, {"b": %d}]}' % number)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": %d, "b": %d}' % (2**64 - 1, -(2**63)),
        b'{"text": "%d"}' % HUGE,
        b"no JSON: %d" % HUGE,
        b"[" * 100_000 + b"1" * 30,
        b"\xff" + b"1" * 30,
        b"1.5e300, 0.%d" % HUGE,
    ],
)
def test_counters_text_and_what_is_no_json_pass(data: bytes) -> None:
    require_64_bits(data)


def test_a_journal_with_one_is_refused_with_its_line(tmp_path: Path) -> None:
    journal = run_directory(tmp_path / "run").journal
    lines = journal.read_bytes().splitlines()
    record = json.loads(lines[2])
    record["result"]["wall_s" if "wall_s" in record["result"] else "number"] = HUGE
    journal.write_bytes(b"\n".join([*lines[:2], json.dumps(record).encode(), *lines[3:], b""]))
    with pytest.raises(InputError, match=r"journal\.jsonl:3: no journal record: an integer of more than 64"):
        read_journal(journal)


def test_a_manifest_with_one_is_refused(tmp_path: Path) -> None:
    manifest = run_directory(tmp_path / "run").manifest
    manifest.write_text(manifest.read_text().replace('"seed": 1', f'"seed": {HUGE}', 1))
    with pytest.raises(InputError, match=r"manifest\.json cannot be read: an integer of more than 64"):
        load_judged_run(tmp_path / "run")


def test_a_guest_cannot_record_one() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        parse_record(b'{"event":"phase","phase":"pressure","time_us":%d}' % HUGE)
