# SPDX-License-Identifier: Apache-2.0
"""`oomlab test mutation`: samples mutants of every room, tries them, and shows the survivors."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.errors import ExitCode, HostError
from tests.mutation.mutants import Mutant, sample
from tests.mutation.reviewed import REVIEWED
from tests.mutation.rooms import ROOMS, Room
from tests.mutation.trial import Fate, try_mutant

GOAL_PERCENT = 85.0
_TESTS_S = 300.0


@dataclass
class _Tally:
    killed: int = 0
    survived: int = 0
    reviewed: int = 0
    untried: int = 0

    @property
    def percent(self) -> float:
        """Killed ones of those that could be."""
        return 100 * self.killed / max(self.killed + self.survived, 1)


def main(arguments: Sequence[str], checkout: Path) -> ExitCode:
    """Try the sample; MET when at least GOAL_PERCENT of the mutants were killed."""
    options = _options(arguments)
    end = time.monotonic() + 60 * options.minutes
    total = _Tally()
    with (
        tempfile.TemporaryDirectory(prefix="oomlab-mutants-") as scratch,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        tries = {}
        for room in (room for room in ROOMS if options.room in (None, room.name)):
            limit_s = 10 + 4 * _baseline(room, checkout, Path(scratch))
            chosen = sample(room.files(checkout), options.count, f"{options.seed}/{room.name}")
            tries[room.name] = [
                (mutant, pool.submit(partial(_try, mutant, room, checkout, Path(scratch), limit_s, end)))
                for mutant in chosen
            ]
        for name, tried in tries.items():
            _add(total, _report(name, tried, checkout))
    print(f"all rooms: {_words(total)}; goal {GOAL_PERCENT:.0f} %, seed {options.seed}")
    return ExitCode.MET if total.percent >= GOAL_PERCENT else ExitCode.NOT_MET


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="oomlab test mutation --")
    parser.add_argument("--seed", type=int, default=1, help="of the sample [%(default)s]")
    parser.add_argument("--count", type=int, default=40, help="mutants of each room [%(default)s]")
    parser.add_argument("--room", choices=[room.name for room in ROOMS], help="this room alone")
    parser.add_argument("--jobs", type=int, default=2, help="tries at once [%(default)s]")
    parser.add_argument("--minutes", type=float, default=20, help="start no try after these [%(default)s]")
    return parser.parse_args(arguments)


def _baseline(room: Room, checkout: Path, scratch: Path) -> float:
    """Seconds that the room's tests take on the original, which they have to pass."""
    start = time.monotonic()
    module = next(room.files(checkout))
    fate = try_mutant(checkout, module, module.read_text(), room.test_paths(checkout), scratch, _TESTS_S)
    if fate is not Fate.SURVIVED:
        raise HostError(f"the tests of {room.name} fail without any mutant", hint="./oomlab test unit")
    return time.monotonic() - start


def _try(
    mutant: Mutant, room: Room, checkout: Path, scratch: Path, limit_s: float, end: float
) -> Fate | None:
    """None: not tried, for want of time or because the operator changes nothing there."""
    source = mutant.source()
    if source is None or time.monotonic() > end:
        return None
    return try_mutant(checkout, mutant.path, source, room.test_paths(checkout), scratch, limit_s)


def _report(name: str, tried: Sequence[tuple[Mutant, Future[Fate | None]]], checkout: Path) -> _Tally:
    tally = _Tally()
    for mutant, future in tried:
        fate = future.result()
        if fate is None:
            tally.untried += 1
        elif fate is Fate.KILLED:
            tally.killed += 1
        else:
            _survived(mutant, checkout, tally)
    print(f"{name}: {_words(tally)}", flush=True)
    return tally


def _survived(mutant: Mutant, checkout: Path, tally: _Tally) -> None:
    old, new = mutant.change()
    module = mutant.path.relative_to(checkout / "orchestrator").as_posix()
    if (module, old, new) in REVIEWED:
        tally.reviewed += 1
        return
    tally.survived += 1
    print(f"survived: orchestrator/{module}:{mutant.line()}\n  - {old}\n  + {new}", flush=True)


def _add(total: _Tally, tally: _Tally) -> None:
    total.killed += tally.killed
    total.survived += tally.survived
    total.reviewed += tally.reviewed
    total.untried += tally.untried


def _words(tally: _Tally) -> str:
    words = f"{tally.killed} of {tally.killed + tally.survived} killed ({tally.percent:.1f} %)"
    if tally.reviewed:
        words += f", {tally.reviewed} reviewed and the same program"
    if tally.untried:
        words += f", {tally.untried} not tried"
    return words
