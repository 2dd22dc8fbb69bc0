# SPDX-License-Identifier: Apache-2.0
"""What programs write, as figures: three formats, and everything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.evidence.program_output import MOST_FIGURES, Figure, read_output

GOOGLE = {
    "context": {"date": "2026-12-01", "executable": "./bench"},
    "benchmarks": [
        {"name": "BM_x/8", "run_name": "BM_x/8", "run_type": "iteration", "repetition_index": index,
         "iterations": 1000, "real_time": real, "cpu_time": 2.0, "time_unit": "us", "label": "text",
         "bytes_per_second": 100.0 * real, "faults": 3}
        for index, real in enumerate((5.0, 1.0, 3.0))
    ]
    + [
        {"name": "BM_x/8_mean", "run_name": "BM_x/8", "run_type": "aggregate", "aggregate_name": "mean",
         "iterations": 3, "real_time": 9.0, "cpu_time": 9.0, "time_unit": "us"},
        {"name": "BM_bad", "run_type": "iteration", "iterations": 0, "real_time": 0.0, "cpu_time": 0.0,
         "time_unit": "ns", "error_occurred": True, "error_message": "no \x1b[31mmemory"},
    ],
}  # fmt: skip

KTAP = """\
KTAP version 1
1..3
    KTAP version 1
    1..2
    # a diagnostic line
    ok 1 first
    not ok 2 second # it was 3, not 4
not ok 1 suite
ok 2 - other # SKIP no such device
ok 3 third # XFAIL known
"""

SELFTEST = """\
TAP version 13
1..1
# selftests: mm: cow
# TAP version 13
# 1..2
# ok 1 Basic COW
# not ok 2 vmsplice()
not ok 1 selftests: mm: cow # exit=1
"""


def test_google_benchmark_s_json_gives_the_median_of_repetitions_and_of_counters() -> None:
    output = read_output("Running ./bench\n" + json.dumps(GOOGLE))
    assert output.format == "google-benchmark"
    assert output.figures == (
        Figure("BM_x/8", 3000, 3000.0, 2000.0),
        Figure("BM_x/8:bytes_per_second", value=300.0, unit="1/s"),
        Figure("BM_x/8:faults", value=3.0),
        Figure("BM_bad", 0, error="no <U+001B>[31mmemory"),
    )


def test_with_aggregates_alone_it_is_their_median() -> None:
    rows = [
        {"name": f"BM_x_{name}", "run_name": "BM_x", "run_type": "aggregate", "aggregate_name": name,
         "iterations": 3, "real_time": time, "cpu_time": 1, "time_unit": "ms"}
        for name, time in (("mean", 7), ("median", 5), ("stddev", 1))
    ]  # fmt: skip
    (figure,) = read_output(json.dumps({"benchmarks": rows})).figures
    assert figure == Figure("BM_x", 3, 5e6, 1e6)


def test_ktap_gives_a_row_for_each_test_under_the_name_of_its_suite() -> None:
    output = read_output(KTAP)
    assert output.format == "ktap"
    assert [(each.name, each.failed, each.error) for each in output.figures] == [
        ("suite/first", 0, None),
        ("suite/second", 1, "not ok: it was 3, not 4"),
        ("other", 0, "skipped: no such device"),
        ("third", 0, None),
    ]


def test_a_selftest_s_own_tests_are_those_that_its_runner_passes_on_as_comments() -> None:
    assert [(each.name, each.failed) for each in read_output(SELFTEST).figures] == [
        ("selftests: mm: cow/Basic COW", 0),
        ("selftests: mm: cow/vmsplice()", 1),
    ]


def test_a_suite_that_fails_although_its_tests_do_not_is_a_failure() -> None:
    text = "TAP version 13\n1..1\n  ok 1 a\nnot ok 1 suite # crashed\n"
    assert [(each.name, each.failed) for each in read_output(text).figures] == [("suite/a", 0), ("suite", 1)]


def test_tests_of_one_name_are_told_apart() -> None:
    text = "1..3\nok 1 a\nok 2 a\nok 3\n"
    assert [each.name for each in read_output(text).figures] == ["a", "a#2", "test 3"]


def test_lines_of_name_value_unit_are_figures_and_times_are_nanoseconds() -> None:
    text = "# header\nlatency 1.5 us\nthroughput: 12e3 KiB/s\nrounds=  7\nerrors 0 errors\nsaved -3 pages\n"
    output = read_output(text)
    assert output.format == "values"
    assert output.figures == (
        Figure("latency", real_ns=1500.0),
        Figure("throughput", value=12000.0, unit="KiB/s"),
        Figure("rounds", value=7.0),
        Figure("errors", value=0.0, unit="errors"),
        Figure("saved", value=-3.0, unit="pages"),
    )


def test_a_name_that_stands_on_several_lines_is_their_median() -> None:
    output = read_output("t 1 ms\nt 9 ms\nt 2 ms\nn 4 x\nn 5 y\n")
    assert output.figures == (
        Figure("t", 3, real_ns=2e6),
        Figure("n", 0, error="its lines have different units"),
    )


@pytest.mark.parametrize(
    "text",
    ["", "hello\n", "Testing 3 things\nand more of it\nand more\n", "{",
     '{"benchmarks": 7}', '{"benchmarks": [7]}', "a" * 5000 + " 1 ns\n", "name 5 5 ns\n",
     "\x00\x01", '{"a":' * 2000],
)  # fmt: skip
def test_anything_else_is_of_an_unknown_format(text: str) -> None:
    output = read_output(text)
    assert (output.format, output.figures) == ("unknown", ())


def test_numbers_that_nobody_can_count_with_are_errors() -> None:
    (figure,) = read_output("huge 1e999 pages\n").figures
    assert figure.error is not None
    rows = [{"name": "BM", "iterations": 1e400, "real_time": -1, "cpu_time": True, "time_unit": ["ns"]}]
    (figure,) = read_output(json.dumps({"benchmarks": rows}).replace("Infinity", "1e400")).figures
    assert figure == Figure("BM", 0)


def test_a_flood_of_figures_is_cut_and_counted() -> None:
    output = read_output("".join(f"f{number} {number} x\n" for number in range(MOST_FIGURES + 7)))
    assert (len(output.figures), output.left_out) == (MOST_FIGURES, 7)


def test_names_are_plain_and_short() -> None:
    (figure,) = read_output("1..1\nok 1 \u202eevil" + "x" * 500 + "\n").figures
    assert figure.name.startswith("<U+202E>evil")
    assert len(figure.name) <= 120


@given(st.text(st.characters(codec="utf-8") | st.sampled_from('{}[]":,okn#.1 \n\t'), max_size=300))
def test_any_text_has_an_answer(text: str) -> None:
    output = read_output(text)
    assert (output.format == "unknown") == (not output.figures)
