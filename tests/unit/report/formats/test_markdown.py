# SPDX-License-Identifier: Apache-2.0
"""Markdown for a CI page: read back by a parser of GitHub's tables and links."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from orchestrator.outcome import Outcome
from orchestrator.report.formats.markdown import escaped, render_markdown
from orchestrator.text.plain import one_line
from tests.unit.report.factory import HOSTILE, Made, run_report

_OURS = re.compile(r"</?details>|<summary>[^<>]*(?:<!-- -->[^<>]*)*</summary>|<!-- -->")


def tokens(text: str) -> list[Token]:
    flat: list[Token] = []
    for token in MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(text):
        flat += [token, *(token.children or [])]
    return flat


def shown(text: str) -> str:
    """What a reader sees of one line."""
    children = [token for token in tokens(text) if token.type in ("text", "html_inline", "text_special")]
    return "".join(token.content for token in children if token.type != "html_inline")


def test_the_page_has_the_verdict_and_a_table_of_the_variants(tmp_path: Path) -> None:
    text = render_markdown(run_report(tmp_path / "run", Made(blocks=7)))
    kinds = [token.type for token in tokens(text)]
    assert kinds.count("table_open") == 4  # outcomes, a benchmark under each of two memories, kernels
    assert "**Verdict: expectations met.**" in text
    assert "| outcome | 7 x oom | 7 x passed |" in text
    assert "oomlab run binder-order3 --set trials.blocks=7\n" in text


def test_a_verdict_that_is_not_met_says_why(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1, benchmarks=False, spoil=Outcome.ALLOCATION_FAILURE))
    text = render_markdown(report)
    assert "expectations NOT met" in text
    assert "- kvcalloc: trial 2: outcome allocation-failure instead of passed: as it was told" in text


def test_nothing_of_a_guest_is_markup(tmp_path: Path) -> None:
    text = render_markdown(run_report(tmp_path / "run", Made(blocks=2, hostile=True)))
    found = tokens(text)
    assert {token.type for token in found} & {"link_open", "image", "code_inline"} == set()
    html = "".join(token.content for token in found if token.type.startswith("html"))
    assert _OURS.sub("", html).strip() == ""
    columns = {line.count(" | ") for line in text.splitlines() if line.startswith("| ")}
    assert columns <= {1, 2, 3, 5}, "a bar in a cell would be one more column"
    assert "@user" not in text


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    wanted = f"x{one_line(text)}x"
    assert shown(escaped(f"x{text}x")) == wanted


def test_the_hostile_text_is_shown_as_it_is() -> None:
    assert shown(f"x {escaped(HOSTILE)}") == f"x {one_line(HOSTILE)}"
