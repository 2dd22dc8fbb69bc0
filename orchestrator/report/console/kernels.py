# SPDX-License-Identifier: Apache-2.0
"""Kernels and how they differ from a phone's, for `images show`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from orchestrator.kernels.examined import Examined
from orchestrator.report.kernels import headings_of, meanings_of, notes_of, rows_of, title
from orchestrator.report.tables import PlainTable
from orchestrator.run.shown_kernels import ShownKernels
from orchestrator.text.plain import one_line
from orchestrator.units import spaced_size


def print_kernels(shown: ShownKernels, console: Console) -> None:
    """Each kernel, then the whole table."""
    for kernel in shown.kernels:
        console.print(Text(f"{one_line(kernel.name)} for {kernel.arch}", style="bold"), soft_wrap=True)
        for label, words in _facts(kernel, shown.lacks.get(kernel.name, ())):
            console.print(Text(f"  {label:<12}{one_line(words)}"), soft_wrap=True)
    table = PlainTable(title=title(shown.table))
    for heading in headings_of(shown.table)[:-1]:
        table.add_column(Text(one_line(heading)), overflow="fold")
    for row in rows_of(shown.table):
        table.add_row(*(Text(one_line(cell)) for cell in row[:-1]))
    console.print(table)
    for line in [*meanings_of(shown.table), *notes_of(shown.table)]:
        console.print(Text(one_line(line)), soft_wrap=True)


def _facts(kernel: Examined, lacks: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield "release", kernel.release
    if kernel.version is not None:
        yield "version", kernel.version
    for each in kernel.made_from:
        yield "made from", each
    pages = "unknown" if kernel.page_size_bytes is None else spaced_size(kernel.page_size_bytes)
    yield "image", f"SHA-256 {kernel.sha256}, pages of {pages}, {_configured(kernel)}"
    yield "modules", ", ".join(kernel.modules) or "none that guests load"
    for lack in lacks:
        yield "lacks", lack


def _configured(kernel: Examined) -> str:
    words = {True: "its configuration in it (IKCONFIG)", False: "no IKCONFIG", None: "IKCONFIG unknown"}
    return words[kernel.ikconfig]
