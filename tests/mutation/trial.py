# SPDX-License-Identifier: Apache-2.0
"""One mutant against the tests of its room, in a process of its own.

The mutant never reaches the disk: an import hook gives its text to whoever imports the module. Hence
tests that start the command line in a process of its own see the original, and do not count.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

# Imported once, by the server that all trials are forked from: this is most of a trial's start. No plugin
# of pytest is among them: it wants to import those itself.
_PRELOADED = ("pytest", "pydantic", "numpy", "scipy.stats", "rich.console", "typer", "ruamel.yaml")


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"


class _LikeliestFirst:
    """A plugin of pytest: tests that import the mutated module first, properties tried many times last."""

    def __init__(self, name: str) -> None:
        self._name = name

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called by pytest."""
        items.sort(key=self._place)

    def _place(self, item: pytest.Item) -> tuple[bool, bool]:
        module = item.getparent(pytest.Module)
        names = vars(module.obj).values() if module is not None else ()
        imported = any(getattr(value, "__module__", None) == self._name for value in names)
        return item.get_closest_marker("hypothesis") is not None, not imported


class _MutatedModule(SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec")


class _Finder(MetaPathFinder):
    def __init__(self, name: str, path: str, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        loader = _MutatedModule(fullname, self._path, self._source)
        return importlib.util.spec_from_file_location(fullname, self._path, loader=loader)


def try_mutant(
    checkout: Path, module: Path, source: str, tests: Sequence[str], scratch: Path, limit_s: float
) -> Fate:
    """Run the tests with `source` in the place of `module`; whatever does not end in time is killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    name = ".".join(module.relative_to(checkout).with_suffix("").parts)
    process = context.Process(target=_child, args=(checkout, name, str(module), source, tests, scratch))
    process.start()
    process.join(limit_s)
    if process.is_alive() and process.pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
    return Fate.SURVIVED if process.exitcode == 0 else Fate.KILLED


def _child(checkout: Path, name: str, path: str, source: str, tests: Sequence[str], scratch: Path) -> None:
    if name in sys.modules:
        raise RuntimeError(f"{name} is imported already, without its mutation")
    os.setsid()  # so that what its tests start can be ended with it
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.chdir(checkout)
    # Examples found against mutants are not to be tried against the real code ever after.
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(scratch / "hypothesis")
    sys.meta_path.insert(0, _Finder(name, path, source))
    status = pytest.main(
        [
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "--hypothesis-seed=1",
            f"--basetemp={scratch}/{os.getpid()}",
            *tests,
        ],
        plugins=[_LikeliestFirst(name)],
    )
    os._exit(int(status))  # nothing that a mutant left behind may hold up the end
