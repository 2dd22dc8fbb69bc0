# SPDX-License-Identifier: Apache-2.0
"""Runs on another machine, as a user makes them: real ssh, a wire that is cut, real guests."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import PIPE, Child, Completed, finish, start
from orchestrator.paths import cache_dir
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import RunEnded, TrialEnded, read_journal
from orchestrator.record.manifest import RunManifest
from orchestrator.search.result import SEARCH_FILE, SearchResult
from tests.remote.machine import USER, OtherMachine, other_machine, program_places
from tests.remote.program import install_program
from tests.remote.sshd import Sshd
from tests.remote.wire import wire
from tests.user_terminal import UserTerminal, user_terminal

pytestmark = pytest.mark.guest

_COMMAND_S = 300.0
_NOTICED_S = 7.5
"""Longer than a dead line takes to be noticed."""
_ENDLESS = ("--set", "trials.blocks=1", "--set", "audit=false", "--set", "fragmentation=null", "--set",
            "trigger={kind: command, command: 'sleep 600'}", "--set", "expectations={}")  # fmt: skip
_QUICK = tuple(word.replace("sleep 600", "true") for word in _ENDLESS)
_RUN = re.compile(r"oomlab attach --host HOST (\S+)")


class There:
    """A machine with this program on it, and a user who sits here in a directory of their own."""

    def __init__(self, machine: OtherMachine, folder: Path, checkout: Path) -> None:
        self.machine = machine
        self.folder = folder
        self._environment = {
            **machine.environment, "OOMLAB_CACHE": str(cache_dir()), "PYTHONPATH": str(checkout),
        }  # fmt: skip

    @property
    def jobs(self) -> Path:
        """Where runs are on the other machine, from here."""
        return self.machine.home / ".local/share/oomlab/jobs"

    def command(self, *words: str) -> list[str]:
        """The command line as a user types it: the command, the machine, the rest."""
        name, *others = words
        program = [sys.executable, "-P", "-m", "orchestrator"]
        return [*program, name, "--host", self.machine.address, *others]

    def oomlab(self, *words: str) -> Completed:
        """A command to its end."""
        with self.started(*words) as child:
            output = finish(child, words, Deadline.after(_COMMAND_S, words[0]))
        return Completed(child.returncode, *output)

    @contextmanager
    def started(self, *words: str) -> Iterator[Child]:
        """A command that goes on."""
        argv = self.command(*words)
        with start(argv, cwd=self.folder, env=self._environment, stdout=PIPE, stderr=PIPE) as child:
            yield child

    @contextmanager
    def at_a_terminal(self, terminal: UserTerminal, *words: str) -> Iterator[Child]:
        """The same, with somebody there."""
        argv = self.command(*words)
        with terminal.started(argv, cwd=self.folder, env=self._environment) as child:
            yield child

    def journal(self) -> list[str]:
        """The journal of the only run that is there, as far as it has come."""
        found = [path.read_text() for path in self.jobs.glob("*/run/journal.jsonl")]
        return found[0].splitlines() if found else []

    def told(self, output: bytes | str) -> str:
        """What was said, which names neither the other machine nor its user."""
        text = output if isinstance(output, str) else output.decode()
        assert self.machine.wire.there not in text
        assert self.machine.address not in text
        return text

    def assert_nothing_is_left(self) -> None:
        """No run and no process of one."""
        assert list(self.jobs.iterdir()) == []
        said = self.machine.ssh(f"ps -u {USER} -o comm= || true").stdout.decode()
        assert "qemu" not in said
        assert "python" not in said
        assert list((self.machine.home / ".cache/oomlab/incoming").iterdir()) == []


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, sshd: Sshd, checkout: Path) -> Iterator[OtherMachine]:
    scratch = tmp_path_factory.mktemp("other")
    with wire() as line, other_machine(scratch, line, sshd, program_places(checkout)) as machine:
        install_program(machine)
        yield machine


@pytest.fixture
def there(furnished: OtherMachine, tmp_path: Path, checkout: Path) -> Iterator[There]:
    yield There(furnished, tmp_path, checkout)
    furnished.mend()


def _wait(what: str, happened: Callable[[], bool]) -> None:
    deadline, tick = Deadline.after(_COMMAND_S, what), threading.Event()
    while not happened():
        deadline.check()
        tick.wait(0.05)


def _ended(lines: Sequence[str]) -> int:
    return sum('"kind":"trial-ended"' in line for line in lines)


def _is_under_way(there: There, trials: int) -> bool:
    journal = there.journal()
    return bool(journal) and _ended(journal) >= trials


def _cut_twice(there: There, trials: dict[str, int]) -> None:
    """In the first block, and when some trials have ended; how many had, before each cut and after it."""
    for name, begin in (("first", 0), ("second", 4)):
        _wait("a run under way", partial(_is_under_way, there, begin))
        there.machine.cut()
        trials[name] = _ended(there.journal())
        threading.Event().wait(_NOTICED_S)
        trials[f"{name}, mended"] = _ended(there.journal())
        there.machine.mend()
        _wait("the line", lambda: there.machine.ssh("true", check=False).returncode == 0)


def test_a_run_survives_two_cuts_and_nothing_is_lost_or_doubled(there: There) -> None:
    trials = dict[str, int]()
    cutter = threading.Thread(target=_cut_twice, args=(there, trials))
    cutter.start()
    three = ("--set", "trials.blocks=3", "--json", "--verbose")
    done = there.oomlab("run", "binder-order3", "--out", "out", *three)
    cutter.join()
    said = there.told(done.stderr)
    assert done.returncode == ExitCode.MET, said
    assert said.count("was lost") == said.count("connected again") == 2, said
    assert trials["second, mended"] > trials["second"], "nothing happened there while the wire was cut"

    verdict = json.loads(done.stdout)
    assert verdict["variants"]["kcalloc"]["outcomes"] == {"oom": 3}
    assert verdict["variants"]["kvcalloc"]["outcomes"] == {"passed": 3}
    told = re.findall(r"^trial (\d+): .* after ", said, re.MULTILINE)
    assert Counter(map(int, told)) == Counter(range(1, 13))
    _assert_whole(there.folder / "out", range(1, 13))
    everything = b"".join(path.read_bytes() for path in there.folder.rglob("*") if path.is_file())
    assert there.machine.wire.there.encode() not in everything
    there.assert_nothing_is_left()


def _assert_whole(out: Path, trials: Sequence[int]) -> None:
    """Every trial is there once with its files, and the record says what was asked for here."""
    run = RunDirectory(out)
    results = [each.result for each in read_journal(run.journal) if isinstance(each, TrialEnded)]
    assert sorted(each.trial for each in results) == list(trials)
    assert all((out / "trials" / f"{number:04d}" / "console.log").is_file() for number in trials)
    manifest = run.load(run.manifest, RunManifest)
    assert manifest.command.startswith("oomlab run --host HOST binder-order3")
    assert all(patch.exists() for each in manifest.scenario.variants.values() for patch in each.patches)


def test_a_run_that_was_detached_is_brought_back_by_attaching(there: There) -> None:
    done = there.oomlab("run", "binder-order3", "--detach", *_QUICK)
    assert done.returncode == 0, done.stderr.decode()
    found = _RUN.search(there.told(done.stderr))
    assert found is not None
    assert done.stdout.decode() == f"{found[1]}\n"
    assert not (there.folder / "runs").exists()
    missing = there.oomlab("attach", "other")
    assert missing.returncode == ExitCode.BAD_INPUT
    assert found[1] in missing.stderr.decode()
    _wait("its end", lambda: (there.jobs / found[1] / "status").exists())  # with nobody connected
    brought = there.oomlab("attach")
    assert brought.returncode == 0, brought.stderr.decode()
    assert "trial 1" in there.told(brought.stderr)
    run = RunDirectory(there.folder / "runs" / found[1])
    assert isinstance(read_journal(run.journal)[-1], RunEnded)
    assert (there.folder / "runs/latest").readlink() == Path(found[1])
    there.assert_nothing_is_left()
    assert there.oomlab("attach").returncode == ExitCode.BAD_INPUT


def test_ctrl_c_asks_whether_to_leave_the_run_or_to_end_it(there: There) -> None:
    with user_terminal() as terminal:
        terminal.screen.timeout = _COMMAND_S
        with there.at_a_terminal(terminal, "run", "binder-order3", *_ENDLESS) as child:
            _wait("a guest there", lambda: any('"trial-started"' in line for line in there.journal()))
            os.kill(child.pid, signal.SIGINT)
            terminal.read(rb"(End the run on the other machine\?)")
            terminal.screen.send(b"n\n")
            terminal.read(rb"(oomlab attach --host HOST)")
            assert child.wait() == ExitCode.INTERRUPTED
    (job,) = there.jobs.iterdir()
    assert not (job / "status").exists()
    with user_terminal() as terminal:
        terminal.screen.timeout = _COMMAND_S
        with there.at_a_terminal(terminal, "attach", job.name, "--out", "out") as child:
            terminal.read(rb"(trial 1)")
            os.kill(child.pid, signal.SIGINT)
            terminal.read(rb"(End the run on the other machine\?)")
            terminal.screen.send(b"y\n")
            terminal.read(rb"(interrupted)")
            assert child.wait() == ExitCode.INTERRUPTED
    entries = read_journal(RunDirectory(there.folder / "out").journal)
    assert isinstance(entries[-1], RunEnded)
    assert entries[-1].reason == "interrupted"
    there.assert_nothing_is_left()


def test_whoever_has_no_terminal_leaves_the_run_and_may_end_it_later(there: There) -> None:
    with there.started("run", "binder-order3", *_ENDLESS) as child:
        _wait("a guest there", lambda: any('"trial-started"' in line for line in there.journal()))
        os.kill(child.pid, signal.SIGTERM)
        _, said = finish(child, ["oomlab"], Deadline.after(_COMMAND_S, "its end"))
    assert child.returncode == ExitCode.INTERRUPTED
    assert _RUN.search(there.told(said))
    ended = there.oomlab("attach", "--end", "--out", "out")
    assert ended.returncode == ExitCode.INTERRUPTED, ended.stderr.decode()
    assert (there.folder / "out/verdict.json").exists()
    there.assert_nothing_is_left()


def test_a_run_that_is_killed_there_is_told_and_what_there_is_comes_back(there: There) -> None:
    with there.started("run", "binder-order3", "--out", "out", *_ENDLESS) as child:
        _wait("a guest there", lambda: any('"trial-started"' in line for line in there.journal()))
        there.machine.ssh("for p in .local/share/oomlab/jobs/*; do kill -9 $(cut -d' ' -f1 $p/process); done")
        _, said = finish(child, ["oomlab"], Deadline.after(_COMMAND_S, "its end"))
    assert child.returncode == ExitCode.COULD_NOT_RUN
    assert "out" in there.told(said).rpartition("hint: ")[2]
    assert (there.folder / "out/journal.jsonl").exists()
    there.assert_nothing_is_left()


@pytest.mark.parametrize("status", [2, 3])
def test_what_cannot_be_run_there_is_told_in_the_words_of_there(there: There, status: int) -> None:
    launcher = there.machine.home / ".local/share/oomlab/program/oomlab"
    before = launcher.read_text()
    launcher.write_text(
        f"#!/bin/sh\necho probing; echo 'error: no room here'; echo 'hint: make some'; exit {status}\n"
    )
    try:
        done = there.oomlab("run", "binder-order3", "--out", "out", *_QUICK)
    finally:
        launcher.write_text(before)
    assert done.returncode == status
    assert "error: the run failed on the other machine\n  error: no room here\n  hint: make some" in (
        there.told(done.stderr)
    )
    assert not (there.folder / "out").exists()
    there.assert_nothing_is_left()


def test_a_program_of_another_source_runs_nothing(there: There) -> None:
    stamp = there.machine.home / ".local/share/oomlab/program/SOURCE"
    before = stamp.read_text()
    for text, said in ((f"{before[::-1].strip()}\n", "another source"), (None, "not set up")):
        stamp.unlink() if text is None else stamp.write_text(text)
        done = there.oomlab("run", "binder-order3", *_QUICK)
        assert done.returncode == ExitCode.COULD_NOT_RUN
        assert said in there.told(done.stderr)
        assert "oomlab host setup" in there.told(done.stderr)
    stamp.write_text(before)
    there.assert_nothing_is_left()


def test_a_search_is_made_there_as_well(there: There) -> None:
    words = ("--vary", "trigger.count=20..600", "--points", "2", "--blocks", "1", "--set", "audit=false")
    done = there.oomlab("search", "binder-order3", "--out", "out", "--json", *words)
    said = there.told(done.stderr)
    assert done.returncode in (ExitCode.MET, ExitCode.VERDICT_MISSING), said
    result = SearchResult.model_validate_json(done.stdout)
    assert [point.value for point in result.points] == [20, 600]
    assert result == RunDirectory(there.folder / "out").load(there.folder / "out" / SEARCH_FILE, SearchResult)
    assert said.count("point 2: trigger.count=600: ") == 1
    assert result.command.startswith("oomlab search --host HOST")
    there.assert_nothing_is_left()
