# SPDX-License-Identifier: Apache-2.0
"""The project's own tests, as `oomlab test` runs them: linters, unit, browser, build and guest tests.

And `mutation`, which tests the unit tests; it is not among `all`.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from orchestrator.errors import ExitCode, HostError, InputError

SELECTIONS: Final = {
    "unit": "not browser and not build and not guest and not kernels",
    "browser": "browser",
    "build": "build",
    "guest": "guest",
    "all": "not kernels",
    "kernels": "kernels",
}
"""What can be selected, as pytest's marker expressions. The linters are among the unit tests;
`kernels`, which compiles for hours, is not among all.
"""

MUTATION: Final = "mutation"
"""Not pytest's: `tests/mutation` starts it once for every mutant."""

_AT_A_TIME: Final = (
    "--numprocesses", str(len(os.sched_getaffinity(0)) + 1), "--dist", "loadfile", "--no-loadscope-reorder",
)  # fmt: skip
"""pytest-xdist's: a file of tests after the other goes to whoever is free, whole, for those in it share
guests and kernels. One more than there are processors: many tests wait for what takes none.
"""

_ONE_AFTER_THE_OTHER: Final = ("--numprocesses", "0")

_COVERAGE_REPORT: Final = "tests.coverage_by_room"

# pytest's own errors and "nothing was collected" are not in here: they are COULD_NOT_RUN.
_EXIT_CODES: Final = {
    0: ExitCode.MET,
    1: ExitCode.NOT_MET,
    2: ExitCode.INTERRUPTED,
    4: ExitCode.BAD_INPUT,
}


def run_tests(selection: str = "all", extra: Sequence[str] = (), *, coverage: bool = False) -> int:
    """Run the selected tests, handing them `extra`; return the command's exit code.

    The last line written is pytest's summary; with `coverage` the share of every room that the tests ran
    stands before it. Raises InputError for a selection that is not in
    the known ones, HostError outside a checkout or without the test dependencies.
    """
    if selection not in (*SELECTIONS, MUTATION):
        known = ", ".join((*SELECTIONS, MUTATION))
        raise InputError(f"no tests are called '{selection}'", hint=f"one of: {known}")
    checkout = _checkout()
    try:
        import pytest
    except ImportError:
        raise HostError(
            "pytest is not installed here", hint="run `./oomlab test`: the launcher installs what tests need"
        ) from None
    if coverage:
        _measured(selection, extra, checkout)
    if selection == MUTATION:
        return int(importlib.import_module("tests.mutation.run").main(extra, checkout))
    # From the checkout, because pytest looks for its configuration and the tests where it is started.
    with contextlib.chdir(checkout):
        status = pytest.main(pytest_arguments(selection, extra))
    return _EXIT_CODES.get(int(status), ExitCode.COULD_NOT_RUN)


def _measured(selection: str, extra: Sequence[str], checkout: Path) -> NoReturn:
    """This program once more, measured from its first import on."""
    if selection == MUTATION:
        raise InputError("--coverage is for tests that pytest runs, and mutation tests run it once a mutant")
    if importlib.util.find_spec("coverage") is None:
        raise HostError(
            "coverage is not installed here",
            hint="run `./oomlab test`: the launcher installs what tests need",
        )
    command = [sys.executable, "-m", "coverage", "run", "-m", "orchestrator.commands.testing"]
    os.chdir(checkout)
    os.environ["PYTHONPATH"] = str(checkout)
    os.execv(sys.executable, [*command, selection, *_ONE_AFTER_THE_OTHER, "-p", _COVERAGE_REPORT, *extra])


def pytest_arguments(selection: str, extra: Sequence[str] = ()) -> list[str]:
    """The arguments pytest gets; what is in `extra` comes last, so it wins."""
    marker = SELECTIONS[selection]
    return ["--durations=5", "--durations-min=1", *_AT_A_TIME, "-m", marker, *extra]


def _checkout() -> Path:
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / "tests").is_dir() or not (checkout / "pyproject.toml").is_file():
        raise HostError(
            "the tests are not part of an installed oomlab",
            hint="clone the repository and run `./oomlab test` there",
        )
    return checkout


if __name__ == "__main__":
    sys.exit(run_tests(sys.argv[1], sys.argv[2:]))
