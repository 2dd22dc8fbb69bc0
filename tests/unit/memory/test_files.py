# SPDX-License-Identifier: Apache-2.0
"""The memory files as real guests printed them (Debian 6.1 and 6.12, arm64, 256 MiB)."""

from __future__ import annotations

from collections.abc import Callable, Sized
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InputError
from orchestrator.memory.buddyinfo import parse_buddyinfo
from orchestrator.memory.fragmentation import counts_of
from orchestrator.memory.indexes import parse_indexes
from orchestrator.memory.meminfo import parse_meminfo
from orchestrator.memory.pagetypeinfo import parse_pagetypeinfo
from orchestrator.memory.sample import build_sample, build_samples
from orchestrator.memory.vmstat import delta, parse_vmstat, recorded
from orchestrator.memory.zoneinfo import parse_zoneinfo

DATA = Path(__file__).parents[2] / "data"
GUESTS = ["memory-6.1-arm64", "memory-6.12-arm64"]
PARSERS = [parse_buddyinfo, parse_pagetypeinfo, parse_vmstat, parse_meminfo, parse_zoneinfo, parse_indexes]


def texts(guest: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in (DATA / guest).iterdir()}


def test_buddyinfo_of_a_real_guest() -> None:
    (zone,) = parse_buddyinfo(texts("memory-6.1-arm64")["buddyinfo"])
    assert (zone.node, zone.zone) == (0, "DMA")
    assert zone.counts == (1, 3, 3, 2, 2, 3, 1, 3, 4, 3, 48)
    assert zone.free_pages == sum(count << order for order, count in enumerate(zone.counts))


@pytest.mark.parametrize("guest", GUESTS)
def test_pagetypeinfo_adds_up_to_a_free_list_near_buddyinfo(guest: str) -> None:
    info = parse_pagetypeinfo(texts(guest)["pagetypeinfo"])
    assert info.pageblock_order == 9
    assert [entry.migrate_type for entry in info.free][:3] == ["Unmovable", "Movable", "Reclaimable"]
    assert sum(info.pageblocks[0].blocks.values()) == 128
    by_type = sum(count << order for order, count in enumerate(counts_of(info)))
    whole = parse_buddyinfo(texts(guest)["buddyinfo"])[0].free_pages
    assert abs(by_type - whole) < 200  # read one after the other


def test_a_capped_list_is_a_lower_bound() -> None:
    text = "Page block order: 9\nNode    0, zone   Normal, type    Unmovable >100000 17 0\n"
    info = parse_pagetypeinfo(text)
    assert info.capped
    assert info.free[0].counts == (100000, 17, 0)
    assert info.free[0].capped_orders == (0,)


def test_zoneinfo_keeps_the_zone_watermarks_apart_from_the_per_cpu_high() -> None:
    (zone,) = parse_zoneinfo(texts("memory-6.12-arm64")["zoneinfo"])
    assert (zone.zone, zone.free, zone.min, zone.low, zone.high) == ("DMA", 50880, 457, 571, 685)
    assert (zone.present, zone.managed, zone.nr_free_pages) == (65536, 55253, 50880)
    assert zone.per_cpu == (507,)


def test_zoneinfo_of_several_zones_leaves_the_empty_ones_out() -> None:
    text = (
        "Node 0, zone   Normal\n  pages free     10\n        boost    2\n        min      4\n"
        "        present  99\n  pagesets\n    cpu: 0\n              count: 3\n              high:  9\n"
        "    cpu: 1\n              count: 5\n"
        "Node 0, zone  Movable\n  pages free     0\n        min      0\n        present  0\n"
        "Node 1, zone   Normal\n  pages free     7\n        present  50\n"
    )
    zones = parse_zoneinfo(text)
    assert [(zone.node, zone.zone, zone.free) for zone in zones] == [(0, "Normal", 10), (1, "Normal", 7)]
    assert zones[0].per_cpu == (3, 5)
    assert zones[0].boost == 2


def test_meminfo_in_kb() -> None:
    meminfo = parse_meminfo(texts("memory-6.1-arm64")["meminfo"])
    assert meminfo["MemTotal"] == 229508
    assert meminfo["Active(anon)"] == 1432
    assert meminfo["HugePages_Total"] == 0


