# SPDX-License-Identifier: Apache-2.0
"""Warnings come where a scenario could not fail, and stay away where it is meant to survive."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.binder import KernelFigures, page_array_order
from orchestrator.scenario.loading.loader import advised
from orchestrator.units import KIB, MIB
from tests.unit.scenario.conftest import GOOD, Load


@pytest.mark.parametrize(
    ("mapping", "page", "order"),
    [
        (4 * KIB, 4 * KIB, 0),
        (128 * KIB, 4 * KIB, 0),
        (1 * MIB - 8 * KIB, 4 * KIB, 1),
        (1 * MIB, 4 * KIB, 1),
        (1 * MIB + 1, 4 * KIB, 2),
        (2 * MIB, 4 * KIB, 2),
        (2 * MIB + 4 * KIB, 4 * KIB, 3),
        (4 * MIB - 8 * KIB, 4 * KIB, 3),
        (4 * MIB, 4 * KIB, 3),
        (64 * MIB, 4 * KIB, 3),
        (4 * MIB, 16 * KIB, 0),
        (64 * MIB, 16 * KIB, 0),
    ],
)
def test_the_order_of_a_page_array(mapping: int, page: int, order: int) -> None:
    assert page_array_order(mapping, KernelFigures(page)) == order


def warnings(load: Load, *sets: str, text: str = GOOD) -> list[str]:
    return [warning.what for warning in load(text, sets).warnings]


@pytest.mark.parametrize(
    ("sets", "what"),
    [
        (["trigger.count=300"], "the target may leave 300 usable units of order 3 and the trigger needs 300"),
        (["trigger.hold=false"], "the trigger needs 1 of order 3 at a time"),
        (["trigger.size=1016KiB"], "may leave 32768 usable units of order 1"),
        (["trigger.size=64KiB"], "takes single pages in variant 'kcalloc'"),
        (["fragmentation=null"], "memory is not fragmented"),
        (["fragmentation.target.usable_units={order: 3, min: 5}"], "may leave 8192 usable units of order 3"),
        (["fragmentation.target.usable_units={order: 4, max: 1}"], "may leave 8192 usable units of order 3"),
        (["variants.kcalloc.base=debian-6.12-16k"], "takes single pages"),
        (["expectations={}", "trigger.count=300"], "variant 'kcalloc' could not fail"),
    ],
)
def test_what_could_not_fail_is_warned_about(load: Load, sets: list[str], what: str) -> None:
    found = [each for each in warnings(load, *sets) if "no OOM of order 3 comes of it" not in each]
    assert len(found) == 1
    assert what in found[0]


@pytest.mark.parametrize(
    "sets",
    [
        ["trigger.count=301"],
        # At most 2,000 units of order 1 are at most 500 of order 3; and 16 MiB hold 512.
        ["fragmentation.target.usable_units={order: 1, max: 2000}"],
        [
            "fragmentation.target.usable_units={order: 4, max: 1}",
            "fragmentation.target.free={min: 8MiB, max: 16MiB}",
        ],
        # Nobody is expected to fail: a control.
        ["expectations.kcalloc={oom: never}", "trigger.count=1"],
        ["trigger={kind: command, command: 'true'}"],
    ],
)
def test_what_could_fail_or_is_not_meant_to_is_not(load: Load, sets: list[str]) -> None:
    assert warnings(load, *sets) == []


def test_a_comparison_of_a_patch_that_could_not_fail_is_warned_about(load: Load, tmp_path: Path) -> None:
    (warning,) = load(GOOD, ["trigger.count=10"], [tmp_path / "mine.patch"]).warnings
    assert "variant 'base' could not fail" in warning.what
    assert warning.file == str(tmp_path / "example.yaml")
    assert warning.line == 7


@pytest.mark.parametrize(
    ("element", "said"),
    [
        (32, []),
        (
            8,
            [
                (
                    "the target may leave 32768 usable units of order 1 and the trigger needs 600 of order 1:"
                    " then variant 'kcalloc' could not fail"
                ),
                (
                    "a request of the trigger takes 8 KiB with variant 'kcalloc', order 1 (8 bytes a page):"
                    " no OOM of order 3 comes of it"
                ),
            ],
        ),
        (4, ["the page array of such a mapping takes single pages in variant 'kcalloc'"]),
    ],
)
def test_a_kernel_with_smaller_page_arrays_is_warned_about(load: Load, element: int, said: list[str]) -> None:
    loaded = advised(load(GOOD, ["expectations.kcalloc.first_oom={order: 3}"]), {"kcalloc": element})
    found = [warning.what for warning in loaded.warnings]
    assert len(found) >= len(said)
    assert all(words in each for words, each in zip(said, found, strict=False))
    assert bool(found) == bool(said)


def test_an_order_that_no_request_asks_for_is_warned_about(load: Load) -> None:
    found = warnings(load, "expectations.kcalloc.first_oom={order: 4}")
    assert found == [
        (
            "a request of the trigger takes 32 KiB with variant 'kcalloc', order 3 (32 bytes a page):"
            " no OOM of order 4 comes of it"
        )
    ]
    fork = ["trigger={kind: fork, count: 60000}", "expectations.kcalloc.first_oom={order: 4}"]
    assert not any("no OOM of order" in each for each in warnings(load, *fork))


@pytest.mark.parametrize(
    ("sets", "what"),
    [
        (["fragmentation.stressors=[]"], "there is no stressor"),
        (["fragmentation.stressors=[page_cache, anonymous]"], "all of this pressure is movable"),
        (["device.cma=16MiB"], "CMA is not counted in 'free'"),
        (["trigger.oom_score_adj=-1000"], "nothing in the guest may be killed"),
    ],
)
def test_other_slips(load: Load, sets: list[str], what: str) -> None:
    found = warnings(load, *sets)
    assert len(found) == 1
    assert what in found[0]


def test_a_panic_that_is_expected_is_no_slip(load: Load) -> None:
    assert warnings(load, "trigger.oom_score_adj=-1000", "expectations.kcalloc.panicked=true") == []


def test_a_warning_has_the_place_of_its_key_or_its_option(load: Load, tmp_path: Path) -> None:
    (warning,) = load(GOOD.replace("count: 600", "count: 5")).warnings
    assert str(warning).startswith(f"{tmp_path / 'example.yaml'}:7:12: ")
    (warning,) = load(GOOD, ["device.cma=16MiB"]).warnings
    assert str(warning).startswith("--set device.cma=16MiB: ")


PICTURE = "fragmentation={{target: {{picture: {{active_anon: 1MiB, free_blocks: {}}}}}}}"


@pytest.mark.parametrize(
    ("sets", "left"),
    [
        # Blocks of order 4 are two of order 3 each; those below it are none.
        ([PICTURE.format("[9, 9, 9, 5, 3]")], 11),
        ([PICTURE.format("[9, 9, 9]")], None),
        (["fragmentation.target.usable_units={order: 1, max: 43}"], 10),
        (["fragmentation.target.usable_units={order: 1, max: 39}"], None),
        (["fragmentation.target.usable_units=[{order: 3, max: 300}, {order: 2, max: 21}]"], 10),
        (["fragmentation.target.usable_units={order: 3, max: 10}"], 10),
        (["fragmentation.target.usable_units={order: 3, max: 9}"], None),
        (["fragmentation.target.free={min: 1KiB, max: 327KiB}"], 10),
        (["fragmentation.target.free={min: 1KiB, max: 319KiB}"], None),
    ],
)
def test_what_a_target_may_leave(load: Load, sets: list[str], left: int | None) -> None:
    """Of ten that the trigger needs, each 32 KiB."""
    found = warnings(load, "trigger.count=10", *sets)
    asks = f"may leave {left} usable units of order 3 and the trigger needs 10 of order 3"
    assert [asks in each for each in found] == ([] if left is None else [True])


def test_memory_of_the_contiguous_allocator_is_none_that_binder_can_use(load: Load) -> None:
    sets = ["fragmentation=null", "device.cma=56MiB", "trigger.count=5"]
    (found,) = warnings(load, *sets)
    assert found == (
        "memory is not fragmented: the trigger needs 5 of order 3 and there may be 6400,"
        " so variant 'kcalloc' could not fail"
    )


@pytest.mark.parametrize(
    ("sets", "count"),
    [
        (["trials.forks=2"], 0),
        (["trials.forks=2", "trials.clock=deterministic"], 1),
        (["trials.forks=1", "trials.clock=deterministic"], 0),
        (["trials.forks=2", "trials.clock=[realtime, deterministic]"], 1),
        (["fragmentation.stressors=[page_cache, pipes]"], 0),
        (["fragmentation.stressors=[page_cache]"], 1),
        (["fragmentation.stressors=[page_cache]", "fragmentation.target.hard=unchecked"], 0),
        (["fragmentation.stressors=[]", "fragmentation.target.usable_units={order: 0, min: 1}",
          "expectations={kvcalloc: {outcome: passed}}"], 0),
        (["device.cma=16MiB", "fragmentation.target.free=null"], 0),
        (["trigger.oom_score_adj=-999"], 0),
        (["trigger.oom_score_adj=-1000", "bystanders={count: 1, memory: 1MiB}"], 0),
        (["trigger.oom_score_adj=-1000", "bystanders={count: 1, memory: 1MiB, oom_score_adj: -1000}"], 1),
        (["bystanders={count: 1, memory: 1MiB, oom_score_adj: -1000}"], 0),
        # A single map that is released is one map.
        (["trigger.count=1", "trigger.hold=false"], 1),
    ],
)  # fmt: skip
def test_each_slip_is_told_where_it_is_one(load: Load, sets: list[str], count: int) -> None:
    assert len(warnings(load, *sets)) == count


@pytest.mark.parametrize(
    ("sets", "place"),
    [
        (["trigger.count=10"], "the target may leave 300"),
        (["trigger.count=10", "trigger.hold=false"], "at a time, however many mmaps follow"),
        (["trigger.count=1", "trigger.hold=false"], "the target may leave"),
        (["trigger.count=10", "trigger.hold=false", "trigger.processes=2"], "needs 2 of order 3 at a time"),
    ],
)
def test_released_maps_need_one_unit_for_each_process(load: Load, sets: list[str], place: str) -> None:
    (found,) = load(GOOD, sets).warnings
    assert place in found.what


@pytest.mark.parametrize(
    ("expected", "warned"),
    [
        ("{outcome: oom}", True), ("{outcome: allocation-failure}", True), ("{outcome: hang}", True),
        ("{outcome: passed}", False), ("{outcome: kernel-crash}", False),
        ("{outcome: request-failed}", False), ("{requests_failed: 0}", False),
    ],
)  # fmt: skip
def test_only_what_memory_is_to_fail_has_to_be_able_to(load: Load, expected: str, *, warned: bool) -> None:
    sets = ["trigger.count=10", f"expectations={{kcalloc: {expected}}}"]
    assert bool(warnings(load, *sets)) is warned
