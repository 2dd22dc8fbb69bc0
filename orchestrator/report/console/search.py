# SPDX-License-Identifier: Apache-2.0
"""A search on a terminal: every value that was tried, then where OOM begins and what a variant buys."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from orchestrator.report.tables import PlainTable
from orchestrator.search.result import SearchResult, Tried
from orchestrator.search.varied import Varied
from orchestrator.text.amounts import count_of

_ENDED = {
    "budget": "The points were used up before every interval was as narrow as asked: raise --points.",
    "interrupted": "Interrupted: this is what is known so far.",
    "failed": "The search failed: this is what is known so far.",
    "running": "The search is still going on, or was killed: this is what is known so far.",
}


def print_search(result: SearchResult, console: Console) -> None:
    """Print the whole result."""
    console.print(_table(result))
    varied = Varied(result.field, result.low, result.high, result.unit_bytes, result.noun)
    for name, variant in result.variants.items():
        console.print(Text(f"{name}: ", style="bold").append(variant.text, style="not bold"), soft_wrap=True)
        for a, b in variant.violations:
            line = f"  not monotonic: more OOM at {varied.words(a)} than at {varied.words(b)}"
            console.print(Text(line, style="yellow"), soft_wrap=True)
    for margin in result.margins:
        console.print(Text(margin.text, style="bold green"), soft_wrap=True)
    if result.ended in _ENDED:
        console.print(Text(_ENDED[result.ended], style="yellow"), soft_wrap=True)


def _table(result: SearchResult) -> PlainTable:
    """Values in order, OOMs of all trials for each variant."""
    how = f"{count_of('block', result.blocks)} a value"
    if result.cold:
        how = f"{count_of('cold trial', result.blocks)} of each variant a value, NOT paired"
    table = PlainTable(title=f"{result.scenario}: OOM by {result.field}, {how}")
    table.add_column(Text(result.field), justify="right")
    for name in result.variants:
        table.add_column(Text(f"{name} OOM"))
    table.add_column("run")
    for point in sorted(result.points, key=lambda point: point.value):
        cells = (Text(_cell(point.variants[name])) for name in result.variants)
        table.add_row(point.text, *cells, Text(point.run))
    return table


def _cell(tried: Tried) -> str:
    others = {outcome: count for outcome, count in tried.outcomes.items() if outcome not in ("oom", "passed")}
    cell = f"{tried.ooms} of {tried.trials}" if tried.trials else "no evidence"
    return cell + "".join(f", {count} {outcome}" for outcome, count in others.items())
