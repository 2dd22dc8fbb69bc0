# SPDX-License-Identifier: Apache-2.0
"""Where there is no terminal nothing is cut off or padded; on one, cells go on in the next line."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from orchestrator.report.console.streams import PlainConsole
from orchestrator.report.tables import PlainTable

NAME = f"BM_sendVec_binder_raw/{'4096/' * 40}end"


def table(*cells: str) -> PlainTable:
    made = PlainTable("name", "change", "the last", title="one title")
    made.add_row(*map(Text, cells))
    made.add_row("b", "-", "")
    return made


def printed(console: Console, out: StringIO) -> list[str]:
    console.print(table(NAME, "+1.0 %", "x"))
    return out.getvalue().splitlines()


@pytest.fixture
def _no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.mark.usefixtures("_no_columns")
def test_a_log_has_names_whole_and_no_trailing_blanks() -> None:
    out = StringIO()
    lines = printed(PlainConsole(file=out), out)
    assert any(line.startswith(f"{NAME}  ") for line in lines)
    assert lines == [line.rstrip() for line in lines]
    assert lines[0] == "one title"
    assert len(lines) == 5


def test_columns_are_obeyed_and_still_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = StringIO()
    lines = printed(PlainConsole(file=out), out)
    assert max(map(len, lines)) <= 60
    assert lines == [line.rstrip() for line in lines]
    assert "…" not in out.getvalue()
    assert "".join(line.split("  ")[0] for line in lines[3:-1]) == NAME


def test_a_narrow_terminal_cuts_nothing_off() -> None:
    out = StringIO()
    lines = printed(PlainConsole(file=out, width=40, force_terminal=True, color_system=None), out)
    assert max(len(line.rstrip()) for line in lines) <= 40
    assert "…" not in out.getvalue()


@pytest.mark.usefixtures("_no_columns")
def test_a_sentence_is_one_line_and_a_prompt_keeps_its_blank() -> None:
    out = StringIO()
    console = PlainConsole(file=out)
    console.print(Text("word " * 100))
    console.print("go on? ", end="")
    assert out.getvalue() == f"{('word ' * 100).rstrip()}\ngo on? "