def test_vmstat_delta_and_selection() -> None:
    before = parse_vmstat("oom_kill 1\ncompact_stall 5\nnr_free_pages 9\n")
    after = parse_vmstat("oom_kill 3\ncompact_stall 5\nnr_free_pages 4\nnew_counter 1\n")
    assert delta(before, after) == {"oom_kill": 2, "compact_stall": 0, "nr_free_pages": -5}
    assert recorded(after) == {"oom_kill": 3, "compact_stall": 5}


@pytest.mark.parametrize("guest", GUESTS)
def test_sample_of_a_real_guest(guest: str) -> None:
    sample = build_sample("target", 5, 4096, texts(guest))
    zone = sample.zones["Node 0 DMA"]
    assert sample.free_kb == zone.free_kb
    assert zone.min_kb < zone.low_kb < zone.high_kb < zone.managed_kb < zone.present_kb
    assert sample.usable_units is not None
    assert sample.usable_units[0] * 4 <= zone.free_kb + 4096
    assert sample.usable_units[10] in (46, 48)
    assert sample.free_blocks is not None
    assert set(sample.free_blocks) >= {"Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA"}
    assert sample.vmstat is not None
    assert "oom_kill" in sample.vmstat
    assert "compact_stall" in sample.vmstat
    assert sample.extfrag_index == {"Node 0 DMA": (-1.0,) * 11}
    assert sample.model_validate_json(sample.model_dump_json()) == sample


def test_samples_from_the_agents_records() -> None:
    files = texts("memory-6.1-arm64")
    records = [
        {"event": "sample", "t_us": number, "when": when, "file": name, "text": text}
        for number, (when, name, text) in enumerate(
            (when, name, text) for when in ("before", "after") for name, text in files.items()
        )
    ]
    samples = build_samples(records, 4096)
    assert [(sample.when, sample.t_us) for sample in samples] == [("before", 0), ("after", len(files))]
    assert samples[0].zones == samples[1].zones


def test_an_index_below_zero_as_the_kernel_prints_it() -> None:
    assert parse_indexes("Node 0, zone      DMA -1.000  0.-500  0.869 \n") == {
        "Node 0 DMA": (-1.0, -0.5, 0.869)
    }


def test_a_sample_with_few_files_says_what_it_knows() -> None:
    sample = build_sample("trigger", 1, 4096, {"vmstat": "oom_kill 0\n"})
    assert sample.usable_units is None
    assert sample.vmstat == {"oom_kill": 0}


@pytest.mark.parametrize("parser", [parse_pagetypeinfo, parse_zoneinfo])
def test_an_empty_file_is_an_error_and_not_an_empty_machine(parser: object) -> None:
    assert callable(parser)
    with pytest.raises(InputError):
        parser("")


@pytest.mark.parametrize("digits", ["\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT THREE}", "--1", ""])
def test_only_ascii_digits_are_a_number(digits: str) -> None:
    for parser, line in ((parse_meminfo, "MemFree: {} kB"), (parse_vmstat, "oom_kill {}")):
        with pytest.raises(InputError):
            parser(line.format(digits))


def test_a_counter_may_be_below_zero() -> None:
    assert parse_vmstat("nr_dirty -3\n") == {"nr_dirty": -3}


@given(text=st.text(alphabet="Node 0,zneDMAtypUmvbl>1234567890:\n\t.-", max_size=200))
def test_damaged_text_gives_an_input_error_and_nothing_else(text: str) -> None:
    for parser in PARSERS:
        try:
            parser(text)
        except InputError:
            continue


_TWO_ZONES = """\
Node 0, zone   Normal
  pages free     100
        boost    1
        min      2
        low      3
        high     4
        spanned  90
        present  80
        managed  70
        cma      6
      nr_free_pages 100
      nr_free_cma  5
  pagesets
    cpu: 0
              count: 7
              high:  9
Node 0, zone  Movable
  pages free     50
        present  60
      nr_free_cma  1
"""


