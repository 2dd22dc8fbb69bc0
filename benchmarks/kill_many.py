# SPDX-License-Identifier: Apache-2.0
"""Kills the tool (SIGKILL) at random moments of small runs, resumes them, looks for what is left or lost.

    python -m benchmarks.kill_many [--kills 200] [--clock realtime] [--blocks 2] [--seed 1]

A run is killed at a moment drawn from the time that an undisturbed run takes, resumed, killed
again, and so on until one of its parts comes to the end. After every kill no process of it may
live and no temporary file may be there; what the journal held must stand in the final journal;
the verdict must be that of the undisturbed run: under the deterministic clock in every figure.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.host.process import Completed, run, start
from orchestrator.outcome import Outcome
from orchestrator.record.journal import BlockEnded, read_journal, trial_results
from orchestrator.record.result import TrialResult

SMALL = (
    "fragmentation=null", "trigger={kind: binder-mmap, size: 4MiB, count: 20}", "expectations={}",
    "deadlines={boot: 10min, target: 10min, trigger: 10min}",
)  # fmt: skip
"""Changes to `binder-order3` that make a run of some seconds."""
WHOLE_RUN_S = 600.0
DEATH_S = 5.0
KILLS_A_RUN = 12
"""More often than this no single run is killed, so that many come to their end."""
_LOOK_S = 0.005
_FINISHED = 0


@dataclass
class Tally:
    """What a campaign saw."""

    undisturbed_s: float = 0.0
    kills: int = 0
    runs: int = 0
    before_the_run: int = 0
    results_at_kill: int = 0
    trials_in_flight: int = 0
    slowest_death_s: float = 0.0
    moments: list[float] = field(default_factory=list)


class Fault(AssertionError):
    """Something was left, lost or changed."""


class Campaign:
    """Runs of one kind in one directory; `checkout` is where the program is."""

    def __init__(self, directory: Path, *, clock: str, blocks: int, seed: int) -> None:
        self.directory = directory
        self.clock = clock
        self.tally = Tally()
        self._clock = threading.Event()  # nobody sets it: it lets time pass
        self._blocks = blocks
        self._random = random.Random(seed)
        self._temporary = directory / "temporary"
        self._temporary.mkdir(parents=True)
        self._reference = ""

    def prepare(self) -> None:
        """The undisturbed run that all others are held against."""
        self._run_whole("warm", *self._new("warm"))  # images and the probe's answer
        begun = time.monotonic()
        self._run_whole("reference", *self._new("reference"))
        self.tally.undisturbed_s = time.monotonic() - begun
        self._reference = self._essence("reference")

    def one_run(self, kills: int) -> int:
        """A run killed and resumed until it comes to its end, `kills` times at most; how often it was."""
        self.tally.runs += 1
        name, done = f"run-{self.tally.runs}", 0
        arguments = self._new(name)
        journals: list[bytes] = []
        ended = False
        while done < kills and not (ended := self._killed_or_done(arguments)):
            done += 1
            if (self.directory / name / "manifest.json").exists():
                journals.append(self._whole_lines(name))
                arguments = ["--resume", name]
            else:  # killed before there was a run: begin anew elsewhere
                self.tally.before_the_run += 1
                name = f"{name}b"
                arguments = self._new(name)
        if not ended:
            self._run_whole(name, *arguments)
        self._check(name, journals)
        return done

    def _killed_or_done(self, arguments: list[str]) -> bool:
        """True when the command came to its end before its moment."""
        moment_s = self._random.uniform(0, self.tally.undisturbed_s)
        moment = Deadline.after(moment_s, "the moment to kill it")
        with start(self._argv(arguments), cwd=self.directory, env=self._environment()) as child:
            while not moment.passed and child.poll() is None:
                self._clock.wait(min(_LOOK_S, moment.remaining()))
            if child.returncode is not None:
                if child.returncode != _FINISHED:
                    raise Fault(f"{arguments}: ended with status {child.returncode}")
                if "--resume" not in arguments:  # the machine has become quicker, or was busy before
                    self.tally.undisturbed_s = min(self.tally.undisturbed_s, moment_s - moment.remaining())
                return True
            child.kill()
            self.tally.kills += 1
            self.tally.moments.append(round(moment_s, 3))
            self._await_death()
        return False

    def _await_death(self) -> None:
        begun = time.monotonic()
        deadline = Deadline.after(DEATH_S, "everything is gone")
        while left := list(self._alive()):
            if deadline.passed:
                raise Fault(f"still alive {DEATH_S} s after the kill: {left}")
            self._clock.wait(_LOOK_S)
        self.tally.slowest_death_s = max(self.tally.slowest_death_s, time.monotonic() - begun)
        if files := list(self._temporary.iterdir()):
            raise Fault(f"temporary files are left: {files}")

    def _alive(self) -> Iterator[str]:
        """Processes that carry the mark of our commands: children inherit TMPDIR, whatever their parent."""
        mark = f"TMPDIR={self._temporary}".encode()
        for process in Path("/proc").iterdir():
            if process.name.isdecimal():
                with suppress(OSError):
                    if mark in (process / "environ").read_bytes().split(b"\0"):
                        yield f"{process.name} {(process / 'comm').read_text().strip()}"

    def _check(self, name: str, journals: list[bytes]) -> None:
        final = (self.directory / name / "journal.jsonl").read_bytes()
        for before in journals:
            if not final.startswith(before):
                raise Fault(f"{name}: the final journal does not begin with what it held at a kill")
        if journals:
            started = journals[-1].count(b'"kind":"trial-started"')
            ended = journals[-1].count(b'"kind":"trial-ended"')
            self.tally.results_at_kill += ended
            self.tally.trials_in_flight += started - ended
        results = self._results(name)
        numbers = [result.trial for result in results]
        if len(set(numbers)) != len(numbers):
            raise Fault(f"{name}: a trial that had a result was made again: {numbers}")
        if self._essence(name) != self._reference:
            raise Fault(f"{name}: another verdict:\n{self._essence(name)}\ninstead of\n{self._reference}")

    def _essence(self, name: str) -> str:
        """What must be equal: everything under the deterministic clock, else what is no measurement."""
        directory = self.directory / name
        verdict = json.loads((directory / "verdict.json").read_text(), object_hook=_without_the_host)
        if self.clock != "deterministic":
            outcomes = {key: value["outcomes"] for key, value in verdict["variants"].items()}
            return json.dumps(
                [verdict["expectations_met"], verdict["missing"], verdict["repeated"], outcomes]
            )
        hashes = {
            f"block {entry.number}": (entry.result.fingerprint, entry.result.ram_sha256)
            for entry in read_journal(directory / "journal.jsonl")
            if isinstance(entry, BlockEnded) and entry.result.frozen
        }
        return json.dumps([verdict, hashes], indent=1, sort_keys=True)

    def _results(self, name: str) -> list[TrialResult]:
        results = trial_results(read_journal(self.directory / name / "journal.jsonl"))
        return [result for result in results if result.outcome is not Outcome.INTERRUPTED]

    def _whole_lines(self, name: str) -> bytes:
        journal = self.directory / name / "journal.jsonl"
        return journal.read_bytes().rpartition(b"\n")[0] if journal.exists() else b""

    def _new(self, name: str) -> list[str]:
        trials = f"trials={{blocks: {self._blocks}, clock: {self.clock}}}"
        return [
            "binder-order3",
            "--out",
            name,
            *(word for item in (*SMALL, trials, "audit=false") for word in ("--set", item)),
        ]

    def _run_whole(self, name: str, *arguments: str) -> None:
        done: Completed = run(
            self._argv(list(arguments)), cwd=self.directory, env=self._environment(), check=False,
            deadline=Deadline.after(WHOLE_RUN_S, f"{name} comes to its end"),
        )  # fmt: skip
        if done.returncode != _FINISHED:
            raise Fault(f"{name}: status {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")

    def _argv(self, arguments: list[str]) -> list[str]:
        return [sys.executable, "-m", "orchestrator", "run", *arguments]

    def _environment(self) -> dict[str, str]:
        environment = {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        environment["TMPDIR"] = str(self._temporary)
        if "OOMLAB_CACHE" in os.environ:
            environment["OOMLAB_CACHE"] = os.environ["OOMLAB_CACHE"]
        return environment


def _without_the_host(fields: dict[str, object]) -> dict[str, object]:
    """What the host's memory management decides is no figure of the guests."""
    return {name: value for name, value in fields.items() if not name.startswith("private_memory")}


