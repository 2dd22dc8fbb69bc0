# SPDX-License-Identifier: Apache-2.0
"""The HTML report as text: what is in it, in which order, and that no guest has a say in its markup."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.analysis.picture_table import PictureLine, PictureTable
from orchestrator.outcome import Outcome
from orchestrator.record.manifest import RunManifest
from orchestrator.report.formats.html import render_html
from orchestrator.report.formats.html.drawing import draw, name_axes
from orchestrator.report.formats.html.figures import latency_plot, memory_section
from orchestrator.report.formats.html.ratios import ratio_plots
from orchestrator.report.formats.html.text import finalize, prose
from orchestrator.verdict.judged_run import JudgedRun
from tests.unit.report.factory import HOSTILE, Made, comparison, run_report
from tests.unit.report.guest_words import add_guest_words, line

_VOID = {"meta", "link", "br", "img", "input"}
KERNELS = "How this kernel differs from a phone's"


class _Page(HTMLParser):
    """Elements, ids and text; mismatched tags are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.headings: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids[value or ""] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("td", "th"):
            data += " "
        if self._open and self._open[-1] != "style":
            self.words.append(data)
        if self._open and self._open[-1] == "h2":
            self.headings.append(data.strip())

    @property
    def labels(self) -> list[str]:
        """What the drawings say to who cannot see them."""
        return [value for tag, name, value in self.attributes if (tag, name) == ("svg", "aria-label")]

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def _page(path: Path, made: Made) -> _Page:
    report = run_report(path / "run", made)
    add_guest_words(report)
    return _Page(render_html(report))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> _Page:
    """A run of eight blocks under both clocks."""
    return _page(
        tmp_path_factory.mktemp("whole"), Made(blocks=8, clocks=("realtime", "deterministic"), forks=2)
    )


def test_the_verdict_comes_first_and_everything_else_after_it(page: _Page) -> None:
    assert page.headings[-10:] == [
        "Outcomes", "The reviewer\N{RIGHT SINGLE QUOTATION MARK}s four questions", "Memory",
        "Latency of the trigger\N{RIGHT SINGLE QUOTATION MARK}s requests",
        "Benchmarks", "Allocation audit", "OOM events", KERNELS, "Trials", "Repeat it",
    ]  # fmt: skip
    assert page.text.index("Expectations met") < page.text.index("8 of 8 OOM") < page.text.index("Outcomes")


def test_it_says_what_the_verdict_says(page: _Page) -> None:
    for text in (
        "16 of 16 OOM",
        "8 blocks with 8 distinct memory states; the variants fork from the same memory",
        "kcalloc: oom in 8 of 8 blocks, 95 % interval 29 to 100 %",
        "Do you have an explanation for this performance improvement?",
        "no difference larger than 4 % at 4096 B",
        "oomlab-trigger (pid 90) requested 32 KiB of physically contiguous memory",
        "oomlab run binder-order3 --set trials.blocks=8",
        "qemu-system-aarch64 -M virt # kvcalloc",
    ):
        assert text in page.text


def test_every_figure_has_words_and_numbers(page: _Page) -> None:
    assert page.elements["figure"] == page.elements["figcaption"]
    plots = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "role")]
    # Heat map, composition, ways and bars, latencies, and two states of benchmarks, for either clock.
    assert plots == ["img"] * 14
    assert all(len(label) > 40 for label in page.labels)
    tables = [value for tag, name, value in page.attributes if (name, value) == ("class", "figure-numbers")]
    assert len(tables) == len(plots)


def test_no_id_is_there_twice_and_every_reference_leads_somewhere(page: _Page) -> None:
    assert [name for name, count in page.ids.items() if count > 1] == []
    targets = [
        value[1:] for _, name, value in page.attributes if name in ("href", "xlink:href") and value[:1] == "#"
    ]
    clips = [found for _, _, value in page.attributes for found in re.findall(r"url\(#([^)]+)\)", value)]
    assert targets
    assert clips
    assert {*targets, *clips} <= page.ids.keys()