def test_every_field_of_a_zone_in_kb() -> None:
    sample = build_sample("target", 0, 16384, {"zoneinfo": _TWO_ZONES})
    assert sample.zones["Node 0 Normal"].model_dump() == {
        "free_kb": 1600, "boost_kb": 16, "min_kb": 32, "low_kb": 48, "high_kb": 64, "present_kb": 1280,
        "managed_kb": 1120, "cma_kb": 96, "free_cma_kb": 80, "per_cpu_kb": 112,
    }  # fmt: skip
    assert sample.free_kb == 1600 - 80, "not the zone that no kernel request may use, and no CMA"


def test_a_field_that_the_kernel_does_not_print_is_zero() -> None:
    (zone,) = parse_zoneinfo("Node 3, zone   Normal\n  pages free     1\n        present  2\n")
    printed = {"node": 3, "zone": "Normal", "free": 1, "present": 2, "per_cpu": ()}
    assert zone.model_dump() == dict.fromkeys(zone.model_dump(), 0) | printed


def test_without_zoneinfo_the_free_memory_is_that_of_meminfo_less_its_cma() -> None:
    sample = build_sample("target", 0, 4096, {"meminfo": "MemFree: 1000 kB\nCmaFree: 300 kB\n"})
    assert sample.free_kb == 700
    assert build_sample("target", 0, 4096, {"meminfo": "MemFree: 1000 kB\n"}).free_kb == 1000
    assert build_sample("target", 0, 4096, {"meminfo": "MemTotal: 1000 kB\n"}).free_kb == 0


def test_free_lists_of_different_lengths_add_up() -> None:
    sample = build_sample(
        "target", 0, 4096, {"buddyinfo": "Node 0, zone DMA 1 2 3\nNode 0, zone Normal 10 20\n"}
    )
    assert sample.buddy_blocks == (11, 22, 3)


@pytest.mark.parametrize(
    ("parser", "line"), [(parse_meminfo, "MemFree: {} kB"), (parse_vmstat, "oom_kill {}")]
)
def test_a_number_has_as_many_digits_as_64_bits_need(
    parser: Callable[[str], dict[str, int]], line: str
) -> None:
    (value,) = parser(line.format(2**64 - 1)).values()
    assert value == 2**64 - 1
    with pytest.raises(InputError):
        parser(line.format(10**20))


BETWEEN_EMPTY_LINES = [
    (parse_buddyinfo, "Node 0, zone DMA 1 2", "Node 0, zone Normal 3 4"),
    (parse_vmstat, "oom_kill 1", "nr_free_pages 2"),
    (parse_meminfo, "MemTotal: 1 kB", "MemFree: 2 kB"),
    (parse_indexes, "Node 0, zone DMA 0.500", "Node 0, zone Normal 0.250"),
]


@pytest.mark.parametrize(("parser", "first", "second"), BETWEEN_EMPTY_LINES)
def test_an_empty_line_ends_no_file(parser: Callable[[str], Sized], first: str, second: str) -> None:
    assert parser(f"\n{first}\n  \n{second}\n\n") == parser(f"{first}\n{second}\n")
    assert len(parser(f"{first}\n \n{second}\n")) == 2


@pytest.mark.parametrize(
    ("parser", "text"),
    [
        (parse_buddyinfo, "Node 0, zone DMA"),
        (parse_meminfo, "MemFree:"),
        (parse_meminfo, "MemFree 15240 kB"),
        (parse_indexes, "Node 0, zone DMA 0.5"),
        (parse_indexes, "Node 0, zone DMA"),
        (parse_pagetypeinfo, "Node 0, zone DMA, type Movable"),
        (parse_pagetypeinfo, "Node 0, zone DMA, type Movable 1 2\nNumber of blocks type\nNode 0, zone DMA"),
        (
            parse_pagetypeinfo,
            "Node 0, zone DMA, type Movable 1 2\nNumber of blocks type A B\nNode 0, zone DMA 1",
        ),
    ],
)
def test_a_damaged_line_is_named(parser: Callable[[str], object], text: str) -> None:
    with pytest.raises(InputError, match="damaged") as caught:
        parser(text)
    assert repr(text.splitlines()[-1]) in str(caught.value)


