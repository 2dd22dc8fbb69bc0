# SPDX-License-Identifier: Apache-2.0
"""Tables of measurements are read by their structure: columns, units, and which kernel each is of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mail.contents import Contents, contents_json, read_contents
from orchestrator.mail.grid import Grid
from orchestrator.mail.grid_comparison import GridComparison, replaced_by
from orchestrator.mail.quantity import better_by_name, better_by_subject, better_by_unit
from orchestrator.patch_review.review import Review
from orchestrator.report.console.mail_contents import page


def contents(text: str, subject: str = "[PATCH] x: y") -> Contents:
    return read_contents(f"From: a@example.org\nSubject: {subject}\n\n{text}".encode())


def only_grid(text: str) -> Grid:
    (grid,) = contents(text).grids
    return grid


def compared(text: str, subject: str = "[PATCH] x: y") -> list[GridComparison]:
    return list(contents(text, subject).grid_comparisons)


def words(item: GridComparison) -> list[str]:
    return [row.verdict for row in item.rows]


IN_MS = """\
Time to fault in 1 GiB (in ms):

threads    before    after    change
1           812.4    640.1    -21.2%
4             301      250      -17%
"""
MARKDOWN = """\
| test      | base (MB/s) | patched (MB/s) | diff  |
|-----------|------------:|---------------:|------:|
| seq read  |     1,204.5 |        1,310.0 | +8.8% |
| rand read |          88 |             87 | -1.1% |
"""
MMTESTS = """\
                              6.9-rc1               6.9-rc1
                              vanilla               patched