def test_nothing_is_fetched_and_nothing_runs(page: _Page) -> None:
    for tag, name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("src", "href", "xlink:href", "action", "srcset", "data", "poster"):
            assert value.startswith(("#", "data:")), (tag, name, value)
    assert page.elements["script"] == page.elements["img"] == page.elements["iframe"] == 0
    policy = next(value for tag, name, value in page.attributes if (tag, name) == ("meta", "content"))
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


def test_colours_are_the_pages_own(page: _Page) -> None:
    styles = " ".join(value for _, name, value in page.attributes if name == "style")
    assert "var(--series-0)" in styles
    assert "#fe00" not in styles


def test_a_hostile_guest_is_shown_and_not_obeyed(page: _Page, tmp_path: Path) -> None:
    hostile = _page(tmp_path, Made(blocks=2, hostile=True))
    assert hostile.elements.keys() - page.elements.keys() == {"aside"}  # where its warnings are
    assert "<script>alert(1)</script>" in hostile.text
    for character in ("\x1b", "\x07", "\x00", "\x9b", "\u202e"):
        assert character in HOSTILE
        assert character not in hostile.text
    assert "<U+001B>]0;owned<U+0007>" in hostile.text
    assert "<U+202E>" in hostile.text
    assert "kcalloc: the kernel reported a bug of its own in 6 of 6 trials" in hostile.text


def test_words_between_backticks_are_code_and_nothing_else_is_markup() -> None:
    assert prose("`a` <b> `<i>` \x1b") == "<code>a</code> &lt;b&gt; <code>&lt;i&gt;</code> &lt;U+001B&gt;"


def test_text_is_bounded() -> None:
    assert str(finalize("x" * 10**6)).endswith("(980000 more characters)")


def test_a_run_without_anything_is_a_page_all_the_same(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1, benchmarks=False))
    passes = tuple(
        each.model_copy(update={"comparisons": (), "answers": (), "audit": None})
        for each in report.verdict.passes
    )
    verdict = report.verdict.model_copy(update={"passes": passes})
    page = _Page(render_html(replace(report, verdict=verdict, blocks=(), results=(), events=())))
    assert page.headings[-4:] == ["Outcomes", "OOM events", KERNELS, "Repeat it"]
    assert "None: no console held" in page.text
    assert "Nothing was traced" in page.text


def test_a_verdict_that_is_not_met_says_why(tmp_path: Path) -> None:
    page = _page(tmp_path, Made(blocks=2, benchmarks=False, spoil=Outcome.HANG))
    assert "Expectations NOT met" in page.text
    assert page.text.index("kvcalloc: ") < page.text.index("Outcomes")


def test_a_memory_picture_is_shown_beside_the_guests(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1, benchmarks=False))
    lines = (
        PictureLine(
            name="active_anon", unit="kB", wanted=188_384, start=190_000, start_percent=0.9, judged=True
        ),
    )
    picture = PictureTable(lines=lines, zones=("DMA",), worst="active_anon", worst_percent=0.9)
    passes = tuple(each.model_copy(update={"picture": picture}) for each in report.verdict.passes)
    verdict = report.verdict.model_copy(update={"passes": passes})
    page = _Page(render_html(replace(report, verdict=verdict)))
    assert "active_anon 188384 190000 +0.9 %" in page.text


def test_ratios_are_drawn_of_equal_work_alone_and_instructions_called_so(tmp_path: Path) -> None:
    made = Made(blocks=8, clocks=("deterministic",))
    one, *others = comparison("deterministic", made).timings
    timings = (
        one.model_copy(update={"name": "BM_mmap_binder/4194304/map:1048576/held:300", "interval": "exact"}),
        one.model_copy(update={"name": "BM_other/1", "statistic": "p99"}),
        *(other.model_copy(update={"comparable": False}) for other in others),
    )
    places = {"kcalloc": 0, "kvcalloc": 1}
    whole = comparison("deterministic", made).model_copy(update={"timings": timings})
    (plot,) = ratio_plots(whole, states=("relaxed", "target"), name="x", places=places)
    assert plot.caption.startswith(
        "Instructions of kvcalloc / instructions of kcalloc; below 1: kvcalloc needs"
    )
    assert "Figures of different work are left out" in plot.caption
    for words in ("BM_mmap_binder, map 1 MiB, held 300", "4 MiB", "fewer", "ratio of instructions"):
        assert words in plot.svg
    assert "BM_other" not in plot.svg
    assert "other work" in {cell for row in plot.numbers.rows for cell in row}


