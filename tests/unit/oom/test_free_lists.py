# SPDX-License-Identifier: Apache-2.0
"""Free lists out of pages whose markup took the asterisks say what the kernel printed."""

from __future__ import annotations

import re

import pytest

from orchestrator.oom.free_lists import with_asterisks
from orchestrator.oom.reader import read_events
from tests.unit.oom.texts import console, essence

LISTS = (
    "Normal: 486*4kB 46*8kB 2*16kB 0*32kB 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = 2344kB",
    "Node 0 DMA32: 8061*4kB (UME) 5*8kB (U) 0*16kB 3*32kB (M) 1*64kB (E) = 32444kB",
    "Node 1 Normal: 11*64kB (U) 0*128kB 44*256kB (UM) 1*512kB (M) = 12480kB",
)


@pytest.mark.parametrize("text", LISTS)
@pytest.mark.parametrize("sign", ["_", "x", "X", "\\*", "**", "\u00d7", "\u2217", "_ ", "* ", ""])
def test_another_sign_and_none_at_all(text: str, sign: str) -> None:
    if sign != "* ":
        assert with_asterisks(text.replace("*", sign)) == text


@pytest.mark.parametrize("text", LISTS)
def test_what_no_sum_proves_stays_as_it_is(text: str) -> None:
    wrong = re.sub(r"= \d+kB", "= 7kB", text).replace("*", "")
    assert with_asterisks(wrong) == wrong


@pytest.mark.parametrize(
    "text", ["", "486_4kb", "free:486kB min_4kB", "0x4kB_", "pgtables:4kB oom_score", *LISTS]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert with_asterisks(text) == text


@pytest.mark.parametrize("sign", [b"_", b"x", b"\\*", b""])
@pytest.mark.parametrize("name", ["6.1-arm64-oom", "6.12-arm64-two-nodes", "6.1-arm64-binder-order3"])
def test_a_report_says_the_same(name: str, sign: bytes) -> None:
    data = console(name)
    assert essence(read_events(re.sub(rb"(?<=\d)\*(?=\d+kB)", sign, data))) == essence(read_events(data))
