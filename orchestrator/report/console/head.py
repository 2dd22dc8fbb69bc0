# SPDX-License-Identifier: Apache-2.0
"""How the full report of a run begins: the verdict, what was seen, and what must be known at once."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from orchestrator.report.console.fitted import Style
from orchestrator.report.rows import headline, reasons
from orchestrator.text.plain import one_line
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.summary import summarise
from orchestrator.verdict.verdict import Verdict

STYLES: dict[Conclusion, Style] = {
    Conclusion.MET: "bold green",
    Conclusion.NOT_MET: "bold red",
    Conclusion.COMPARED_ONLY: "bold cyan",
    Conclusion.MISSING: "bold yellow",
}


def print_head(verdict: Verdict, console: Console) -> None:
    """The verdict, the sentence, the reasons."""
    console.print(Text(one_line(headline(verdict)), style=STYLES[verdict.conclusion]))
    console.print(Text(one_line(summarise(verdict).sentence)))
    for line in reasons(verdict):
        console.print(Text(f"  {one_line(line)}"), soft_wrap=True)
    for line in verdict.foremost:
        console.print(Text(one_line(line), style="bold red"), soft_wrap=True)
