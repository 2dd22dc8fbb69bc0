# SPDX-License-Identifier: Apache-2.0
"""The formats of `oomlab report`; what one needs is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

from rich.console import Console

from orchestrator.errors import InputError
from orchestrator.files.atomic import json_text
from orchestrator.report.console.streams import PlainConsole
from orchestrator.text.nearest import nearest
from orchestrator.text.plain import one_line
from orchestrator.verdict.judged_run import RunReport

FORMATS = ("terminal", "html", "mail", "json", "gbench", "junit", "ktap", "csv", "markdown")
"""What `--format` takes."""
_TERMINAL_COLUMNS = 100


def known_format(word: str, formats: tuple[str, ...] = FORMATS) -> str:
    """The format called `word`; InputError names the nearest one."""
    if word in formats:
        return word
    close = _OTHER_WORDS.get(word.lower()) or nearest(word, formats)
    raise InputError(
        f"there is no format '{one_line(word)}'; there are: {', '.join(formats)}",
        hint=f"did you mean '{close}'?" if close in formats else "",
    )


_OTHER_WORDS = {
    "text": "terminal", "txt": "mail", "email": "mail", "md": "markdown", "xml": "junit", "tap": "ktap",
    "htm": "html", "google-benchmark": "gbench", "benchmark": "gbench", "tsv": "csv",
}  # fmt: skip


def render(report: RunReport, name: str, *, variant: str | None = None) -> str:
    """The report in the format `name`, as text that ends with a newline.

    `variant` restricts `gbench` to one variant; InputError with another format, or for an unknown one.
    """
    if variant is not None and name != "gbench":
        raise InputError("--variant is for --format gbench: the other formats show variants side by side")
    match name:
        case "html":
            from orchestrator.report.formats.html import render_html

            return render_html(report).rstrip("\n") + "\n"
        case "json":
            return json_text(report.verdict)
        case "gbench":
            from orchestrator.report.formats.gbench import render_gbench

            return render_gbench(report, variant)
        case "mail":
            from orchestrator.report.formats.mail import render_mail

            return render_mail(report)
        case "junit":
            from orchestrator.report.formats.junit import render_junit

            return render_junit(report)
        case "ktap":
            from orchestrator.report.formats.ktap import render_ktap

            return render_ktap(report)
        case "csv":
            from orchestrator.report.formats.csv_trials import render_csv

            return render_csv(report)
        case "markdown":
            from orchestrator.report.formats.markdown import render_markdown

            return render_markdown(report)
        case _:
            return _render_terminal(report)


def _render_terminal(report: RunReport) -> str:
    from orchestrator.report.console.terminal import print_report

    return printed(lambda console: print_report(report.verdict, console, page_sizes=report.page_sizes))


def printed(print_it: Callable[[Console], None]) -> str:
    """What is printed on a terminal, for a file: no colours, and as wide as on a wide one."""
    output = StringIO()
    print_it(PlainConsole(file=output, width=_TERMINAL_COLUMNS, color_system=None))
    return output.getvalue()
