# SPDX-License-Identifier: Apache-2.0
"""The report's figures and the guest's own, line by line."""

from __future__ import annotations

import pytest

from orchestrator.analysis.picture_table import PictureLine, PictureTable, picture_table
from orchestrator.scenario.models import Picture
from tests.unit.memory.pictures import PICTURE, guest


def made(picture: Picture = PICTURE, **meminfo_kb: int) -> PictureTable:
    samples = [guest("trigger", 20_000_000, **meminfo_kb), guest("later", 21_043_000, MemFree=160900)]
    table = picture_table(picture, samples)
    assert table is not None
    return table


def line(name: str, table: PictureTable | None = None) -> PictureLine:
    (found,) = (line for line in (table or made()).lines if line.name == name)
    return found


def test_lines_stand_in_the_order_of_a_report() -> None:
    names = [line.name for line in made().lines]
    assert names == [
        "active_anon", "active_file", "slab_unreclaimable", "kernel_stack", "shadow_call_stack", "shmem",
        "free", "min", "low", "high", "order 0", "order 1", "order 2", "order 3",
    ]  # fmt: skip


def test_a_line_has_both_moments_and_how_far_off_they_are() -> None:
    found = line("free")
    assert (found.wanted, found.start, found.start_percent) == (15612, 15240, -2.4)
    assert (found.later, found.later_percent) == (160900, 930.6)
    assert made().later_s == 1.04, "in hundredths"


def test_shadow_call_stacks_are_ordinary_ones_and_that_is_said() -> None:
    assert (line("kernel_stack").wanted, line("kernel_stack").start) == (106300, 106304)
    shadow = line("shadow_call_stack")
    assert (shadow.wanted, shadow.start, shadow.start_percent) == (21340, None, None)
    assert "CONFIG_SHADOW_CALL_STACK" in (shadow.remark or "")


def test_figures_are_of_the_node_not_of_a_zone() -> None:
    assert made().zones == ("DMA", "Normal")
    assert (line("min").start, line("low").start, line("high").start) == (8188, 42464, 76740)
    assert line("order 0").start == 3242


def test_high_is_shown_and_not_judged() -> None:
    assert line("high").start_percent == 66.2
    assert not line("high").judged
    assert made().met
    assert (made().worst, made().worst_percent) == ("slab_unreclaimable", 0.5)


def test_small_lines_are_shown_and_not_judged() -> None:
    assert line("shmem").start_percent == 20.0
    assert not line("shmem").judged


def test_a_large_line_that_is_off_is_named() -> None:
    table = made(SUnreclaim=250_000)
    assert not table.met
    assert (table.worst, table.worst_percent) == ("slab_unreclaimable", -23.6)


def test_without_a_look_at_the_start_there_is_no_table() -> None:
    assert picture_table(PICTURE, [guest("target", 1), guest("later", 2)]) is None


def test_a_guest_that_went_away_before_the_second_look_has_the_first() -> None:
    table = picture_table(PICTURE, [guest("trigger", 1)])
    assert table is not None
    assert table.later_s is None
    assert line("free", table).later is None


def wanting(**sizes: str) -> Picture:
    return Picture.model_validate(sizes)


@pytest.mark.parametrize(("kb", "judged"), [(19_999, False), (20_000, True), (20_001, True)])
def test_from_20_mb_on_a_line_is_judged(kb: int, judged: bool) -> None:
    assert line("active_anon", made(wanting(active_anon=f"{kb}KiB"))).judged is judged


@pytest.mark.parametrize(
    ("active_anon_kb", "met"),
    [(109_900, True), (110_000, True), (110_100, False), (90_000, True), (89_900, False)],
)
def test_a_judged_line_is_met_within_a_tenth(active_anon_kb: int, met: bool) -> None:
    samples = [guest("trigger", 1)]
    samples[0] = samples[0].model_copy(update={"meminfo_kb": {"Active(anon)": active_anon_kb}})
    table = picture_table(wanting(active_anon="100000KiB"), samples)
    assert table is not None
    assert table.met is met


def test_remarks_stand_only_where_a_guest_cannot_have_the_line() -> None:
    assert {line.name: line.remark for line in made().lines if line.remark} == {
        "kernel_stack": "with 21340 kB of shadow_call_stack",
        "shadow_call_stack": "no CONFIG_SHADOW_CALL_STACK in these kernels: in kernel_stack",
        "high": "as it falls: low + (low - min)",
    }
    assert not line("shadow_call_stack").judged


def test_orders_that_the_guest_does_not_show_have_no_blocks() -> None:
    table = made(Picture.model_validate({"free_blocks": [0] * 5 + [1, 1, 1]}))
    assert [line(f"order {order}", table).start for order in range(8)] == [3242, 146, 41, 14, 0, 0, 0, 0]
    assert {line.unit for line in table.lines if line.name.startswith("order")} == {"blocks"}


def test_the_time_between_the_looks_is_in_seconds_of_the_guest() -> None:
    table = picture_table(PICTURE, [guest("trigger", 0), guest("later", 9_000_000_000)])
    assert table is not None
    assert table.later_s == 9000.0