def kill_often(campaign: Campaign, kills: int, tell: Callable[[str], object] = str) -> Tally:
    """Runs until the tool has been killed so often; raises Fault at the first thing left, lost or changed."""
    campaign.prepare()
    while (left := kills - campaign.tally.kills) > 0:
        campaign.one_run(min(left, KILLS_A_RUN))
        tell(f"{campaign.tally.kills} kills in {campaign.tally.runs} runs: nothing left, lost or changed")
    return campaign.tally


def main() -> None:
    """Print the figures of a campaign; they are there only if nothing was left, lost or changed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--clock", choices=["deterministic", "realtime"], default="deterministic")
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oomlab-kill-") as directory:
        campaign = Campaign(
            Path(directory) / "runs", clock=options.clock, blocks=options.blocks, seed=options.seed
        )
        tally = kill_often(campaign, options.kills, lambda line: sys.stderr.write(f"{line}\n"))
    lines = [
        f"undisturbed run: {tally.undisturbed_s:.1f} s",
        f"kills: {tally.kills} in {tally.runs} runs, at {min(tally.moments)} to {max(tally.moments)} s",
        f"killed before there was a run directory: {tally.before_the_run}",
        f"results in the journals at the last kill of each run: {tally.results_at_kill}, all kept",
        f"trials cut off in flight: {tally.trials_in_flight}, all made again",
        f"slowest end of all processes after a kill: {tally.slowest_death_s * 1000:.0f} ms",
    ]
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
