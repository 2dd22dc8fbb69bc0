# SPDX-License-Identifier: Apache-2.0
"""Rows of two tables held against each other: which, by what, and what is said about their figures."""

from __future__ import annotations

import pytest

from orchestrator.mail.message import read_messages
from orchestrator.mail.table import Column, MailTable, Row, find_tables
from orchestrator.mail.table_comparison import TableComparison, compare, one_way_mb_s

EQUAL_RUNS = "Iterations * CPU is "


def row(
    name: str, time_ns: float, *, cpu_ns: float | None = None, iterations: int = 1, **columns: str
) -> Row:
    printed = tuple(Column(name, value) for name, value in columns.items())
    return Row(1, name, time_ns, time_ns if cpu_ns is None else cpu_ns, iterations, printed)


def table(*rows: Row, label: str = "") -> MailTable:
    return MailTable(1, label, "", (), rows)


def compared(first: MailTable, second: MailTable, added: str = "", removed: str = "") -> TableComparison:
    (found,) = compare([first, second], added, removed)
    return found


def tables_of(text: str) -> list[MailTable]:
    return [table for message in read_messages(text.encode()) for table in find_tables(message.lines)]


def test_neighbours_with_rows_in_common_are_compared_in_pairs() -> None:
    alone = table(row("BM_z", 1), label="z")
    tables = [table(row("BM_x", number), row("BM_y", 1), label=str(number)) for number in (1, 2, 3, 4)]
    found = compare([alone, *tables[:2], alone, *tables[2:], alone])
    assert [(item.base, item.changed) for item in found] == [("1", "2"), ("3", "4")]
    assert [(item.base, item.changed) for item in compare(tables[:3])] == [("1", "2")]
    assert compare([alone, tables[0]]) == compare([alone]) == compare([]) == []


def test_of_repetitions_the_median_counts_and_keys_forgive_how_names_are_typed() -> None:
    base = table(*(row("BM_x/1", time) for time in (9, 1, 5)), row("BM_only", 1))
    changed = table(*(row("BM_x-1", time) for time in (8, 2, 3, 40)))
    comparison = compared(base, changed)
    assert [(pair.name, pair.base.time_ns, pair.changed.time_ns) for pair in comparison.pairs] == [
        ("BM_x-1", 5, 8)
    ]
    assert not any("no repetitions" in warning for warning in comparison.warnings)


def test_ratios_say_how_much_faster_the_changed_one_is() -> None:
    base = table(
        row("a", 30, cpu_ns=10, iterations=4, gb="2", more="9"), row("b", 10, iterations=0, gb="1", more="1")
    )
    changed = table(
        row("a", 10, cpu_ns=20, iterations=6, gb="3", more="9"), row("b", 40, iterations=3, gb="4", more="1")
    )
    comparison = compared(base, changed)
    first, second = comparison.pairs
    assert (first.time_ratio, first.cpu_ratio, first.iterations_ratio, first.printed_ratio) == (
        3,
        0.5,
        1.5,
        1.5,
    )
    assert (second.time_ratio, second.iterations_ratio, second.printed_ratio) == (0.25, 3, 4)
    assert round(comparison.time_mean, 9) == round(0.75**0.5, 9)
    assert round(comparison.cpu_mean, 9) == round(0.125**0.5, 9)
    assert round(comparison.printed_mean or 0, 9) == round(6**0.5, 9)
    assert comparison.printed_column == "gb"


@pytest.mark.parametrize("printed", [("", "1"), ("1", ""), ("0", "1"), ("1", "0")])
def test_no_ratio_without_two_printed_figures(printed: tuple[str, str]) -> None:
    whole = row("b", 10, gb="3")
    first, second = (table(row("a", 10, gb=gb) if gb else row("a", 10), whole) for gb in printed)
    comparison = compared(first, second)
    assert [pair.printed_ratio for pair in comparison.pairs] == [None, 1]
    assert comparison.printed_mean is None


