# SPDX-License-Identifier: Apache-2.0
"""A memory picture as it is printed."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from orchestrator.analysis.picture_table import picture_table
from orchestrator.report.picture import print_picture
from tests.unit.memory.pictures import PICTURE, guest


def printed(**meminfo_kb: int) -> list[str]:
    table = picture_table(PICTURE, [guest("trigger", 0, **meminfo_kb), guest("later", 1_000_000)])
    assert table is not None
    console = Console(file=StringIO(), width=80)
    print_picture(table, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [" ".join(row.split()) for row in text.splitlines()]


def test_report_and_guest_stand_side_by_side_within_a_terminal() -> None:
    rows = printed()
    assert rows[1] == "kB report guest off +1.0 s off"
    assert "active_file 175160 175104 -0.0 % 175104 -0.0 %" in rows
    assert "shadow_call_stack 21340 - -" in rows
    assert "blocks of order 0 3313 3242 -2.1 % 3242 -2.1 %" in rows


def test_what_a_guest_cannot_have_is_named_with_the_reason() -> None:
    rows = printed()
    assert "shadow_call_stack: no CONFIG_SHADOW_CALL_STACK in these kernels: in kernel_stack" in rows
    assert "high: as it falls: low + (low - min)" in rows
    assert "the guest's zones DMA and Normal together" in rows


def test_the_last_line_says_whether_it_is_right() -> None:
    assert "20 MB or more, min and low within 10 %" in printed()[-1]
    assert printed(SUnreclaim=1)[-1].endswith(
        "NOT every line of 20 MB or more, min and low within 10 %: slab_unreclaimable -100.0 %."
    )
