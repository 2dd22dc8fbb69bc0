# SPDX-License-Identifier: Apache-2.0
"""The formats of `oomlab report`; what one needs is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from orchestrator.errors import InputError
from orchestrator.files.atomic import json_text
from orchestrator.report.console.streams import UNBOUNDED_COLUMNS, PlainConsole
from orchestrator.text.nearest import nearest
from orchestrator.text.plain import one_line

if TYPE_CHECKING:
    from orchestrator.verdict.judged_run import JudgedRun

_RENDERERS = {
    "html": "html:render_html",
    "mail": "mail:render_mail",
    "gbench": "gbench:render_gbench",
    "junit": "junit:render_junit",
    "ktap": "ktap:render_ktap",
    "kcidb": "kcidb:render_kcidb",
    "csv": "csv_trials:render_csv",
    "markdown": "markdown:render_markdown",
}
"""The table of formats: module of this room, and its function of a report."""
_FULL_MAIL = "mail_full:render_full_mail"
FORMATS = ("terminal", "json", *_RENDERERS)
"""What `--format` takes."""
SEARCH_FORMATS = ("terminal", "json")
"""What there is of a search."""


def known_format(word: str, formats: tuple[str, ...] = FORMATS) -> str:
    """The format called `word`; InputError names the nearest one."""
    if word in formats:
        return word
    close = _OTHER_WORDS.get(word.lower()) or nearest(word, formats)
    raise InputError(
        f"there is no format '{one_line(word)}'; there are: {', '.join(formats)}",
        hint=f"did you mean '{close}'?" if close in formats else "",
    )


def format_for(file: Path, formats: tuple[str, ...] = FORMATS) -> str | None:
    """The format that is probably meant where only a file is given; None without a guess."""
    if str(file) in formats:
        return str(file)
    word = file.suffix.removeprefix(".").lower()
    guess = word if word in formats else _OTHER_WORDS.get(word)
    return guess if guess in formats else None


_OTHER_WORDS = {
    "text": "terminal", "txt": "mail", "email": "mail", "md": "markdown", "xml": "junit", "tap": "ktap",
    "htm": "html", "google-benchmark": "gbench", "benchmark": "gbench", "tsv": "csv",
}  # fmt: skip


def render(
    report: JudgedRun,
    name: str,
    *,
    variant: str | None = None,
    full: bool = False,
    verbose: bool = False,
    origin: str | None = None,
) -> str:
    """The report in the format `name`, as text that ends with a newline.

    `variant` restricts `gbench` to one variant; InputError with another format, or for an unknown one.
    `full` gives all of `mail`, `origin` is whom `kcidb` names as its sender, InputError with another format;
    `verbose` gives all of `terminal`.
    """
    if full and name != "mail":
        raise InputError("--full is for --format mail; all of the terminal report is under --verbose")
    if variant is not None and name != "gbench":
        raise InputError("--variant is for --format gbench: the other formats show variants side by side")
    if origin is not None and name != "kcidb":
        raise InputError("--origin is for --format kcidb")
    if name == "terminal":
        return _render_terminal(report, verbose=verbose)
    if name == "json":
        return json_text(report.verdict)
    module, _, function = (_FULL_MAIL if full else _RENDERERS[name]).partition(":")
    rendered = getattr(import_module(f"orchestrator.report.formats.{module}"), function)
    only = variant if variant is not None else origin
    text: str = rendered(report, only) if only is not None else rendered(report)
    return text.rstrip("\n") + "\n"


def _render_terminal(report: JudgedRun, *, verbose: bool) -> str:
    from orchestrator.report.console.terminal import show

    return printed(lambda console: show(report, console, verbose=verbose))


def printed(print_it: Callable[[Console], None]) -> str:
    """What is printed on a terminal, for a file: no colours, and as wide as what is in it."""
    output = StringIO()
    print_it(PlainConsole(file=output, width=UNBOUNDED_COLUMNS, color_system=None))
    return output.getvalue()