@pytest.mark.parametrize(
    ("labels", "added", "removed", "base", "how"),
    [
        (("old", "new"), "x = new(1)", "x = old(1)", "old", "the patch adds 'new'"),
        (("new", "old"), "x = new(1)", "x = old(1)", "old", "the patch adds 'new'"),
        (("old", "new"), "", "", "old", "assumed from the order: the first is the base"),
        (("new", "old"), "x = renew(1)", "", "new", "assumed from the order: the first is the base"),
        (("old", "new"), "new(1) old(2)", "", "old", "assumed from the order: the first is the base"),
        (("new", "old"), "new(1)", "new(0)", "new", "assumed from the order: the first is the base"),
        (
            ("other", "old"),
            "x = new(1)",
            "x = old(1)",
            "other",
            "assumed from the order: the first is the base",
        ),
        (("", "old"), "x = new(1)", "", "the first", "assumed from the order: the first is the base"),
    ],
)
def test_the_patch_s_own_words_tell_which_is_the_base(
    labels: tuple[str, str], added: str, removed: str, base: str, how: str
) -> None:
    first, second = (table(row("a", 10), label=label) for label in labels)
    comparison = compared(first, second, added, removed)
    assert (comparison.base, comparison.how) == (base if labels[0] else "table at line 1", how)


def test_sizes_through_time() -> None:
    assert one_way_mb_s(row("BM_x/4096", 2048)) == 2000
    assert one_way_mb_s(row("BM_x", 2048)) is None


@pytest.mark.parametrize(
    ("printed", "blamed"), [("7.00", True), ("7.1", False), ("6.99", False), ("2.00", False), ("2", False)]
)
def test_a_column_is_blamed_only_where_the_formula_gives_every_value(printed: str, blamed: bool) -> None:
    """4096 bytes in 2048 ns, 3.5 times: 2 GB/s are shown as 7 by a product with Iterations."""
    first = table(row("BM_x/4096", 2048, iterations=3, gb="6.0"))
    second = table(row("BM_x/4096", 4096, iterations=7, gb=printed))
    warnings = compared(first, second).warnings
    assert any("gives all 2 printed values" in warning for warning in warnings) is blamed
    assert any("could not be computed" in warning for warning in warnings) is not blamed


@pytest.mark.parametrize(
    ("printed", "same"), [("1.33", True), ("1.34", False), ("1.3", True), ("1", True), ("1.32", False)]
)
def test_values_are_the_same_as_printed(printed: str, same: bool) -> None:
    tables = [
        table(row("BM_x/4", 3, iterations=7, gb=printed, more="7"), row("BM_y/8", 6, gb="1.3")) for _ in "ab"
    ]
    warnings = compared(tables[0], tables[1]).warnings
    assert any("could not be computed" in warning for warning in warnings) is not same


@pytest.mark.parametrize(("time_ns", "printed"), [(3, "1.66"), (3, "1.67")])
def test_values_may_be_cut_or_rounded(time_ns: int, printed: str) -> None:
    tables = [table(row("BM_x/5", time_ns, iterations=7, gb=printed)) for _ in "ab"]
    assert not any("could not be computed" in warning for warning in compared(tables[0], tables[1]).warnings)


def test_no_formula_is_looked_for_where_a_row_has_no_size_or_no_figure() -> None:
    for rows in ((row("BM_x", 3, gb="9"),), (row("BM_x/4", 3, gb="9"), row("BM_y/4", 3))):
        warnings = compared(table(*rows), table(*rows)).warnings
        assert not any("'gb'" in warning for warning in warnings)


@pytest.mark.parametrize(("longest_ns", "told"), [(1500, True), (1501, False), (1000, True)])
def test_runs_of_a_fixed_time_are_told(longest_ns: int, told: bool) -> None:
    first = table(
        row("a", 9, cpu_ns=1000, iterations=1_000_000), row("b", 9, cpu_ns=500, iterations=2_500_000)
    )
    second = table(row("a", 9, cpu_ns=longest_ns, iterations=1_000_000))
    found = [warning for warning in compared(first, second).warnings if warning.startswith(EQUAL_RUNS)]
    span = f"1.00 to {max(1.25, longest_ns / 1000):.2f} s (median {1.25 if longest_ns > 1250 else 1:.2f})"
    assert found == (
        [f"{EQUAL_RUNS}{span} in every row: Iterations follows from the time and is no result"]
        if told
        else []
    )


