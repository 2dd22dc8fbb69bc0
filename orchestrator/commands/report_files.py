# SPDX-License-Identifier: Apache-2.0
"""`--report FORMAT=FILE`: checked before a run, written after it, whatever came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands import completions
from orchestrator.commands.shared import print_error
from orchestrator.errors import ExitCode, InputError, OomlabError
from orchestrator.report.console.streams import drop, write_data
from orchestrator.text.plain import one_line

ReportOption = Annotated[
    list[str] | None,
    typer.Option(
        "--report",
        metavar="FORMAT=FILE",
        autocompletion=completions.report_files,
        help="write a report when it has ended, whatever came of it, e.g. html=report.html;"
        " `-` is stdout (repeatable)",
    ),
]
_STDOUT = Path("-")


@dataclass(frozen=True)
class ReportFile:
    """A report that is wanted, and where."""

    format: str
    file: Path


class ReportFiles:
    """All that `--report` asks for. `begun` is told the directory: what is cut short is reported, too."""

    def __init__(self, files: Sequence[ReportFile], *, as_json: bool) -> None:
        self.files = tuple(files)
        self._as_json = as_json
        self._directory: Path | None = None

    @property
    def places(self) -> tuple[Path, ...]:
        """The files, stdout not among them."""
        return tuple(each.file for each in self.files if each.file != _STDOUT)

    def begun(self, directory: Path) -> None:
        """From here on there is something to report."""
        self._directory = directory

    @contextmanager
    def even_if_cut_short(self) -> Iterator[None]:
        """Within this a run is made. Where it ends by an exception there is a report of what there is."""
        try:
            yield
        except (KeyboardInterrupt, OomlabError):
            if self.files and self._directory is not None:
                self._write_what_there_is(self._directory)
            raise

    def _write_what_there_is(self, directory: Path) -> None:
        from orchestrator.report.formats.registry import render
        from orchestrator.verdict.judged_run import load_judged_run

        try:
            judged = load_judged_run(directory)
        except OomlabError:
            return  # it ended before there was anything to be read; why is about to be told
        self.write(lambda name: render(judged, name), directory, status=ExitCode.COULD_NOT_RUN)

    def write(self, render: Callable[[str], str], directory: Path, *, status: int) -> int:
        """Write all of them; the exit code of the command that has come to `status`.

        One that cannot be written is told, and keeps no other from being written. It does not hide a verdict:
        only where all else went well it makes the exit code 3.
        """
        from orchestrator.record.directory import RunDirectory
        from orchestrator.report.console.output import put

        failed = False
        for each in self.files:
            try:
                put(render(each.format), each.file, runs=(RunDirectory(directory),))
            except OomlabError as error:
                failed = True
                print_error(error)
        return status or (ExitCode.COULD_NOT_RUN if failed else ExitCode.MET)

    def say(self, lines: Sequence[str]) -> None:
        """What a run came to, on stdout for programs: where nothing else goes there, and nobody looks.

        So `oomlab run SCENARIO | tail -1` is the verdict. A reader that has gone changes nothing.
        """
        if self._as_json or any(each.file == _STDOUT for each in self.files) or sys.stdout.isatty():
            return
        try:
            for line in lines:
                write_data(one_line(line))
        except BrokenPipeError:
            drop(sys.stdout)


def read_reports(
    words: Sequence[str] | None,
    formats: tuple[str, ...] | None = None,
    *,
    as_json: bool = False,
    run: Path | None = None,
) -> ReportFiles:
    """What `--report` asks for; InputError, before anything is run, for what could not be written after it.

    `formats` are those that can be had (default: of a run). `run` is the directory of the run, which may
    not be there yet.
    """
    if not words:
        return ReportFiles((), as_json=as_json)
    from orchestrator.report.console.output import STDOUT, require_writable
    from orchestrator.report.formats.registry import FORMATS

    files = [_parsed(word, formats or FORMATS) for word in words]
    places = [STDOUT] if as_json else []
    for each in files:
        place = each.file if each.file == STDOUT else each.file.resolve()
        if place in places:
            second = "--json" if as_json and place == STDOUT else "another report"
            raise InputError(f"--report {each.format}={each.file}: {second} goes there, too")
        places.append(place)
        try:
            require_writable(each.file, run=run)
        except InputError as error:
            raise InputError(f"--report {each.format}: {error.message}", hint=error.hint) from None
    return ReportFiles(files, as_json=as_json)


def refuse_to_leave(words: Sequence[str] | None, *, detach: bool) -> None:
    """InputError for --report with --detach: nobody would be here to write it."""
    if words and detach:
        raise InputError("--report cannot be given with --detach", hint="give it to `oomlab attach`")


def _parsed(word: str, formats: tuple[str, ...]) -> ReportFile:
    from orchestrator.report.formats.registry import format_for, known_format

    name, equals, file = word.partition("=")
    if not equals:
        guess = format_for(Path(word), formats)
        meant = f"{word}=FILE" if word in formats else f"{guess}={word}"
        raise InputError(
            f"--report {word}: it needs a format and a file, FORMAT=FILE",
            hint=f"--report {meant}" if guess else f"formats: {', '.join(formats)}",
        )
    if not file:
        raise InputError(f"--report {word}: the file is missing", hint="FORMAT=FILE; `-` is stdout")
    try:
        return ReportFile(known_format(name, formats), Path(file))
    except InputError as error:
        raise InputError(f"--report {word}: {error.message}", hint=error.hint) from None
