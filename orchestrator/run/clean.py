# SPDX-License-Identifier: Apache-2.0
"""`oomlab clean`: ends and removes what runs left that could not do so themselves.

It repairs nothing: in a run directory, which may have come from anybody, it takes away files that
were being written when their writer died, and writes none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.files.folder import Folder
from orchestrator.guests.registry import BACKENDS
from orchestrator.host.ledger import end_process, read_ledger
from orchestrator.host.scratch import memory_parent, sweep
from orchestrator.paths import cache_dir
from orchestrator.record.directory import RunDirectory, open_run_directory
from orchestrator.record.journal import unused_journal
from orchestrator.record.manifest import RunManifest

_RUNS = Path("runs")


def clean_up(runs: Sequence[Path] | None) -> Iterator[str]:
    """Clean the runs given (all of `runs/` when None), devices and the cache; yields what was done, in words.

    InputError when one that was given is no run directory.
    """
    found = _all_runs() if runs is None else [_given(path) for path in runs]
    done = [line for run in found for line in _clean_run(run)]
    # Before the cache, in which it is noted what they have been.
    done += [line for backend in BACKENDS.values() for line in backend(None).remove_abandoned()]
    done += _clean_cache()
    yield from done or ["nothing to clean"]


def _given(path: Path) -> RunDirectory:
    """A run directory by more than the name of a file in it: many things have a manifest.json."""
    run = open_run_directory(path)
    run.load(run.manifest, RunManifest)
    return run


def _all_runs() -> list[RunDirectory]:
    paths = sorted(_RUNS.iterdir()) if _RUNS.is_dir() else []
    return [RunDirectory(path) for path in paths if path.is_dir() and not path.is_symlink()]


def _clean_run(run: RunDirectory) -> Iterator[str]:
    try:
        if not run.folder.has(run.manifest.name):
            return
        run.load(run.manifest, RunManifest)
        with unused_journal(run.journal):
            for process in read_ledger(run.ledger):
                if end_process(process, run.ledger):
                    yield f"{run.path}: ended {process.what}, pid {process.pid}"
            yield from _remove_temporary(run.folder, (run.manifest.name, run.verdict.name))
    except InputError as error:
        yield f"{run.path}: left alone: {error.message}"


def _clean_cache() -> Iterator[str]:
    cache = cache_dir()
    for parent in (cache / "tmp", memory_parent(0)):
        if parent is not None:
            yield from (f"removed {path}" for path in sweep(parent))
    probe = Folder(cache / "probe")
    yield from _remove_temporary(probe, [name[1:].rpartition(".")[0] for name in probe.names()])


def _remove_temporary(folder: Folder, targets: Sequence[str]) -> Iterator[str]:
    """Files that were to become `targets` when their writer died (`Folder.replace`)."""
    for name in folder.names():
        target, _, pid = name.rpartition(".")
        is_number = pid.isascii() and pid.isdecimal()
        if is_number and target[:1] == "." and target[1:] in targets and not Path("/proc", pid).exists():
            with suppress(OSError, InputError):  # what is no file is not ours
                if folder.has(name):
                    folder.remove(name)
                    yield f"removed {folder.path / name}"