Elapsed (s)       120.50 (   0.00%)     110.20 (   8.55%)
Throughput MB/s   800.00 +- 3%          900.00 ± 2%
"""
SUBJECTS = "size [bytes]   kvmalloc[ns]   kmalloc[ns]\n4096   130   123\n8192   140   133\n"
QUOTED = "> nr\tlatency(us)\tops/sec\n> 1\t10.5\t2000\n> 2\t11.5\t2100\n"


def test_units_stand_in_the_head_the_caption_the_name_or_the_cell() -> None:
    grid = only_grid(IN_MS)
    assert (grid.title, grid.unit, grid.label) == ("Time to fault in 1 GiB (in ms)", "ms", "threads")
    assert [[cell.value for cell in row.cells] for row in grid.rows] == [
        [812.4, 640.1, -21.2], [301, 250, -17],
    ]  # fmt: skip
    assert [(column.name, column.unit) for column in only_grid(MARKDOWN).columns] == [
        ("base", "MB/s"), ("patched", "MB/s"), ("diff", ""),
    ]  # fmt: skip
    assert [(row.name, row.unit) for row in only_grid(MMTESTS).rows] == [
        ("Elapsed", "s"), ("Throughput", "MB/s"),
    ]  # fmt: skip
    assert [(column.name, column.unit) for column in only_grid(SUBJECTS).columns] == [
        ("kvmalloc", "ns"), ("kmalloc", "ns"),
    ]  # fmt: skip
    assert [column.unit for column in only_grid(QUOTED).columns] == ["us", ""]
    in_cells = only_grid("test  old   new\nread  5us   4us\nwrite 7 us  8 us\n")
    assert [[cell.unit for cell in row.cells] for row in in_cells.rows] == [["us", "us"]] * 2


def test_columns_of_two_kernels_are_compared_each_way_round() -> None:
    (item,) = compared(IN_MS)
    assert (item.base, item.changed, words(item)) == ("before", "after", ["better", "better"])
    assert item.why == "ms: less is better"
    (item,) = compared(MARKDOWN)
    assert words(item) == ["better", "worse"]
    (item,) = compared(MMTESTS)
    assert (words(item), item.mean) == (["better", "better"], None)
    (item,) = compared("test   with patch (us)   without patch (us)\na  5   4\nb  7  7\n")
    assert (item.base, item.changed) == ("without patch", "with patch")
    assert words(item) == ["worse", "the same"]


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("[PATCH] x: replace kmalloc with kvmalloc", "kmalloc"),
        ("[PATCH] x: use kvmalloc() instead of kmalloc()", "kmalloc"),
        ("[PATCH] x: convert kvmalloc to kmalloc", "kvmalloc"),
        ("[PATCH] x: switch from kvmalloc() to kmalloc()", "kvmalloc"),
        ("[PATCH] x: something else", "kvmalloc"),
    ],
)
def test_the_subject_says_which_column_is_the_base(subject: str, base: str) -> None:
    (item,) = compared(SUBJECTS, subject)
    assert item.base == base
    assert ("assumed" in item.how) is ("something" in subject)


PLAIN = "             v6.9    v6.9+patch\nalloc/free   1234    {}\nwalk         99      {}\n"


@pytest.mark.parametrize(
    ("subject", "values", "better", "verdicts"),
    [
        ("[PATCH] mm: improve the fast path", (1100, 80), "less", ["better", "better"]),
        ("[PATCH] mm: improve the fast path", (1300, 120), "more", ["better", "better"]),
        ("[PATCH] mm: speed up walks", (1100, 80), "less", ["better", "better"]),
        ("[PATCH] mm: improve throughput", (1100, 80), "more", ["worse", "worse"]),
        ("[PATCH] mm: improve latency", (1300, 120), "less", ["worse", "worse"]),
        ("[PATCH] mm: reduce lock contention", (1100, 80), "less", ["better", "better"]),
        ("[PATCH] mm: increase the batch", (1300, 80), "more", ["better", "worse"]),
        ("[PATCH] mm: rework the list", (1300, 80), None, ["", ""]),
    ],
)
def test_where_units_say_nothing_the_subject_says_what_is_better(
    subject: str, values: tuple[int, int], better: str | None, verdicts: list[str]
) -> None:
    (item,) = compared(PLAIN.format(*values), subject)
    found = {row.better for row in item.rows}
    assert found == {better}
    assert words(item) == verdicts
    assert ("the subject says" in item.why) is (better is not None)


def test_what_a_table_says_of_itself_counts_more_than_names() -> None:
    index = (
        "index   6.8   6.8-patched   Improvement\nCall Overhead  1200  1250  4.2%\nPipe  800  799  -0.1%\n"
    )
    (item,) = compared(index)
    assert (words(item), item.why) == (
        ["better", "worse"], "more is better by the signs of the table's own gains",
    )  # fmt: skip
    said = "score ({} is better)\ntest   before   after\na   5   4\nb   7   8\n"
    assert [words(*compared(said.format(word))) for word in ("lower", "higher")] == [
        ["better", "worse"], ["worse", "better"],
    ]  # fmt: skip
    (item,) = compared(
        "groups  tip/core  + patch\n1  0.500(sec)  ( 1.2%)  0.450(sec) ( 1.1%)\n4  0.7(sec)  0.8(sec)\n"
    )
    assert words(item) == ["better", "worse"]


@pytest.mark.parametrize(
    ("text", "verdicts"),
    [
        ("   rate (MB/s)   latency (us)\nbefore:  100   20\nafter:   120   21\n", ["better", "worse"]),
        ("   orig   used\nbefore:  1000 MB  500 MB\nafter:  1000 MB  450 MB\n", ["the same", "better"]),
        ("kernel  ops/sec\nvanilla  5\npatched  6\n", ["better"]),
    ],
)  # fmt: skip
def test_kernels_may_be_rows(text: str, verdicts: list[str]) -> None:
    (item,) = compared(text, "[PATCH] x: reduce it")
    assert item.how == "by the names of the rows"
    assert words(item) == verdicts


@pytest.mark.parametrize(
    ("rows", "verdicts"),
    [
        (("real  0m{}.34s\nsys  0m1.5s\n", 12, 10), ["better", "the same"]),
        (("  throughput: {} MB/s\n  p99: 5 us\n", 100, 120), ["better", "the same"]),
        (("real\t{}m1.340s\nuser\t1m2.5s\n", 1, 2), ["worse", "the same"]),
    ],
)
@pytest.mark.parametrize("gap", ["", "\n"])
def test_lists_below_the_names_of_kernels(rows: tuple[str, int, int], verdicts: list[str], gap: str) -> None:
    text, before, after = rows
    lists = f"Before the patch:\n{gap}{text.format(before)}\nWith the patch:\n{gap}{text.format(after)}"
    (item,) = compared(lists)
    assert (item.base, item.changed, words(item)) == ("Before the patch", "With the patch", verdicts)


def test_two_tables_one_after_the_other_are_compared_column_by_column() -> None:
    one = "nr  latency(us)  throughput(MB/s)\n1   {}  {}\n2   11.5  210\n"
    text = f"Before:\n{one.format(10.5, 200)}\nAfter:\n{one.format(9.5, 190)}"
    latency, throughput = compared(text)
    assert (latency.base, latency.changed) == ("Before", "After")
    assert (words(latency), words(throughput)) == (["better", "the same"], ["worse", "the same"])
    reverse = f"With the patch:\n{one.format(9.5, 190)}\nWithout:\n{one.format(10.5, 200)}"
    assert [(item.base, item.changed) for item in compared(reverse)] == [("Without", "With the patch")] * 2


@pytest.mark.parametrize(
    "text",
    [
        "cat /proc/meminfo\nMemTotal:       123 kB\nMemFree:        23 kB\n",
        "Node 0, zone Normal 1 2 3 4\nNode 0, zone DMA 1 2 3 4\n",
        " drivers/a.c | 5 +++--\n drivers/b.c | 3 ++-\n 2 files changed, 3 insertions(+), 5 deletions(-)\n",
        "[ pid ]  uid  tgid rss oom_score_adj name\n[  1]  0  1 10 -1000 udevd\n[  2]  0  2 10 0 app\n",
        "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n t  before (us)  after (us)\n r  5  4\n-w 7  8\n+w 7 9\n",
        "After\nvm.a 5\nvm.b 6\n",
        "See the two lines below.\n1 2 3\n4 5 6\n",
        "Slab info\nName   Used   Total\nkmalloc-8  4KB  8KB\nkmalloc-16 4KB 8KB\n",
        "test  before (us)  after (us)\nread  5  4\n",
    ],
)
def test_other_columns_of_numbers_are_no_tables(text: str) -> None:
    assert contents(text).grids == ()


def test_googles_tables_with_units_in_their_head_are_its_own() -> None:
    head = "Benchmark-{}  Time (us)  CPU (us)  Iterations\n"
    rows = "BM_x/4096  {}  {}  1000\nBM_x/8192  20  19  500\n"
    text = head.format("new") + rows.format(10, 9) + head.format("old") + rows.format(20, 18)
    found = contents(text, "[PATCH] x: replace old with new")
    assert [[row.time_ns for row in table.rows] for table in found.tables] == [[10e3, 20e3], [20e3, 20e3]]
    assert found.grids == ()
    (item,) = found.comparisons
    assert (item.base, item.changed) == ("old", "new")
    assert item.how == "the subject replaces by it: 'new'"


def test_what_is_shown_and_given_to_scripts() -> None:
    found = contents(IN_MS, "[PATCH] mm: fault faster")
    assert not found.empty
    shown = list(page(found, Review()))
    head = "  line 6: Time to fault in 1 GiB (in ms), 2 rows of before (ms), after (ms), change"
    assert [line for line in shown if line.startswith("  line")] == [head]
    assert "  after against before (by the names of the columns); ms: less is better" in shown
    assert [line.split()[-1] for line in shown if line.lstrip().startswith(("1 (ms)", "4 (ms)"))] == [
        "better", "better",
    ]  # fmt: skip
    data = contents_json(found)
    assert data["tables"][0]["rows"][0]["printed"] == {"before": 812.4, "after": 640.1, "change": -21.2}
    assert data["column_comparisons"][0]["rows"][0]["verdict"] == "better"


@pytest.mark.parametrize(
    ("unit", "better"),
    [("ns", "less"), ("seconds", "less"), ("cycles", "less"), ("cycles/op", "less"), ("MB/s", "more"),
     ("GiB/sec", "more"), ("Mbps", "more"), ("tps", "more"), ("ops/s", "more"), ("req/sec", "more"),
     ("kB", None), ("%", None)],
)  # fmt: skip
def test_units(unit: str, better: str | None) -> None:
    assert better_by_unit(unit) == better


def test_names_and_subjects() -> None:
    assert better_by_name("p99 latency") == "less"
    assert better_by_name("throughput") == "more"
    assert better_by_name("throughput and latency") is None
    assert better_by_subject("reduce and increase", fell=True) == (None, "")
    assert replaced_by("binder: x") == ("", "")


@given(st.text(alphabet="ab 0123456789.,|()[]%±+-\t\nµs/", max_size=300))
def test_no_text_is_too_odd(text: str) -> None:
    for grid in contents(text).grids:
        assert all(len(row.cells) == len(grid.columns) for row in grid.rows)


@given(
    st.lists(st.floats(1, 9999).map(lambda value: round(value, 2)), min_size=4, max_size=4),
    st.sampled_from(["  ", "\t", " | "]),
    st.sampled_from(["({})", "[{}]", " ({})", " (in {})", ", {}"]),
    st.sampled_from(["us", "MB/s", "ops/sec", "seconds", "cycles"]),
    st.booleans(),
)
def test_a_table_is_read_however_it_is_written(
    values: list[float], gap: str, form: str, unit: str, quoted: bool
) -> None:
    names = [f"{name}{form.format(unit)}" for name in ("before", "after")]
    rows: list[list[object]] = [["test", *names], ["read", *values[:2]], ["write", *values[2:]]]
    mark = "> " if quoted else ""
    text = "".join(f"{mark}{gap.join(map(str, row))}\n" for row in rows)
    (item,) = compared(text)
    assert [(row.base, row.changed, row.unit) for row in item.rows] == [
        (values[0], values[1], unit), (values[2], values[3], unit),
    ]  # fmt: skip
