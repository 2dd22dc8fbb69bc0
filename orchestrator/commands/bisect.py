# SPDX-License-Identifier: Apache-2.0
"""`oomlab bisect-step`: its options; what it needs is imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from orchestrator.bisect.answer import code_of
from orchestrator.commands.shared import (
    JobsOption,
    MemoryLimitOption,
    ScenarioArgument,
    SetOption,
    people,
    share_of,
)
from orchestrator.errors import InputError

EPILOG = (
    "Exit codes, as git bisect run wants them: 0 good, 1 bad, 125 cannot be tested. What would be wrong at "
    "every revision ends the bisection: 128 bad input, 129 could not run, 130 interrupted."
)


def bisect_step(
    scenario: ScenarioArgument,
    tree: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="the kernel's git work tree, as it is checked out", show_default=False
        ),
    ] = Path(),
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="whose expectations a good kernel meets (default: the first expected to pass)",
        ),
    ] = None,
    override: SetOption = None,
    stray: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            show_default=False,
            help="a good kernel's blocks that fail by chance, at most (default: 0.1)",
        ),
    ] = 0.1,
    shows: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            show_default=False,
            help="a bad kernel's blocks in which the fault shows, at least (default: 0.9)",
        ),
    ] = 0.9,
    error: Annotated[
        float,
        typer.Option(
            metavar="P",
            show_default=False,
            help="probability of a wrong answer at a revision, at most (default: 0.01)",
        ),
    ] = 0.01,
    blocks: Annotated[
        int,
        typer.Option(
            metavar="NUMBER",
            min=1,
            max=10_000,
            show_default=False,
            help="blocks after which an undecided revision is skipped (default: 24)",
        ),
    ] = 24,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="where the steps' runs go, outside of the tree (default: TREE.bisect beside it)",
        ),
    ] = None,
    jobs: JobsOption = None,
    memory_limit: MemoryLimitOption = None,
) -> None:
    """Build the kernel that is checked out, run a scenario on it, and answer as git bisect run asks.

    The examples are a whole session, in the kernel's work tree.

    Example: git bisect start BAD GOOD

    Example: git bisect run oomlab bisect-step SCENARIO

    Example: git bisect log; git bisect reset

    The scenario's variant gives configuration and expectations; its tree, scope and patches are replaced by
    what is checked out. Good means that the expectations are met, bad that they are not. Commits that cannot
    be tested are skipped: they do not build, no guest reaches the load, or blocks disagree.

    Blocks are made until the answer can be trusted: three that agree, or more where they do not. A fault
    that shows now and then needs shares of its own: --shows 0.3 --stray 0.02. Try BAD and GOOD first:
    oomlab run SCENARIO --base-tree .@REV.

    `git bisect start BAD GOOD -- drivers/android` tries only commits that touch the driver. Objects are
    kept between steps, so a step compiles what the commits between have changed.
    """
    from orchestrator.bisect.sequential import Trust
    from orchestrator.bisect.step import Step, StepOptions
    from orchestrator.bisect.wording import good_line, result_line
    from orchestrator.host.process import paste_ready
    from orchestrator.report.console.live import live_observer
    from orchestrator.report.console.streams import write_data

    try:
        trust = Trust(stray=stray, shows=shows, error=error)
    except ValueError as problem:
        raise InputError(f"--stray {stray:g} --shows {shows:g} --error {error:g}: {problem}") from None
    options = StepOptions(
        command=paste_ready(["oomlab", *sys.argv[1:]]),
        tree=tree,
        variant=variant,
        out=out,
        overrides=override or (),
        trust=trust,
        most_blocks=blocks,
        share=share_of(jobs, memory_limit),
    )
    step = Step(scenario, options)
    people.print(Text(good_line(step.variant, step.expectation)), soft_wrap=True)
    with live_observer(people) as observer:
        result = step.run(observer)
    write_data(result_line(result))
    raise typer.Exit(code_of(result.answer))
