# SPDX-License-Identifier: Apache-2.0
"""`oomlab check-patch`: its options; what it needs is imported when it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.elsewhere import command_line
from orchestrator.commands.shared import (
    JobsOption,
    MemoryLimitOption,
    ScenarioArgument,
    SetOption,
    share_of,
)
from orchestrator.errors import ExitCode, HostError, InputError
from orchestrator.report.console.streams import write_data
from orchestrator.units import MIB

_MOST_BYTES = 16 * MIB
EPILOG = (
    "Exit codes: 0 nothing against it, or warnings alone, 1 an ERROR line, 2 bad input, 3 could not run, "
    "130 interrupted."
)


def check_patch(
    scenario: ScenarioArgument,
    override: SetOption = None,
    jobs: JobsOption = None,
    memory_limit: MemoryLimitOption = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="keep patches and run there, in a new or empty directory"),
    ] = None,
) -> None:
    """Run one patch from standard input beside its base, and print a line for each thing to say against it.

    Example: git show --format=email HEAD | oomlab check-patch binder-order3

    Example: git config b4.prep-perpatch-check-cmd "oomlab check-patch binder-order3"

    Made for b4 (prep --check, am): nothing is printed where the patched kernel ends as its base or better,
    a line with ERROR where it ends worse in every memory state or does not build, any other line is a
    warning. A patch of a series is tried on top of those before it on the branch in the current directory.
    """
    raw = _standard_input()
    with _scratch(out) as scratch:
        from orchestrator.patch_check.check import CheckOptions
        from orchestrator.patch_check.check import check_patch as check

        options = CheckOptions(command_line(), Path(), scratch, override or (), share_of(jobs, memory_limit))
        findings = check(raw, scenario, options)
    for finding in findings:
        write_data(finding.line)
    raise typer.Exit(ExitCode.NOT_MET if any(each.is_error for each in findings) else ExitCode.MET)


def _standard_input() -> bytes:
    """The message; InputError where there is none, or no end of it."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(
            "the patch is read from standard input", hint="git show --format=email HEAD | oomlab check-patch"
        )
    raw = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise InputError(f"standard input has more than {_MOST_BYTES // MIB} MiB: give one patch")
    return raw


@contextmanager
def _scratch(out: Path | None) -> Iterator[Path]:
    """Where patches and run lie: in `out` for good, else until the end of the block."""
    if out is None:
        from orchestrator.kernels.cache import Cache
        from orchestrator.paths import cache_dir

        with Cache(cache_dir()).scratch() as path:  # swept there if this is killed
            yield path
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        taken = next(out.iterdir(), None) is not None
    except OSError as error:
        raise HostError(f"{out} cannot be written: {error.strerror}", hint="choose another --out") from None
    if taken:
        raise InputError(f"{out} is not empty", hint="give --out a new or empty directory")
    yield out