def test_one_label_for_two_tables_is_warned_about_and_none_is_not() -> None:
    for label, warned in (("x", True), ("", False)):
        pair = [table(row("a", 1, iterations=1), label=label), table(row("a", 9, iterations=9), label=label)]
        warnings = compared(pair[0], pair[1]).warnings
        assert any("may be mislabelled" in warning for warning in warnings) is warned
        assert any("no repetitions" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("BM_x/4 1.5 us 812 ns 861330", ("BM_x/4", 1500, 812, 861330, {})),
        ("BM_x/4 1 s 2 ms 3", ("BM_x/4", 1e9, 2e6, 3, {})),
        ("BM_x 1.5us 812ns 7 8.5 9k", ("BM_x", 1500, 812, 7, {"column 5": 8.5, "column 6": 9})),
        ("  BM_x 1e3 ns 1 ns 7 a=2 b_c=3.25G/s", ("BM_x", 1000, 1, 7, {"a": 2, "b_c": 3.25})),
        ("BM_x 0 ns 1 ns 7", None),
        ("BM_x 1 ns 0 ns 7", None),
        ("BM_x 1 ns 1 ns 7.5", None),
        ("BM_x 1 h 1 ns 7", None),
        ("BM_x 1 ns 1 ns 7 " + "x" * 300, None),
    ],
)
def test_rows(line: str, expected: tuple[object, ...] | None) -> None:
    rows = [row for found in tables_of(line + "\n") for row in found.rows]
    assert [
        (row.name, row.time_ns, row.cpu_ns, row.iterations, {item.name: item.value for item in row.columns})
        for row in rows
    ] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("BM_x/64", 64),
        ("BM_x-64", 64),
        ("BM_x/8/64/real_time", 64),
        ("BM_x/64/threads:2", 64),
        ("BM_x64", None),
    ],
)
def test_the_last_number_of_a_name_is_the_size(name: str, size: int | None) -> None:
    assert row(name, 1).size_bytes == size


def test_headers_labels_titles_and_names() -> None:
    text = (
        "Results:\n\nBenchmark Time CPU Iterations\n-----\nBM_x 1 ns 1 ns 7\nwords\nBM_y 1 ns 1 ns 7\n"
        + "w" * 79 + "\nBenchmark_new: Time CPU Iterations GB/s\nBM_x 1 ns 1 ns 7 5 6\n"
        + "w" * 80 + "\nBenchmark Time CPU Iterations\nBM_x 1 ns 1 ns 7\n"
    )  # fmt: skip
    tables = tables_of(text)
    assert [(found.line, found.label, found.title, len(found.rows)) for found in tables] == [
        (3, "", "Results", 2),
        (9, "new", "w" * 79, 1),
        (12, "", "", 1),
    ]
    assert [found.name for found in tables] == ["Results", "new", "table at line 12"]
    assert [column.name for column in tables[1].rows[0].columns] == ["GB/s", "column 6"]


def test_the_same_names_again_are_another_table_and_one_name_again_a_repetition() -> None:
    again = "BM_x 1 ns 1 ns 7\nBM_y 1 ns 1 ns 7\n"
    assert [(found.line, len(found.rows)) for found in tables_of(again * 2)] == [(1, 2), (3, 2)]
    assert [len(found.rows) for found in tables_of("BM_x 1 ns 1 ns 7\n" * 3)] == [3]
    assert [len(found.rows) for found in tables_of("BM_x 1 ns 1 ns 7\n" * 2 + "BM_y 1 ns 1 ns 7\n" * 2)] == [
        4
    ]
    assert [
        len(found.rows)
        for found in tables_of("BM_x 1 ns 1 ns 7\nBM_y 1 ns 1 ns 7\nBM_x 1 ns 1 ns 7\nBM_x 1 ns 1 ns 7\n")
    ] == [2, 2]