def test_many_blocks_are_summarised_and_that_is_said(tmp_path: Path) -> None:
    page = _page(tmp_path, Made(blocks=45, benchmarks=False))
    assert "usable units of order 3 over time in 40 of 45 blocks" in " ".join(page.labels)
    assert "37 more" in page.text


def test_a_target_of_no_units_at_all_is_drawn(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=2, benchmarks=False))
    add_guest_words(report)
    text = report.manifest.model_dump_json().replace('"max":300', '"max":0')
    page = _Page(render_html(replace(report, manifest=RunManifest.model_validate_json(text))))
    assert "wanted: at most 0" in page.text


def test_damaged_files_cost_a_figure_and_no_report(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=2, benchmarks=False))
    add_guest_words(report)
    control = report.directory.blocks / "0001" / "control.jsonl"
    control.write_bytes(b'{"event":"state","t_us":1}\n\xff\xfe\n{"event":"target"' + control.read_bytes())
    (report.directory.trials / "0001" / "control.jsonl").unlink()
    assert "Repeat it" in _Page(render_html(report)).text


@pytest.fixture(scope="module")
def one_block(tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    """A small run, whose files a test may write anew."""
    report = run_report(tmp_path_factory.mktemp("small") / "run", Made(blocks=1, benchmarks=False))
    add_guest_words(report)
    return report


_NUMBERS = st.integers(-2, 3) | st.integers(10**3, 10**6) | st.just(10**400)


@settings(max_examples=10)
@given(
    states=st.lists(
        st.fixed_dictionaries(
            {
                "t_us": _NUMBERS, "step": st.just(1), "action": st.just("\u202e"), "free_kb": _NUMBERS,
                "units": st.lists(_NUMBERS, max_size=4), "held_kb": _NUMBERS,
            }
        ),
        max_size=4,
    ),
    last=st.fixed_dictionaries(
        {"t_us": _NUMBERS, "reached": st.booleans(), "free_kb": _NUMBERS,
         "units": st.lists(_NUMBERS, max_size=4), "elapsed_ms": _NUMBERS}
    ),
    latencies=st.lists(_NUMBERS, max_size=4),
)  # fmt: skip
def test_no_number_of_a_guest_stops_a_figure(
    one_block: JudgedRun, states: list[dict[str, Any]], last: dict[str, Any], latencies: list[int]
) -> None:
    control = one_block.directory.blocks / "0001" / "control.jsonl"
    hello = control.read_text().splitlines()[0]
    said = [line("state", **state) for state in states]
    control.write_text("".join([hello, "\n", *said, line("target", **last)]))
    mmaps = line("latencies", 5, process=0, first=0, latency_ns=latencies, errno=[0] * len(latencies))
    (one_block.directory.trials / "0001" / "control.jsonl").write_text(mmaps)
    assert memory_section(one_block, "realtime").there
    assert latency_plot(one_block, "realtime", {"kcalloc": 0, "kvcalloc": 1})


@pytest.mark.parametrize(
    "label", ['"><script>alert(1)</script>', "$x$ \\frac{", "\x1b[2J \u202e", 'url(#x) id="y']
)
def test_a_label_is_text_in_a_drawing_too(label: str) -> None:
    page = _Page(str(draw(partial(name_axes, x=label, y=label), name="n", label=label)))
    assert page.elements["script"] == 0
    assert all(name.startswith("n-") for name in page.ids)
