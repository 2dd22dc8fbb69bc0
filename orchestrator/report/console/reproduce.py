# SPDX-License-Identifier: Apache-2.0
"""What a scenario rests on, for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from orchestrator.report.tables import PlainTable
from orchestrator.reproduce.fact import Fact

_STYLES = {"read": "green", "inferred": "yellow", "unknown": "red"}


def print_facts(facts: Sequence[Fact], console: Console) -> None:
    """A table: what was read, then what was inferred, then what is unknown."""
    table = PlainTable("", "what", "value", "why")
    last = ""
    for fact in facts:
        if last not in ("", fact.origin):
            table.add_section()
        shown = fact.origin if fact.origin != last else ""
        table.add_row(Text(shown, style=_STYLES[fact.origin]), *map(Text, (fact.what, fact.value, fact.why)))
        last = fact.origin
    console.print(table)
