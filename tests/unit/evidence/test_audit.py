# SPDX-License-Identifier: Apache-2.0
"""The allocation audit, from histograms that real guests sent (Debian 6.1 and 6.12)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.evidence.audit import PhaseContext, audit_trial
from orchestrator.evidence.histogram import HistogramRow, dropped_hits, parse_histogram
from orchestrator.protocol.records import AuditEnd, Histogram, parse_record
from orchestrator.record.result import AuditPhase, AuditRow
from orchestrator.stage import TrialPhase

DATA = Path(__file__).parents[2] / "data" / "audit"
RELEASES = {
    "6.1-arm64": "6.1.0-56-arm64",
    "6.12-arm64": "6.12.107+deb12-arm64",
    "6.1-x86_64": "6.1.0-56-amd64",
}
ARRAY_BYTES = 32768
FACTS = PhaseContext((ARRAY_BYTES,))
KCALLOC = "GFP_KERNEL|__GFP_ZERO"
KVCALLOC = "GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY|__GFP_ZERO"


def recorded(name: str) -> tuple[list[Histogram], list[AuditEnd]]:
    records = [parse_record(line) for line in (DATA / f"{name}.jsonl").read_bytes().splitlines()]
    return (
        [record for record in records if isinstance(record, Histogram)],
        [record for record in records if isinstance(record, AuditEnd)],
    )


def audit(
    records: list[Histogram], ends: list[AuditEnd], facts: PhaseContext, release: str = RELEASES["6.1-arm64"]
) -> tuple[tuple[AuditRow, ...], tuple[AuditPhase, ...]]:
    return audit_trial(records, ends, {"trigger": facts, "after": facts}, release=release, page_bytes=4096)


@pytest.mark.parametrize(
    ("guest", "contiguous", "reclaims", "compactions", "deferred"),
    [("6.1-arm64", 156, 450, 37, 864), ("6.12-arm64", 213, 389, 25, 753), ("6.1-x86_64", 176, 427, 50, 1654)],
)
def test_kvcalloc_is_served_in_full_and_tries_but_does_not_insist(
    guest: str, contiguous: int, reclaims: int, compactions: int, deferred: int
) -> None:
    (row,), (phase,) = audit(*recorded(f"{guest}-kvcalloc"), FACTS, RELEASES[guest])
    assert (row.order, row.gfp_flags, row.requests) == (3, KVCALLOC, 600)
    assert (row.contiguous, row.fell_back, row.refused) == (contiguous, 600 - contiguous, 0)
    assert (row.reclaims, row.compactions, row.deferred) == (reclaims, compactions, deferred)
    assert row.reclaim_us > 0 < row.compact_us
    assert (phase.made, phase.requests, phase.oom_kills, phase.other_reclaims) == (600, 600, 0, 0)


@pytest.mark.parametrize(("guest", "made"), [("6.1-arm64", 134), ("6.12-arm64", 213), ("6.1-x86_64", 169)])
def test_kcalloc_insists_and_a_process_dies_for_it(guest: str, made: int) -> None:
    cut_off = PhaseContext((ARRAY_BYTES,), unserved=1)
    (row,), (phase,) = audit(*recorded(f"{guest}-kcalloc"), cut_off, RELEASES[guest])
    assert (row.gfp_flags, row.requests, row.contiguous) == (KCALLOC, made, made - 1)
    assert (row.fell_back, row.refused) == (0, 1)
    assert (phase.made, phase.requests, phase.oom_kills) == (made, made, 1)


def test_descriptor_tables_of_the_same_size_are_no_page_arrays() -> None:
    """300 held maps make the table of descriptors grow through 8192 and 32768 bytes, too."""
    records, ends = recorded("6.12-arm64-kvcalloc-held")
    facts = PhaseContext((8192, ARRAY_BYTES))
    rows, (phase,) = audit_trial(
        records, ends, {"target": facts}, release=RELEASES["6.12-arm64"], page_bytes=4096
    )
    assert [(row.order, row.requests) for row in rows] == [(1, 410), (3, 410)]
    assert (phase.made, phase.requests) == (820, 820)


@pytest.mark.parametrize(
    ("driver", "unserved", "rows"),
    [
        ("noretry", 436, [("GFP_KERNEL|__GFP_NORETRY|__GFP_ZERO", 600, 164, 0, 436)]),
        ("vcalloc", 0, [(KCALLOC, 600, 0, 600, 0)]),
        (
            "mixed",
            123,
            [
                (KCALLOC, 200, 0, 200, 0),
                ("GFP_KERNEL|__GFP_NOWARN|__GFP_RETRY_MAYFAIL|__GFP_ZERO", 200, 77, 123, 0),
                ("GFP_KERNEL|__GFP_NORETRY|__GFP_ZERO", 200, 77, 0, 123),
            ],
        ),
    ],
)
def test_vmalloc_is_what_was_seen_of_it_and_no_flag(
    driver: str, unserved: int, rows: list[tuple[str, int, int, int, int]]
) -> None:
    """Drivers of tests/data: kcalloc that gives up, vcalloc alone, and three ways by turns."""
    found, (phase,) = audit(*recorded(f"6.1-arm64-{driver}"), PhaseContext((ARRAY_BYTES,), unserved))
    counts = [(row.gfp_flags, row.requests, row.contiguous, row.fell_back, row.refused) for row in found]
    assert counts == rows
    assert phase.vmalloc_seen
    assert phase.made == phase.requests == 600


def without_vmalloc(driver: str) -> tuple[list[Histogram], list[AuditEnd]]:
    """As a guest tells whose kernel has no probes, and all told before vmalloc was traced."""
    records, ends = recorded(driver)
    return [record for record in records if record.table != "vmalloc"], ends


@pytest.mark.parametrize(
    ("driver", "unserved", "fell_back", "refused"),
    [("6.1-arm64-noretry", 436, 0, 436), ("6.1-arm64-kvcalloc", 0, 444, 0), ("6.1-arm64-kcalloc", 1, 0, 1)],
)
def test_where_vmalloc_is_not_seen_the_mmaps_tell(
    driver: str, unserved: int, fell_back: int, refused: int
) -> None:
    (row,), (phase,) = audit(*without_vmalloc(driver), PhaseContext((ARRAY_BYTES,), unserved))
    assert (row.fell_back, row.refused) == (fell_back, refused)
    assert not phase.vmalloc_seen


def test_a_second_try_that_is_served_is_no_fallback() -> None:
    """kcalloc with __GFP_NORETRY, and again without where that fails: 600 mmaps, and all contiguous."""
    records, ends = without_vmalloc("6.1-arm64-noretry")
    served = next(record for record in records if record.table == "kmalloc")
    again = served.text.replace("69056", " 3520").replace("164", "436")
    rows, _ = audit([*records, served.model_copy(update={"text": again})], ends, PhaseContext((ARRAY_BYTES,)))
    assert [(row.contiguous, row.fell_back, row.refused) for row in rows] == [(436, 0, 0), (164, 0, 436)]


def test_what_vmalloc_could_not_serve_either_is_refused() -> None:
    (row,), _ = audit(*recorded("6.1-arm64-kvcalloc"), PhaseContext((ARRAY_BYTES,), unserved=33))
    assert (row.contiguous, row.fell_back, row.refused) == (156, 411, 33)


def test_what_was_not_for_the_page_array_stays_with_the_phase() -> None:
    records, ends = recorded("6.1-arm64-kvcalloc")
    text = "{ order: 0, gfp_flags: 3264 } hitcount: 5  ns: 7000  pages: 160\n"
    (row,), (phase,) = audit(
        [*records, records[0].model_copy(update={"table": "reclaim", "text": text})], ends, FACTS
    )
    assert row.reclaims == 450
    assert (phase.other_reclaims, phase.other_reclaim_us) == (5, 7)


def test_phases_do_not_mix() -> None:
    records, ends = recorded("6.1-arm64-kvcalloc")
    after: TrialPhase = "after"
    again = [record.model_copy(update={"phase": after}) for record in records]
    rows, phases = audit([*records, *again], ends, FACTS)
    assert [row.phase for row in rows] == [phase.phase for phase in phases] == ["trigger", "after"]
    assert [phase.made for phase in phases] == [600, None]
    assert rows[0].model_copy(update={"phase": after}) == rows[1]


def test_a_kernel_whose_flags_are_not_known_gives_no_audit() -> None:
    assert audit(*recorded("6.1-arm64-kvcalloc"), FACTS, release="2.4.37") == ((), ())


def table(name: str, text: str, phase: TrialPhase = "trigger") -> Histogram:
    return Histogram(event="requests", t_us=0, phase=phase, table=name, text=text)


def array(size: int, hits: int, flags: int = 3520) -> str:
    return f"{{ call_site: [ff] f, gfp_flags: {flags}, bytes_req: {size} }} hitcount: {hits}\n"


def served(size: int, page_bytes: int = 4096) -> tuple[AuditRow, AuditPhase]:
    facts: dict[TrialPhase, PhaseContext] = {"trigger": PhaseContext((size,))}
    end = AuditEnd(event="audit", t_us=0, phase="trigger", requests=2, taken_kb=5)
    (row,), (phase,) = audit_trial(
        [table("kmalloc", array(size, 2))], [end], facts, release=RELEASES["6.1-arm64"], page_bytes=page_bytes
    )
    return row, phase


@pytest.mark.parametrize(
    ("size", "page_bytes", "order"),
    [(64, 4096, 0), (4096, 4096, 0), (4097, 4096, 1), (8192, 4096, 1), (8193, 4096, 2), (32768, 16384, 1)],
)
def test_an_array_has_the_order_of_the_smallest_block_that_holds_it(
    size: int, page_bytes: int, order: int
) -> None:
    assert served(size, page_bytes)[0].order == order


@pytest.mark.parametrize(("size", "mmaps"), [(2047, None), (2048, 2), (8192, 2)])
def test_mmaps_are_as_many_as_arrays_only_where_all_of_these_are_traced(size: int, mmaps: int | None) -> None:
    assert served(size)[1].made == mmaps


def test_what_the_kernel_did_is_laid_to_requests_of_its_order_and_insistence() -> None:
    """Two kinds of flags that differ in nothing that a reclaim shows: the first has it all."""
    noretry = 3520 | 0x10000
    work = "{{ order: 3, gfp_flags: {flags}, status: {status} }} hitcount: {hits}  ns: {ns}  pages: {pages}\n"
    records = [
        table("kmalloc", array(ARRAY_BYTES, 1) + array(ARRAY_BYTES, 2, 3520 | 0x2000)),
        table("kmalloc_failed", array(ARRAY_BYTES, 4, noretry)),
        table("reclaim", work.format(flags=3520, status=0, hits=5, ns=2500, pages=7)),
        table("reclaim", work.format(flags=noretry, status=0, hits=50, ns=1400, pages=70)),
        table("compact", work.format(flags=3520, status=8, hits=3, ns=9000, pages=0)),
        table("compact", work.format(flags=3520, status=7, hits=30, ns=1000, pages=0)),
        table("compact_deferred", "{ order: 3 } hitcount: 11\n{ order: 1 } hitcount: 99\n"),
        table("oom_victims", "{ pid: 1 } hitcount: 2\n{ pid: 2 } hitcount: 1\nTotals:\n Dropped: 4\n"),
    ]
    rows, (phase,) = audit(records, [], FACTS)
    found = [
        (row.contiguous, row.reclaims, row.reclaim_us, row.reclaimed_pages, row.compactions, row.compact_us,
         row.compacted, row.deferred)
        for row in rows
    ]  # fmt: skip
    assert found == [(1, 5, 2, 7, 33, 10, 3, 11), (2, 0, 0, 0, 0, 0, 0, 0), (0, 50, 1, 70, 0, 0, 0, 0)]
    assert (phase.requests, phase.oom_kills, phase.dropped, phase.taken_kb) == (7, 3, 4, 0)
    assert (phase.other_reclaims, phase.other_compactions, phase.other_compact_us) == (0, 0, 0)


def test_order_0_is_everybodys() -> None:
    facts: dict[TrialPhase, PhaseContext] = {"trigger": PhaseContext((4096,))}
    work = "{ order: 0, gfp_flags: 3520 } hitcount: 5  ns: 3000\n"
    records = [table("kmalloc", array(4096, 1)), table("reclaim", work), table("compact", work)]
    (row,), (phase,) = audit_trial(records, [], facts, release=RELEASES["6.1-arm64"], page_bytes=4096)
    assert (row.reclaims, row.compactions, row.deferred) == (0, 0, 0)
    assert (phase.other_reclaims, phase.other_reclaim_us) == (5, 3)
    assert (phase.other_compactions, phase.other_compact_us) == (5, 3)


def test_what_vmalloc_served_alone_has_nothing_of_the_pages_that_it_took() -> None:
    row_of = "{{ size: {}, gfp_flags: 3520 }} hitcount: {}\n".format
    text = row_of(ARRAY_BYTES, 6) + row_of(1, 9)
    work = "{ order: 3, gfp_flags: 3520 } hitcount: 5  ns: 3000\n"
    (row,), (phase,) = audit([table("vmalloc", text), table("reclaim", work)], [], FACTS)
    assert (row.requests, row.fell_back, row.contiguous, row.refused, row.reclaims) == (6, 6, 0, 0, 0)
    assert (phase.vmalloc_seen, phase.other_reclaims) == (True, 5)


_NAME = st.from_regex(r"[a-z_]{1,12}", fullmatch=True).filter(lambda name: name != "hitcount")
_ROWS = st.lists(
    st.builds(
        HistogramRow,
        st.dictionaries(_NAME, st.integers(-(2**31), 2**64).map(str), min_size=1, max_size=3),
        st.integers(0, 2**64),
        st.dictionaries(_NAME, st.integers(0, 2**64), max_size=3),
    )
)


def printed(row: HistogramRow) -> str:
    """A row as hist_trigger_print_key() and hist_trigger_entry_print() write it."""
    keys = ", ".join(f"{name}: {value:>10}" for name, value in row.keys.items())
    return f"{{ {keys} }} hitcount: {row.hits:>10}" + "".join(
        f"  {name}: {value:>10}" for name, value in row.sums.items()
    )


@given(_ROWS)
def test_what_the_kernel_prints_is_read_back(rows: list[HistogramRow]) -> None:
    text = (
        "# event histogram\n#\n\n"
        + "".join(f"{printed(row)}\n" for row in rows)
        + "\nTotals:\n    Dropped: 3\n"
    )
    assert parse_histogram(text) == rows
    assert dropped_hits(text) == 3


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    parse_histogram(text)
    dropped_hits(text)
