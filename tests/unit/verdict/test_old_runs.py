# SPDX-License-Identifier: Apache-2.0
"""A run directory of earlier versions is read, and judged to the verdict that it was judged to then.

`run-format-1` is one of `binder-order3` with two blocks (journal format 1, protocol 3), of whose trials two
kept the records of their control line.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.protocol.former_names import renamed
from orchestrator.protocol.records import AuditEnd, Histogram, Latencies, TriggerEnd, parse_record
from orchestrator.report.formats.html.series import latencies_ns
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.verdict.judged_run import JudgedRun, load_judged_run

RECORDED = Path("tests/data/run-format-1")

FORMER: dict[str, dict[str, str]] = {
    "variants": {"mmaps": "requests"},
    "requests": {"ok": "succeeded", "unfinished": "in_flight"},
    "totals": {"mmaps": "made"},
}
"""By the place in a verdict, keys that have other names now."""
SENTENCES = {"words", "answer", "evidence", "open"}


@pytest.fixture
def old(tmp_path: Path) -> JudgedRun:
    shutil.copytree(RECORDED, tmp_path / "run")
    return load_judged_run(tmp_path / "run")


def with_names_of_today(data: Any, place: str = "") -> Any:
    if isinstance(data, list):
        return [with_names_of_today(each, place) for each in data]
    if not isinstance(data, dict):
        return data
    data = renamed(data, FORMER.get(place, {}))
    named = place == "variants"
    return {
        key: with_names_of_today(value, place if named and key not in ("requests",) else key)
        for key, value in data.items()
    }


def test_its_verdict_is_the_one_that_it_had(old: JudgedRun) -> None:
    then = with_names_of_today(json.loads((RECORDED / "verdict.json").read_text()))
    now = json.loads(old.verdict.model_dump_json())
    assert now["conclusion"] == "met"
    assert differences(then, now) == set()


def differences(then: Any, now: Any, path: str = "") -> set[str]:
    """Where what stood in a verdict stands there no more, or is something else; sentences may change."""
    if isinstance(then, dict) and isinstance(now, dict):
        return {
            each
            for key, value in then.items()
            if key not in SENTENCES
            for each in (differences(value, now[key], f"{path}.{key}") if key in now else {f"{path}.{key}"})
        }
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        pairs = enumerate(zip(then, now, strict=True))
        return {each for index, (a, b) in pairs for each in differences(a, b, f"{path}[{index}]")}
    return set() if then == now else {f"{path}: {then!r}, now {now!r}"}


def test_its_requests_are_mmaps_and_counted_as_they_were(old: JudgedRun) -> None:
    totals = {name: variant.requests for name, variant in old.verdict.variants.items()}
    assert {each.noun for each in totals.values()} == {"mmap"}
    assert (totals["kvcalloc"].succeeded, totals["kvcalloc"].failed) == (1200, 0)
    assert totals["kcalloc"].in_flight == 2
    assert all(result.page_arrays is not None for result in old.results if result.stage == "audit-trigger")
    assert old.manifest.scenario.expectations["kvcalloc"].requests_failed == 0


def test_its_records_are_read_by_their_former_names(old: JudgedRun) -> None:
    lines = (RECORDED / "trials/0003/control.jsonl").read_bytes().splitlines()
    records = [parse_record(line) for line in lines]
    (end,) = (record for record in records if isinstance(record, TriggerEnd))
    assert (end.succeeded, end.failed, end.in_flight) == (600, 0, 0)
    assert sum(len(record.latency_ns) for record in records if isinstance(record, Latencies)) == 600
    (traced,) = (result for result in old.results if result.directory == "0003")
    assert len(latencies_ns(old, traced)) == 600


def test_what_was_traced_is_read_by_its_former_names() -> None:
    audit = parse_record(b'{"event":"audit","t_us":5,"phase":"trigger","mmaps":600,"taken_kb":1308}')
    assert isinstance(audit, AuditEnd)
    assert audit.requests == 600
    table = parse_record(b'{"event":"requests","t_us":5,"phase":"trigger","table":"kmalloc","text":""}')
    assert isinstance(table, Histogram)


@pytest.mark.parametrize("name", FORMATS)
def test_every_report_can_be_made_of_it(old: JudgedRun, name: str) -> None:
    assert "succeeded" in render(old, name) or name in ("gbench", "json", "csv")
