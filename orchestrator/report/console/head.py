# SPDX-License-Identifier: Apache-2.0
"""How every page on a run begins: the verdict, what was seen, and what has to be known before all else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.text import Text

from orchestrator.report.rows import headline, reasons
from orchestrator.text.plain import one_line
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.summary import summarise
from orchestrator.verdict.verdict import Verdict

_STYLES = {
    Conclusion.MET: "bold green",
    Conclusion.NOT_MET: "bold red",
    Conclusion.COMPARED_ONLY: "bold cyan",
    Conclusion.MISSING: "bold yellow",
}


def print_head(
    verdict: Verdict, console: Console, shown: Callable[[Sequence[str]], Sequence[str]] = tuple
) -> None:
    """The verdict, the sentence, the reasons; `shown` takes the lines of a list that there is room for."""
    console.print(Text(one_line(headline(verdict)), style=_STYLES[verdict.conclusion]))
    console.print(Text(one_line(summarise(verdict).sentence)))
    for line in shown(reasons(verdict)):
        console.print(Text(f"  {one_line(line)}"), soft_wrap=True)
    for line in shown(verdict.foremost):
        console.print(Text(one_line(line), style="bold red"), soft_wrap=True)
