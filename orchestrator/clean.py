# SPDX-License-Identifier: Apache-2.0
"""`oomlab clean`: ends and removes what runs left that could not do so themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.journal import open_journal
from orchestrator.kernels.scratch import memory_parent, sweep
from orchestrator.ledger import end_process, read_ledger
from orchestrator.paths import cache_dir
from orchestrator.rundir import RunDirectory, open_run_directory

_RUNS = Path("runs")


def clean_up(runs: Sequence[Path] | None) -> Iterator[str]:
    """Clean the runs given (all of `runs/` when None) and the cache; yields what was done, in words.

    InputError when one that was given is no run directory.
    """
    found = _all_runs() if runs is None else [open_run_directory(path) for path in runs]
    done = [line for run in found for line in _clean_run(run)] + list(_clean_cache())
    yield from done or ["nothing to clean"]


def _all_runs() -> list[RunDirectory]:
    paths = sorted(_RUNS.iterdir()) if _RUNS.is_dir() else []
    found = [RunDirectory(path) for path in paths if path.is_dir() and not path.is_symlink()]
    return [run for run in found if run.manifest.is_file()]


def _clean_run(run: RunDirectory) -> Iterator[str]:
    try:
        with open_journal(run.journal):  # which nobody else can open meanwhile
            for process in read_ledger(run.ledger):
                if end_process(process):
                    yield f"{run.path}: ended {process.what}, pid {process.pid}"
            yield from _remove_temporary(run.path)
    except InputError as error:
        yield f"{run.path}: left alone: {error.message}"


def _clean_cache() -> Iterator[str]:
    cache = cache_dir()
    for parent in (cache / "tmp", memory_parent(0)):
        if parent is not None:
            yield from (f"removed {path}" for path in sweep(parent))
    yield from _remove_temporary(cache / "probe")


def _remove_temporary(directory: Path) -> Iterator[str]:
    """Files that were being written when their writer died (`rundir.write_atomic`)."""
    for path in sorted(directory.glob(".*.*")):
        pid = path.name.rpartition(".")[2]
        if pid.isdecimal() and path.is_file() and not Path("/proc", pid).exists():
            with suppress(OSError):
                path.unlink()
                yield f"removed {path}"
