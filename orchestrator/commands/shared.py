# SPDX-License-Identifier: Apache-2.0
"""What all commands share: the application, its exit codes, common options, words for errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text
from typer.exceptions import TyperException

from orchestrator.commands import completions
from orchestrator.commands.help_page import Commands, PageGroup
from orchestrator.errors import ExitCode, HostError, InputError, OomlabError
from orchestrator.host.interrupts import ignore_signals
from orchestrator.report.console.streams import StderrConsole, drop
from orchestrator.text.plain import named

if TYPE_CHECKING:
    from orchestrator.host.capacity import Share
    from orchestrator.scenario.loading.loader import LoadedScenario, Repeat
    from orchestrator.scenario.loading.trees import Trees

EPILOG = (
    "Exit codes: 0 expectations met (or compared only, where there are none), 1 not met, 2 bad input, "
    "3 could not run, 4 verdict missing (evidence short), 130 interrupted."
)


class _Root(PageGroup):
    """Turns the end of a command into its exit code; usage errors are Typer's (2)."""

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Read the command line; `--help` and `--version` end in here."""
        with _every_end_has_a_code():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _every_end_has_a_code():
            return super().invoke(ctx)


@contextmanager
def _every_end_has_a_code() -> Iterator[None]:
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except TyperException as error:
        error.message = named(error.message)  # it quotes the command line, which may name files of others
        raise
    except OomlabError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        ignore_signals()
        people.print("interrupted")
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        drop(sys.stdout)  # its reader has seen enough: nobody is left to tell
        sys.exit(ExitCode.COULD_NOT_RUN)
    except OSError as error:
        drop(sys.stdout)  # which may be what is full
        print_error(HostError(_os_words(error)))
        sys.exit(ExitCode.COULD_NOT_RUN)
    except Exception as error:  # noqa: BLE001 - the last resort: 1 would mean "not met"
        from orchestrator.commands.last_resort import fault_of

        print_error(fault_of(error))
        sys.exit(ExitCode.COULD_NOT_RUN)


app = Commands(
    name="oomlab",
    cls=_Root,
    help="Answers whether a kernel change survives memory fragmentation, and what it costs: boots "
    "virtual devices from scenario files, fragments their memory to a verified state, fires "
    "a load at them (binder mmaps, any driver's requests, network bursts, your own program), and compares "
    "kernel variants.\n\n"
    "Example: oomlab run binder-order3\n\n"
    "Example: oomlab help run",
    epilog=EPILOG,
)
people = StderrConsole(stderr=True, highlight=False)

ScenarioArgument = Annotated[
    Path,
    typer.Argument(
        metavar="SCENARIO",
        help="a scenario file, or the name of a shipped one",
        autocompletion=completions.scenarios,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="override a field, e.g. --set trials.blocks=3",
        autocompletion=completions.fields,
    ),
]
PatchOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--patch",
        metavar="FILE",
        help="try your own change: the variants become `base` and `patched` (repeatable)",
    ),
]
BaseTreeOption = Annotated[
    str | None,
    typer.Option(
        "--base-tree",
        metavar="DIR[@REV]",
        help="a kernel tree, or a revision of its repository, under all variants that are built from source;"
        " their patches stay, and so do those of --patch",
    ),
]
VariantTreeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--variant-tree",
        metavar="NAME=DIR[@REV]",
        help="a kernel tree, or a revision of its repository, as a variant; names that the scenario does not"
        " have replace its variants (repeatable)",
    ),
]
FileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        metavar="FILE[:PLACE]",
        help="put a file of yours into the guest, at /NAME or at PLACE there; programs are static, or have"
        " their libraries brought along (repeatable)",
    ),
]
CommandOption = Annotated[
    str | None,
    typer.Option(
        "--command",
        metavar="COMMAND",
        help="the load under test is this command in the guest, in place of the scenario's trigger",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs", metavar="NUMBER", min=1, help="guests to run at once at most", show_default="the cores"
    ),
]
MemoryLimitOption = Annotated[
    str | None,
    typer.Option(
        "--memory-limit",
        metavar="SIZE",
        help="the host's memory that guests may take together, each counted with its whole memory and a fork"
        " like a guest, e.g. 8GiB",
        show_default="what there is, counted as measured",
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="run variants that came out as the same binary all the same")
]
VerboseOption = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="the full report: audit, times, the reviewer's four answers..."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print the verdict as JSON on stdout")]


def share_of(jobs: int | None, memory_limit: str | None) -> Share:
    """What these two options let guests have; InputError for a size that is none."""
    from orchestrator.host.capacity import Share
    from orchestrator.units import parse_size

    if memory_limit is None:
        return Share(jobs)
    try:
        size_bytes = parse_size(memory_limit)
    except ValueError as error:
        raise InputError(f"--memory-limit {memory_limit}: {error}") from None
    if size_bytes == 0:
        raise InputError("--memory-limit 0: no guest runs without memory")
    return Share(jobs, size_bytes)


def load(
    scenario: Path,
    overrides: list[str] | None,
    patches: list[Path] | None,
    repeat: Repeat | None = None,
    trees: Trees | None = None,
    *,
    files: list[str] | None = None,
    command: str | None = None,
) -> LoadedScenario:
    """A scenario with its overrides; prints its warnings. Raises ScenarioInvalid.

    `files` and `command` are those of --file and --command.
    """
    from orchestrator.run.asked import load_runnable
    from orchestrator.scenario.loading.own_files import OwnProgram

    own = OwnProgram(files or (), command)
    loaded = load_runnable(scenario, overrides or (), patches or (), repeat, trees, own)
    for remark in loaded.remarks:
        people.print(Text(remark), soft_wrap=True)
    for warning in loaded.warnings:
        people.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    return loaded


def print_error(error: OomlabError) -> None:
    """An error with its evidence and hint; several problems stand each on a line of its own.

    What the message and the evidence quote is indented: no line of it can pass for one of ours.
    """
    from orchestrator.scenario.loading.problems import ScenarioInvalid

    several = isinstance(error, ScenarioInvalid) and len(error.problems) > 1
    message = error.message if several else _indented(error.message).lstrip()
    lead = "error:\n" if several else "error: "
    people.print(Text(lead, style="bold red").append(message, style="not bold"), soft_wrap=True)
    for evidence in error.evidence:
        if evidence.strip():
            people.print(Text(_indented(evidence.rstrip()), style="dim"), soft_wrap=True)
    if error.hint:
        people.print(Text(f"hint: {error.hint}"), soft_wrap=True)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


def _os_words(error: OSError) -> str:
    words = error.strerror or str(error) or type(error).__name__
    named = isinstance(error.filename, str | bytes | os.PathLike)  # not the number of a descriptor
    return f"{os.fsdecode(error.filename)}: {words}" if named else words
