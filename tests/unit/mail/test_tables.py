# SPDX-License-Identifier: Apache-2.0
"""Benchmark tables: found in retyped and quoted forms, and read by their times alone."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from orchestrator.mail.contents import read_contents
from orchestrator.mail.message import read_messages
from orchestrator.mail.table import MailTable, find_tables
from orchestrator.mail.table_comparison import compare, one_way_mb_s
from tests.unit.mail.texts import DATA

QUOTED = (DATA / "kvcalloc-quoted.txt").read_bytes()

PLAIN = """
Run on (8 X 1785 MHz CPU s)
--------------------------------------------------------------
Benchmark                    Time             CPU   Iterations
--------------------------------------------------------------
BM_sendVec_binder/4        1.5 us          812 ns       861330
BM_sendVec_binder/8        2.0 us          912 ns       761330 bytes_per_second=3.5G/s
BM_no_size                 2 ms              1 ms          100
"""


def tables_of(text: str) -> list[MailTable]:
    return [table for message in read_messages(text.encode()) for table in find_tables(message.lines)]


def test_the_tools_own_output_is_read_with_its_units() -> None:
    (table,) = tables_of(PLAIN)
    assert [row.time_ns for row in table.rows] == [1500, 2000, 2e6]
    assert [row.cpu_ns for row in table.rows] == [812, 912, 1e6]
    assert [row.size_bytes for row in table.rows] == [4, 8, None]
    assert table.rows[1].columns[0].name == "bytes_per_second"


def test_the_quoted_tables_of_a_mail_are_told_apart_by_its_patch() -> None:
    contents = read_contents(QUOTED)
    assert [(table.label, table.title, len(table.rows)) for table in contents.tables] == [
        ("kvcalloc", "kvcalloc->kvmalloc", 5),
        ("kcalloc", "kcalloc->kmalloc", 5),
    ]
    (comparison,) = contents.comparisons
    assert (comparison.base, comparison.changed) == ("kcalloc", "kvcalloc")
    assert comparison.how == "the patch adds 'kvcalloc'"


def test_ratios_come_from_the_times() -> None:
    (comparison,) = read_contents(QUOTED).comparisons
    rows = [
        (pair.printed_ratio, pair.time_ratio, pair.cpu_ratio, pair.iterations_ratio)
        for pair in comparison.pairs
    ]
    assert [[round(value or 0, 3) for value in row] for row in rows] == [
        [1.401, 1.263, 1.182, 1.109],
        [1.395, 1.160, 1.138, 1.203],
        [1.275, 1.137, 1.125, 1.121],
        [1.306, 1.150, 1.083, 1.135],
        [1.192, 1.058, 1.052, 1.126],
    ]
    means = (comparison.printed_mean or 0, comparison.time_mean, comparison.cpu_mean)
    assert [round(mean, 2) for mean in means] == [1.31, 1.15, 1.12]
    rates = [(one_way_mb_s(pair.changed), one_way_mb_s(pair.base)) for pair in comparison.pairs]
    assert [[round(rate or 0, 1) for rate in row] for row in rates] == [
        [132.4, 104.8],
        [192.0, 165.6],
        [242.4, 213.2],
        [281.3, 244.5],
        [246.9, 233.2],
    ]


def test_a_column_that_counts_the_gain_twice_is_named() -> None:
    (comparison,) = read_contents(QUOTED).comparisons
    warning = comparison.warnings[0]
    assert warning.startswith(
        "'throughput(Gb/s)' is not what its name says: size * Iterations / Time gives all 10"
    )
    assert "BM_sendVec_binder-4096 prints 1.40 where the time says 1.26" in warning


def test_a_column_that_is_size_through_time_is_not_blamed() -> None:
    text = "Benchmark-{} Time CPU Iterations GB/s\nBM_x/4096 1024 ns 900 ns 7 {}\n"
    tables = tables_of(text.format("old", "4.00") + text.format("new", "4.00"))
    assert not any("not what its name" in warning for warning in compare(tables)[0].warnings)


def test_equal_labels_and_missing_repetitions_are_warned_about() -> None:
    text = "Benchmark-kvcalloc Time CPU Iterations\nBM_x/1 10 ns 9 ns 7\n"
    (comparison,) = compare(tables_of(text + text))
    assert any("one may be mislabelled" in warning for warning in comparison.warnings)
    assert any("no repetitions" in warning for warning in comparison.warnings)
    assert "assumed from the order" in comparison.how


@pytest.mark.parametrize(
    "line", ["BM_x 0 ns 0 ns 0", "BM_x 1 ns", "a b c", "BM_x 1e99 ns 2 ns 3 x", "BM_x 5 ns 5 ns 12.5"]
)
def test_look_alikes_are_no_rows_or_do_no_harm(line: str) -> None:
    for table in tables_of(line):
        assert all(value is not None for row in table.rows for value in astuple(row)[:3])
