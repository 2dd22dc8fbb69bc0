# SPDX-License-Identifier: Apache-2.0
"""`oomlab oom`: its options, its two forms of output, and how it ends."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.errors import InputError
from orchestrator.text.amounts import count_of

if TYPE_CHECKING:
    from orchestrator.logs.streams import Sink

_PAGE_KIB = (4, 8, 16, 32, 64, 128, 256)


def oom(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="logs or mails; `-` is stdin")],
    page_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="page size of kernels whose reports do not show it, like 16KiB",
            show_default="4KiB",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Explain every OOM kill, allocation failure, low-memory-killer kill, memory dump and crash in a text.

    Example: oomlab oom console.log

    Example: dmesg | oomlab oom -
    """
    from orchestrator.logs.streams import read_files
    from orchestrator.report.console.oom_sinks import JsonSink, TextSink

    page_size_bytes = None if page_size is None else _page_size_bytes(page_size)
    sink: Sink = JsonSink(sys.stdout) if as_json else TextSink(sys.stdout, page_size_bytes)
    stdin = io.BytesIO() if sys.stdin is None else sys.stdin.buffer  # None: whoever started us closed it
    problems = read_files(files, stdin, sink)
    sys.stdout.flush()
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise InputError(
            f"{len(problems)} of {count_of('input', len(files))} could not be read",
            evidence=[problem.message for problem in problems],
            hint=next((problem.hint for problem in problems if problem.hint), ""),
        )


def _page_size_bytes(text: str) -> int:
    from orchestrator.text.plain import ascii_line
    from orchestrator.units import KIB, parse_size

    try:
        size_bytes = parse_size(text)
    except ValueError as error:
        raise InputError(f"--page-size: {ascii_line(str(error))}") from None
    if size_bytes not in {kib * KIB for kib in _PAGE_KIB}:
        raise InputError(
            f"--page-size: no kernel has pages of {ascii_line(text)}", hint="4KiB, 16KiB or 64KiB"
        )
    return size_bytes
