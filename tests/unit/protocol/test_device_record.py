# SPDX-License-Identifier: Apache-2.0
"""What an agent says of a device that is not its own."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from orchestrator.paths import resource_dir
from orchestrator.protocol.records import DeviceRecord, parse_record

LEAST = {
    "event": "device", "t_us": 1, "uid": 2000, "boot_id": "b", "binder_impl": "rust", "oom_score_adj": -950,
}  # fmt: skip


def device(**said: Any) -> DeviceRecord:
    record = parse_record(json.dumps({**LEAST, **said}).encode())
    assert isinstance(record, DeviceRecord)
    return record


def test_what_a_device_may_not_do_is_listed_by_its_words() -> None:
    record = device(lacks=["pagetypeinfo", "adj"], benchmarks=["/data/nativetest64/a/a"], lmkd=211)
    assert (record.lacks, record.lmkd) == (["pagetypeinfo", "adj"], 211)
    assert record.benchmarks == ["/data/nativetest64/a/a"]


def test_what_is_not_said_is_not_there() -> None:
    record = device()
    assert (record.lacks, record.swaps, record.binder_device, record.lmkd) == ([], "", "", 0)


@pytest.mark.parametrize("key", ["uid", "boot_id", "binder_impl", "oom_score_adj"])
def test_a_record_without_what_a_judge_needs_is_none(key: str) -> None:
    said = {name: value for name, value in LEAST.items() if name != key}
    with pytest.raises(ValueError, match=key):
        parse_record(json.dumps(said).encode())


def test_the_protocol_explains_each_word_that_the_agent_can_lack() -> None:
    guest = resource_dir("images") / "guest"
    table = re.search(r"names\[RIGHTS\] = \{(.*?)\}", (guest / "agent" / "rights.c").read_text(), re.DOTALL)
    assert table is not None
    words = re.findall(r'"(\w+)"', table[1])
    page = (guest / "PROTOCOL.md").read_text()
    _, _, explained = page.partition("| word of `lacks` |")
    assert words == re.findall(r"^\| `(\w+)` \|", explained, re.MULTILINE)
    assert len(words) >= 12
