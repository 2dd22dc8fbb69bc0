# SPDX-License-Identifier: Apache-2.0
"""One browser and a few pages for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.report.formats.html import render_html
from orchestrator.verdict.judged_run import JudgedRun
from tests.browser.chromium import Browser, chromium
from tests.unit.report.factory import Made, run_report
from tests.unit.report.guest_words import add_guest_words

ATTACKS = (
    "<script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 2'>",
    "</svg></style></title></pre><script>window.owned = 3</script>",
    "<svg onload='window.owned = 4'><a href='javascript:window.owned = 5'>x</a></svg>",
    "'\"><iframe srcdoc='<script>parent.owned = 6</script>'></iframe>",
    "{{ 7 * 191 }} {% raw %} ]]> --> \x1b[2J \u202e",
)
"""Lines on a guest's console that want to be more than text."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser of our own."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run with everything in it: both clocks, benchmarks, audits, answers."""
    place = tmp_path_factory.mktemp("report")
    report = run_report(place / "run", Made(blocks=8, forks=2, clocks=("realtime", "deterministic")))
    return _written(report, place)


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run whose guests attack the reader wherever they have a word."""
    place = tmp_path_factory.mktemp("hostile")
    report = run_report(place / "run", Made(blocks=6, hostile=True))
    for console in report.directory.trials.glob("*/console.log"):
        console.write_text("\n".join([*ATTACKS, console.read_text()]))
    passes = []
    for each in report.verdict.passes:
        (comparison,) = each.comparisons
        timings = [
            timing.model_copy(update={"name": f"BM_x/{attack}"})
            for timing, attack in zip(comparison.timings, ATTACKS, strict=False)
        ]
        passes.append(
            each.model_copy(
                update={"comparisons": (comparison.model_copy(update={"timings": tuple(timings)}),)}
            )
        )
    verdict = report.verdict.model_copy(update={"passes": tuple(passes)})
    return _written(replace(report, verdict=verdict), place)


def _written(report: JudgedRun, place: Path) -> Path:
    add_guest_words(report)
    page = place / "report.html"
    page.write_text(render_html(report))
    return page
