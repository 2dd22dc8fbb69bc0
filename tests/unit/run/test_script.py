# SPDX-License-Identifier: Apache-2.0
"""Commands in a guest without a terminal: what arrives where, and what their end is taken for."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import DeadlinePassed, ExitCode, HostError, InputError
from orchestrator.run.asked import load_runnable
from orchestrator.run.script import MOST_BYTES, Listener, TargetMissed
from orchestrator.run.shell import open_script
from tests.unit.run.conftest import Put
from tests.unit.run.memory_backend import Call, Hang, MemoryBackend, Part, Step, control, interrupt, marked
from tests.unit.run.stories import HELLO, misses_target, panics, up_to_target
from tests.unit.run.test_engine import Quiet

COMMANDS = b"echo hello\n"


def begun(*steps: Step) -> Callable[[Part], list[Step]]:
    """Commands that have begun."""
    start = control("trigger-start", kind="command", pids=[90], count=1)
    return lambda _: [*up_to_target(), *marked("module"), *marked("trigger"), start, *steps]


def output(stream: str, text: str, at: int = 0) -> Step:
    return control("output", stream=stream, at=at, text=text)


def trigger_end(reason: str) -> Iterator[Step]:
    numbers = dict.fromkeys(("attempted", "succeeded", "failed", "in_flight", "oom_kill"), 0)
    yield control("trigger-end", reason=reason, **numbers)
    yield from marked("end")
    yield control("end", oom_kill_total=0)


def ended(**how: int) -> list[Step]:
    return [control("process-end", process=0, pid=90, **how), *trigger_end("finished")]


class Heard:
    """Who listens."""

    def __init__(self) -> None:
        self.text = {"stdout": b"", "stderr": b""}

    def write(self, stream: str, content: bytes) -> None:
        self.text[stream] += content


def run_script(heard: Heard | None = None, *overrides: str) -> int:
    loaded = load_runnable(Path("binder-order3"), overrides)
    session = open_script(loaded.scenario, "kvcalloc", COMMANDS, Quiet())
    listener = Listener((heard or Heard()).write, lambda _: None, lambda _: None)
    return session.run(listener)


def assert_nothing_runs(backend: MemoryBackend) -> None:
    assert (backend.started, backend.running) == (1, 0)


def test_what_is_written_comes_byte_by_byte_and_apart(put: Put) -> None:
    put(begun(output("stdout", "a\0\xff\n"), output("stderr", "aside\n", 4), *ended(exit_status=7)))
    heard = Heard()
    assert run_script(heard) == 7
    assert heard.text == {"stdout": b"a\0\xff\n", "stderr": b"aside\n"}


@pytest.mark.parametrize(
    ("how", "status"), [({"exit_status": 0}, 0), ({"signal": 9}, 137), ({"signal": 15}, 143)]
)
def test_a_signal_is_128_and_its_number(put: Put, how: dict[str, int], status: int) -> None:
    put(begun(*ended(**how)))
    assert run_script() == status


def test_the_guest_has_the_commands_and_nothing_else_to_do(put: Put) -> None:
    seen = []

    def story(part: Part) -> list[Step]:
        recipe = part.scenario.trigger.recipe()
        seen.append((recipe, part.scenario.benchmarks, part.scenario.audit, part.planned.variants))
        return begun(*ended(exit_status=0))(part)

    put(story)
    run_script()
    assert seen == [({"command": "exec sh /script", "output": "split"}, (), False, ("kvcalloc",))]


def test_nothing_is_run_where_the_target_is_missed(put: Put) -> None:
    put(lambda _: misses_target())
    with pytest.raises(TargetMissed) as told:
        run_script()
    assert told.value.exit_code == ExitCode.VERDICT_MISSING
    assert "nothing was run" in told.value.message
    assert "twice the time" in told.value.hint


def test_commands_that_take_too_long_are_told_of_the_deadline(put: Put) -> None:
    put(begun(*trigger_end("deadline")))
    with pytest.raises(DeadlinePassed) as told:
        run_script(None, "deadlines.trigger=3s")
    assert "within 3 s" in told.value.message
    assert "--set deadlines.trigger=30s" in told.value.hint


@pytest.mark.parametrize(
    ("story", "word"),
    [
        (panics, "panic"),
        (lambda _: [], "boot-failed"),
        (lambda _: [HELLO, control("error", where="zram", errno=12, message="no memory")], "no memory"),
        (begun(*ended(exit_status=127, start_errno=12)), "ENOMEM"),
    ],
)  # fmt: skip
def test_a_guest_that_ends_first_is_no_status(
    put: Put, story: Callable[[Part], list[Step]], word: str
) -> None:
    put(lambda part: [*up_to_target(), *story(part)] if story is panics else story(part))
    with pytest.raises(HostError) as told:
        run_script()
    assert word in told.value.message


def test_a_reader_that_has_gone_ends_the_guest(put: Put) -> None:
    backend = put(begun(output("stdout", "x"), Hang()))

    class Closed(Heard):
        def write(self, stream: str, content: bytes) -> None:
            raise BrokenPipeError(errno.EPIPE, "gone")

    with pytest.raises(BrokenPipeError):
        run_script(Closed())
    assert_nothing_runs(backend)


def test_an_interrupt_ends_the_guest(put: Put, tmp_path: Path) -> None:
    backend = put(begun(Call(interrupt), Hang()))
    with pytest.raises(KeyboardInterrupt):
        run_script()
    assert_nothing_runs(backend)


def test_more_than_a_guest_holds_is_refused_before_anything(put: Put) -> None:
    backend = put(begun())
    loaded = load_runnable(Path("binder-order3"), [])
    with pytest.raises(InputError):
        open_script(loaded.scenario, None, b"#" * (MOST_BYTES + 1), Quiet())
    assert backend.started == 0