def test_no_more_than_the_beginning_of_a_damaged_line_is_shown() -> None:
    with pytest.raises(InputError) as caught:
        parse_meminfo("x" * 200)
    assert caught.value.message == f"damaged meminfo: '{'x' * 120}'"


def test_the_kernels_index_has_a_sign_on_either_side_of_its_point() -> None:
    assert parse_indexes("Node 1, zone Normal -1.-500 1.000\n") == {"Node 1 Normal": (-1.5, 1.0)}


def test_pageblocks_by_their_type_and_place() -> None:
    text = (
        "Node    0, zone      DMA, type    Unmovable 1 2\n"
        "Number of blocks type     Unmovable      Movable\n"
        "Node 0, zone      DMA            1            7\n"
        "Node 1, zone   Normal           30           40\n"
    )
    info = parse_pagetypeinfo(text)
    assert info.pageblock_order == 0, "the file does not say"
    assert [(row.node, row.zone, row.blocks) for row in info.pageblocks] == [
        (0, "DMA", {"Unmovable": 1, "Movable": 7}),
        (1, "Normal", {"Unmovable": 30, "Movable": 40}),
    ]


def test_a_zone_of_which_nothing_is_present_is_left_out() -> None:
    there = "Node 0, zone Normal\n  pages free     1\n        present  2\n"
    without = "Node 0, zone Movable\n  pages free     0\n"
    assert [zone.zone for zone in parse_zoneinfo(there + without)] == ["Normal"]


def test_free_lists_in_the_units_of_a_sample() -> None:
    text = (
        "Node 0, zone Normal, type Unmovable 1 2\nNode 0, zone Normal, type Movable >100000 2\n"
        "Node 0, zone Normal, type CMA 3 1\nNode 0, zone Normal, type HighAtomic 0 4\n"
    )
    sample = build_sample("target", 0, 16384, {"pagetypeinfo": text})
    assert (sample.cma_free_kb, sample.highatomic_free_kb) == (5 * 16, 8 * 16)
    assert sample.counts_capped
    assert not build_sample("target", 0, 16384, {"pagetypeinfo": text.replace(">", "")}).counts_capped
    assert not build_sample("target", 0, 16384, {}).counts_capped


TWO_NODES = "memory-6.12-arm64-two-nodes"


def test_pagetypeinfo_has_each_node_under_headers_of_its_own() -> None:
    info = parse_pagetypeinfo(texts(TWO_NODES)["pagetypeinfo"])
    assert [entry.node for entry in info.free] == [0] * 6 + [1] * 6
    assert [(each.node, each.blocks["Unmovable"]) for each in info.pageblocks] == [(0, 42), (1, 60)]
    assert counts_of(info, node=0)[:3] == (6629, 2, 2)
    assert counts_of(info, node=1)[:3] == (9396, 3, 3)
    assert counts_of(info)[:3] == (16025, 5, 5)


def test_a_sample_of_two_nodes_has_all_together_and_each() -> None:
    sample = build_sample("target", 5, 4096, texts(TWO_NODES))
    first, second = sample.nodes
    assert (first.node, second.node) == (0, 1)
    assert sample.free_kb == (first.free_kb or 0) + (second.free_kb or 0)
    assert sample.usable_units is not None
    assert first.usable_units is not None
    assert second.usable_units is not None
    added = [a + b for a, b in zip(first.usable_units, second.usable_units, strict=True)]
    assert list(sample.usable_units) == added
    assert first.free_blocks is not None
    assert first.free_blocks["Unmovable"][0] == 6628
    assert sample.model_validate_json(sample.model_dump_json()) == sample


@pytest.mark.parametrize("guest", GUESTS)
def test_a_guest_of_one_node_has_none_told_apart(guest: str) -> None:
    assert build_sample("target", 5, 4096, texts(guest)).nodes == ()


def test_a_text_of_countless_nodes_is_no_list_of_them() -> None:
    text = "".join(f"Node {node}, zone Normal\n  pages free 1\n        present 2\n" for node in range(1000))
    sample = build_sample("target", 5, 4096, {"zoneinfo": text})
    assert (sample.free_kb, sample.nodes) == (4000, ())
