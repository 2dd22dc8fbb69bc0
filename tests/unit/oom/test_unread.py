# SPDX-License-Identifier: Apache-2.0
"""What is in the text and was not understood is not said to be missing, and hostile lines cost no more."""

from __future__ import annotations

import time

import pytest

from orchestrator.oom.explain import outcome
from orchestrator.oom.reader import read_events
from orchestrator.oom.unread import looks_like
from orchestrator.report.oom import event_page
from tests.unit.oom.texts import memory_events

HEAD = "[    1.0] sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=2, oom_score_adj=0\n"
ZONE = "[    1.0] Normal free:1234kB min:12kB low:13kB high:14kB\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ZoneX free=1234kB min=12kB low=13kB", "the zones"),
        ("Normal: 4~4kB 5~8kB 6~16kB 7~32kB 8~64kB = 999kB", "free lists"),
        ("Oom killing process 55 because", "who died"),
        ("killed process: 7 sh", "who died"),
        ("usb 1-1: new device", None),
        ("Memory: 200000K/262144K available", None),
        ("oom_reaper: nothing killed", None),
    ],
)
def test_what_a_line_seems_to_show(text: str, what: str | None) -> None:
    assert looks_like(text) == what
    (event,) = memory_events(read_events(f"{HEAD}[    1.0] {text}\n".encode()))
    assert event.unread == ({} if what is None else {what: 2})


def test_it_is_said_apart_from_what_is_not_there() -> None:
    free_list = "[    1.0] Normal: 4~4kB 5~8kB 6~16kB 7~32kB 8~64kB = 999kB\n"
    text = f"{HEAD}{ZONE}{free_list}[    1.0] Killing process 5\n"
    (event,) = memory_events(read_events(text.encode()))
    said = "\n".join(event_page(event, "a.txt:1"))
    assert "in the text, but could not be read: free lists (line 3), who died (line 4)" in said
    assert "not in the text: the caller's pid, the kernel's release, the stack\n" in said
    assert outcome(event) == "Who was killed seems to stand in line 4, which could not be read."


@pytest.mark.parametrize(
    "line",
    [
        '{"a":"' + '\\"' * 8000,
        '{"a":' * 3200,
        '"a":' * 4000,
        "Normal free:" * 1300,
        "1_4kB " * 2600,
        "Normal: " + "14kB " * 3200 + "= 1kB",
        "a: page allocation failure: order:1 " * 440,
        "[1] 2 a-" * 28 + "Mem-Info:",
        "W(1) " + "  (" * 5000,
        "=3D" * 5000 + "gfp_mask=3D0x",
        "mode:0x1(" * 1700,
        ") from " * 2200,
    ],
    ids=range(12),
)
def test_a_hostile_line_takes_no_more_than_its_length(line: str) -> None:
    data = (HEAD + f"{line}\n" * 20).encode()
    began = time.process_time()
    read_events(data)
    assert time.process_time() - began < 3, "320 kB; a square of a line's length would be minutes"
