# SPDX-License-Identifier: Apache-2.0
"""A run that is ended before its host runs out of memory: in order, recorded, and it goes on later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode, HostError
from orchestrator.host.memory_room import MemoryRoom
from orchestrator.outcome import Outcome
from orchestrator.record.journal import RunEnded, read_journal, trial_results
from orchestrator.run.asked import load_runnable
from orchestrator.run.engine import RunOptions, resume_run, run_scenario
from orchestrator.run.memory_watch import MemoryShort, memory_watched, pause_s
from orchestrator.units import GIB, MIB
from orchestrator.verdict.judged_run import load_judged_run
from orchestrator.verdict.judgement import Conclusion
from tests.unit.run.conftest import Put
from tests.unit.run.memory_backend import Call, Hang, Part, Step
from tests.unit.run.stories import passes, runs_out_of_memory, story
from tests.unit.run.test_engine import Quiet


def test_the_watch_calls_once_when_there_is_less_than_the_floor_and_says_of_whom() -> None:
    rooms = iter([8 * GIB, 768 * MIB, 767 * MIB, 0, 0])
    said: list[MemoryShort] = []
    called = threading.Event()

    def too_little(error: MemoryShort) -> None:
        said.append(error)
        called.set()

    with memory_watched(
        too_little,
        lambda: "a fork took 9 MiB at most",
        lambda: MemoryRoom("this host", next(rooms), 24 * GIB),
    ):
        assert called.wait(5)
    (error,) = said
    assert error.message == (
        "the guests were ended before this host ran out of memory: of 24576 MiB 767 MiB were left, and"
        " 768 MiB are to stay free"
    )
    assert error.evidence == ("measured: a fork took 9 MiB at most",)
    assert error.exit_code is ExitCode.COULD_NOT_RUN


def test_the_watch_ends_with_its_block() -> None:
    before = threading.active_count()
    with memory_watched(
        lambda _: pytest.fail("there is enough"), str, lambda: MemoryRoom("this host", GIB, GIB)
    ):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


@pytest.mark.parametrize(("spare_bytes", "wait_s"), [(100 * GIB, 1), (GIB, 0.25), (0, 0.05), (-GIB, 0.05)])
def test_it_looks_the_oftener_the_less_there_is(spare_bytes: int, wait_s: float) -> None:
    assert pause_s(spare_bytes) == wait_s


class Room:
    """The host's memory as the watch sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free_bytes = 8 * GIB
        self.used_up = threading.Event()
        monkeypatch.setattr("orchestrator.run.work.tightest_room", self)

    def __call__(self) -> MemoryRoom:
        return MemoryRoom("the control group /box", self.free_bytes, 8 * GIB)

    def use_up(self) -> None:
        self.free_bytes = 100 * MIB


def fills_memory(room: Room) -> Iterator[Step]:
    yield Call(room.use_up)
    yield Hang()


def test_a_run_that_is_ended_for_memory_is_whole_and_goes_on(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, out = Room(monkeypatch), tmp_path / "run"
    usual = story(kcalloc=runs_out_of_memory, kvcalloc=passes)
    trials: list[Part] = []

    def until_the_third(part: Part) -> Iterator[Step]:
        if part.variant:
            trials.append(part)
        yield from fills_memory(room) if len(trials) == 3 else usual(part)

    backend = put(until_the_third)
    loaded = load_runnable(Path("binder-order3"), ["audit=false", "trials.blocks=2"])
    with pytest.raises(HostError, match="ended before the control group /box ran out of memory") as caught:
        run_scenario(loaded, Quiet(), RunOptions("oomlab run", out))
    assert f"oomlab run --resume {out}" in caught.value.hint
    assert caught.value.evidence == ("measured: a block took 2 MiB, a fork took 1 MiB at most",)
    assert backend.running == 0
    entries = read_journal(out / "journal.jsonl")
    last = entries[-1]
    assert isinstance(last, RunEnded)
    assert (last.reason, last.detail) == ("failed", caught.value.message)
    ended = trial_results(entries)[-1]
    assert (ended.outcome, ended.why) == (Outcome.INTERRUPTED, caught.value.message)
    assert load_judged_run(out).verdict.conclusion is Conclusion.MISSING

    room.free_bytes = 8 * GIB
    put(usual)
    assert resume_run(out, Quiet()).verdict.conclusion is Conclusion.MET
