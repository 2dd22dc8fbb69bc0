# SPDX-License-Identifier: Apache-2.0
"""What memory was used for, from whichever lines a kernel prints it in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.oom.reader import read_events
from orchestrator.oom.usage import NAMES, Usage
from tests.unit.oom.texts import ROOT, console, memory_events

MAIL = ROOT / "tests" / "data" / "mails" / "kvcalloc-quoted.txt"


def test_a_quoted_and_wrapped_report_is_read_line_by_line() -> None:
    (event,) = memory_events(read_events(MAIL.read_bytes()))
    assert event.usage_kb == {
        "active_anon": 188384,
        "inactive_anon": 231708,
        "active_file": 175160,
        "inactive_file": 177736,
        "unevictable": 58772,
        "slab_reclaimable": 4 * 21676,
        "slab_unreclaimable": 4 * 81771,
        "pagetables": 133468,
        "kernel_stack": 84960,
        "shadow_call_stack": 21340,
        "mapped": 337940,
        "shmem": 17100,
        "free_cma": 44,
    }


def test_a_console_is_read_with_its_totals_over_several_lines() -> None:
    usage = memory_events(read_events(console("6.1-arm64-binder-order3")))[0].usage_kb
    assert (usage["slab_reclaimable"], usage["slab_unreclaimable"]) == (10548, 16264)
    assert (usage["active_anon"], usage["kernel_stack"]) == (260, 736)
    assert set(usage) == set(NAMES) - {"shadow_call_stack"}


def test_nodes_are_summed_and_win_over_totals_and_zones() -> None:
    usage = Usage()
    usage.totals("active_anon:10 slab_reclaimable:7")
    usage.zone("Node 0 DMA free:1kB active_anon:5kB pagetables:6kB")
    usage.zone("Node 0 Normal free:1kB active_anon:5kB pagetables:6kB")
    usage.node("Node 0 active_anon:100kB")
    usage.node("Node 1 active_anon:11kB")
    assert usage.kb(4) == {"active_anon": 111, "slab_reclaimable": 28, "pagetables": 12}


def test_totals_do_not_count_where_the_size_of_a_page_is_unknown() -> None:
    usage = Usage()
    usage.totals("active_anon:10 slab_reclaimable:7")
    assert usage.kb(None) == {}


def test_lines_with_like_names_are_not_taken_for_others() -> None:
    usage = Usage()
    usage.node("Node 0 sec_pagetables:8kB shmem_thp: 0kB isolated(anon):4kB pagetables:2kB")
    assert usage.kb(4) == {"pagetables": 2}


@given(st.lists(st.tuples(st.sampled_from(["totals", "node", "zone"]), st.text(max_size=80)), max_size=8))
def test_any_text_is_survived(lines: list[tuple[str, str]]) -> None:
    usage = Usage()
    for method, text in lines:
        getattr(usage, method)(text)
    assert all(value >= 0 for value in usage.kb(4).values())
