# SPDX-License-Identifier: Apache-2.0
"""One run on another machine, from here: sent, started, followed, ended or left, and brought back.

Every step can be cut anywhere and is begun again: what was sent is not sent twice, what was started is not
started twice, what was seen is not told twice.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

from orchestrator.deadline import Deadline
from orchestrator.errors import InputError, OomlabError
from orchestrator.record.directory import RunDirectory, adopt_run_directory, place_of_run, require_unused
from orchestrator.record.manifest import RunManifest
from orchestrator.remote.connection import Machine
from orchestrator.remote.entries import Sent, cache_there, forget_incoming, send_entries
from orchestrator.remote.job import PARCEL, Job, JobState, runs_there, worker_script
from orchestrator.remote.parcel import JOB_FILE, MANIFEST_FILE, JobFacts, Parcel
from orchestrator.remote.patience import patiently
from orchestrator.remote.program import require_program
from orchestrator.remote.result import bring_result, unpack_result
from orchestrator.remote.transfer import bring_file, send_file
from orchestrator.units import MIB

_T = TypeVar("_T")
Said = Callable[[str], None]

_LOOK_S = 0.25
_CLAIMED_S = 30.0
_MOST_FACTS_BYTES = 64 * MIB
_ARCHIVE = "parcel.tar"
_LEFTOVER = "unpacked"


class Teller(Protocol):
    """Tells what has come of a run since it last looked."""

    def look(self) -> None:
        """Can be called again after ConnectionLost."""


@dataclass(frozen=True)
class Session:
    """One run on one machine, and who is told of the line's ups and downs."""

    job: Job
    said: Said

    def do(self, step: Callable[[], _T]) -> _T:
        """A step, begun again over a fresh connection when the line goes down."""
        return patiently(self.job.machine, step, self.said)

    def state(self) -> JobState:
        """How the run is."""
        return self.do(self.job.state)

    def start(self) -> None:
        """Start it, if nobody has."""
        self.do(self.job.start)

    def follow(self, teller: Teller) -> JobState:
        """Tell of the run until it is over; how it ended."""
        tick = threading.Event()
        claimed = Deadline.after(_CLAIMED_S, "the run's process on the other machine")
        while True:
            state = self.state()  # before the look: what comes until then is told
            self.do(teller.look)
            if state.over:
                return state
            if state.condition != "running" and claimed.passed:
                return JobState("died")
            tick.wait(_LOOK_S)

    def end(self) -> None:
        """Ask the run to end in order."""
        self.do(self.job.end)

    def facts(self) -> tuple[JobFacts, RunManifest]:
        """What was asked for when it was begun, wherever that was."""
        with TemporaryDirectory() as scratch:
            there, here = f"{self.job.path}/{PARCEL}", RunDirectory(Path(scratch))
            for name in (JOB_FILE, MANIFEST_FILE):
                self.do(lambda name=name: self._bring(f"{there}/{name}", here.path / name))  # type: ignore[misc]
            return here.load(here.path / JOB_FILE, JobFacts), here.load(here.manifest, RunManifest)

    def _bring(self, remote: str, local: Path) -> None:
        bring_file(self.job.machine, remote, local, most_bytes=_MOST_FACTS_BYTES)

    def bring(self, out: Path | None, finish: Callable[[RunDirectory], None]) -> RunDirectory:
        """Have the run's directory here and gone there; `finish` sees it before it is in its place."""
        place = place_of_run(out, self.job.run)
        require_unused(place)
        scratch = place.parent / f".{place.name}.part"  # what came before a cut or Ctrl-C is gone on with
        scratch.mkdir(parents=True, exist_ok=True)
        made = scratch / _LEFTOVER
        shutil.rmtree(made, ignore_errors=True)
        unpack_result(self.do(lambda: bring_result(self.job, scratch)), made)
        finish(RunDirectory(made))
        run = adopt_run_directory(made, out, self.job.run)
        shutil.rmtree(scratch)
        self.forget()
        return run

    def forget(self) -> None:
        """Take the run away from the other machine."""
        self.do(self.forget_now)

    def forget_now(self) -> None:
        """The same, over the connection that there is."""
        self.job.remove()
        forget_incoming(self.job.machine, cache_there(self.job.machine), self.job.run)


def begin(machine: Machine, run: str, parcel: Parcel, entries: Sequence[Sent], said: Said) -> Session:
    """Send a run, ready to be started. HostError where the other machine is not ready.

    Interrupted, it leaves nothing of the run there, if it still gets there.
    """
    places = patiently(machine, lambda: require_program(machine), said)
    session = Session(Job(machine, places, run), said)
    try:
        _send(session, parcel, entries)
    except KeyboardInterrupt:
        with suppress(OomlabError):
            session.forget_now()
        raise
    return session


def _send(session: Session, parcel: Parcel, entries: Sequence[Sent]) -> None:
    job, do = session.job, session.do
    machine = job.machine
    cache = do(lambda: cache_there(machine))
    do(lambda: send_entries(machine, cache, entries, job.run, session.said))
    script = worker_script(job.places, job.run, parcel.arguments, {"OOMLAB_CACHE": cache})
    do(job.make_directory)
    with TemporaryDirectory() as scratch:
        archive = Path(scratch) / _ARCHIVE
        archive.write_bytes(parcel.archive)
        do(lambda: send_file(machine, archive, f"{job.path}/{_ARCHIVE}"))
    do(lambda: job.lay_out(_ARCHIVE, script))


def find(machine: Machine, run: str | None, said: Said) -> Session:
    """The run of this name on the other machine; the only one there, without a name.

    InputError that names those that are there.
    """
    places = patiently(machine, lambda: require_program(machine), said)
    there = patiently(machine, lambda: runs_there(machine, places), said)
    if run is None and len(there) == 1:
        run = there[0]
    if run is None or run not in there:
        missing = "which run?" if run is None else f"there is no run {run} on the other machine"
        raise InputError(
            missing if there or run else "there is no run on the other machine",
            hint=f"there are {', '.join(there)}" if there else "what came back is not kept there",
        )
    return Session(Job(machine, places, run), said)
