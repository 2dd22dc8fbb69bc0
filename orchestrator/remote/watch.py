# SPDX-License-Identifier: Apache-2.0
"""What a run on the other machine comes to, told as if it were made here: its journal, read as it grows."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator

import paramiko

from orchestrator.errors import HostError, InputError
from orchestrator.files.follow import Follower
from orchestrator.plan import PlannedBlock, PlannedTrial, count_blocks, count_trials, plan_blocks
from orchestrator.record.journal import (
    BlockEnded,
    BlockStarted,
    Entry,
    EventRecorded,
    RunStarted,
    TrialEnded,
    TrialStarted,
    parse_entry,
)
from orchestrator.remote.connection import Machine
from orchestrator.remote.job import OUTPUT, RUN, Job
from orchestrator.run.observer import GuestLabel, Observer
from orchestrator.scenario.models import Scenario
from orchestrator.text.plain import named
from orchestrator.units import MIB

_LONGEST_LINE_BYTES = 64 * MIB
"""A trial takes some 10 KiB."""


class RemoteFile:
    """As `files.follow.Growing`, over SFTP, which knows no inodes: a name is one file for ever.

    What is followed so lies in a directory that one run made for itself. Raises ConnectionLost.
    """

    def __init__(self, machine: Machine, path: str) -> None:
        self._machine = machine
        self._path = path
        self._opened: tuple[int, paramiko.SFTPFile] | None = None

    def identity(self) -> Hashable | None:
        """Whether it is there."""
        try:
            with self._machine.files() as files:
                files.stat(self._path)
        except FileNotFoundError:
            return None
        return self._path

    def open(self) -> Hashable | None:
        """Over the connection that there is now."""
        try:
            self._file()
        except FileNotFoundError:
            return None
        return self._path

    def size(self) -> int:
        """Of the open file."""
        with self._machine.files():
            return self._file().stat().st_size or 0

    def read(self, offset_bytes: int, most_bytes: int) -> bytes:
        """At an offset."""
        with self._machine.files():
            file = self._file()
            file.seek(offset_bytes)
            return file.read(most_bytes)

    def _file(self) -> paramiko.SFTPFile:
        generation = self._machine.generation
        if self._opened is None or self._opened[0] != generation:  # an earlier connection took it along
            with self._machine.files() as files:
                self._opened = generation, files.open(self._path, "rb")
        return self._opened[1]


class Lines:
    """The whole lines of a growing file, each once."""

    def __init__(self, machine: Machine, path: str) -> None:
        self._follower = Follower(RemoteFile(machine, path))
        self._rest = b""
        self._seen = 0
        self._restarts = 0
        self._again = 0

    def poll(self) -> Iterator[bytes]:
        """What has come since; nothing is lost when this is cut in two by ConnectionLost."""
        while piece := self._follower.poll():
            if self._follower.restarts != self._restarts:  # a record that did not fit was taken back
                self._restarts, self._rest, self._again = self._follower.restarts, b"", self._seen
            *lines, self._rest = (self._rest + piece).split(b"\n")
            if len(self._rest) > _LONGEST_LINE_BYTES:
                raise HostError("what the other machine shows of the run has a line that does not end")
            for line in lines:
                if self._again:
                    self._again -= 1
                else:
                    self._seen += 1
                    yield line


class Replay:
    """Tells an observer what a journal's entries say, in the words of a run that is made here."""

    def __init__(self, scenario: Scenario, observer: Observer) -> None:
        self._plan = plan_blocks(scenario)
        self._observer = observer
        self._blocks = {block.index: block for block in self._plan}
        self._trials = {trial.number: trial for block in self._plan for trial in block.trials}
        self._running: dict[tuple[str, int], GuestLabel] = {}
        self.begun = False
        """The journal has begun."""

    def tell(self, line: bytes) -> None:
        """One line of the journal. HostError for what is none."""
        try:
            entry = parse_entry(line)
        except InputError as error:
            raise HostError(f"what the other machine shows of the run: {error.message}") from None
        self.begun = True
        match entry:
            case RunStarted():
                self._observer.run_planned(count_blocks(self._plan), count_trials(self._plan))
            case BlockStarted():
                self._started("block", entry.number, self._blocks.get(entry.number), entry.attempt)
            case TrialStarted():
                self._started("trial", entry.trial, self._trials.get(entry.trial), entry.attempt)
            case _:
                self._told_of_a_guest(entry)

    def _started(
        self, what: str, number: int, planned: PlannedBlock | PlannedTrial | None, attempt: int
    ) -> None:
        if planned is not None:
            label = GuestLabel(planned, number, attempt)
            self._running[what, number] = label
            self._observer.guest_started(label)

    def _told_of_a_guest(self, entry: Entry) -> None:
        match entry:
            case EventRecorded():
                if label := self._running.get((entry.where, entry.number)):
                    self._observer.guest_event(label, entry.event)
            case BlockEnded():
                if label := self._running.pop(("block", entry.number), None):
                    self._observer.block_ended(label, entry.result)
            case TrialEnded():
                if label := self._running.pop(("trial", entry.result.trial), None):
                    self._observer.trial_ended(label, entry.result)


_PLANNED = "planned: "
"""With this the words of a run that is not on a terminal begin to repeat its journal."""


_OF_A_VALUE = re.compile(r"(point|block|round|trials?|proof|warning)[ :]")


class Preparation:
    """The words of a run before its journal begins, each line once."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.over = False

    def tell(self, line: bytes) -> None:
        """One line of its output."""
        text = named(line.decode(errors="replace")).rstrip()
        self.over |= text.startswith(_PLANNED)
        if not self.over and text:
            self._observer.progress(text)


class RunTeller:
    """Tells of one run: first its words, then its journal."""

    def __init__(self, job: Job, scenario: Scenario, observer: Observer) -> None:
        self._words = Lines(job.machine, f"{job.path}/{OUTPUT}")
        self._journal = Lines(job.machine, f"{job.path}/{RUN}/journal.jsonl")
        self._preparation = Preparation(observer)
        self._replay = Replay(scenario, observer)

    def look(self) -> None:
        """Tell what has come. Can be called again after ConnectionLost."""
        if not self._preparation.over:
            for line in self._words.poll():
                self._preparation.tell(line)
        for line in self._journal.poll():
            self._replay.tell(line)


class SearchTeller:
    """Tells of a search in its own words, up to its report: that is made here, of what comes back."""

    def __init__(self, job: Job, observer: Observer) -> None:
        self._words = Lines(job.machine, f"{job.path}/{OUTPUT}")
        self._observer = observer
        self._begun = False

    def look(self) -> None:
        """Tell what has come. Can be called again after ConnectionLost."""
        for line in self._words.poll():
            text = named(line.decode(errors="replace")).rstrip()
            of_a_value = _OF_A_VALUE.match(text) is not None
            self._begun |= of_a_value
            if text and (of_a_value or not self._begun):
                self._observer.progress(text)
