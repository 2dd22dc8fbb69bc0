# SPDX-License-Identifier: Apache-2.0
"""A backend without any guest: its devices say what a test wrote for them.

It is strict. What a real device would refuse or could not do fails the test: a boot file that is not there, a
fork of a snapshot that nobody took, a fork command that the agent would not understand, a question that the
backend declares it cannot answer, a template used after its end, a guest asked for its end before that came.
"""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from orchestrator.arch import ArchName
from orchestrator.clock import Clock
from orchestrator.errors import DeadlinePassed, HostError
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.guests.backend import ABLE, BootFiles, Capabilities, Lines, Progress, Sink
from orchestrator.host.programs import Need
from orchestrator.kernels.features import KernelNeed
from orchestrator.plan import PlannedBlock, modules_of
from orchestrator.protocol.records import parse_record
from orchestrator.scenario.fields import Cross
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode

ALL = Capabilities(
    snapshots=ABLE, deterministic_clock=ABLE, registers=ABLE, private_memory=ABLE, shell=ABLE,
    numa_nodes=ABLE, modules=ABLE,
)  # fmt: skip
REPORT = AcceleratorReport(
    accelerator="tcg",
    reason="no guest at all",
    program="memory",
    qemu_version="0.1",
    cpu_model="none",
    boot_s=3,
    loops_per_s=1,
)
_COMMAND = re.compile(rb"([TRPtrp])(\d{6})\n")
_STAGES = {"t": "trigger", "r": "relaxed", "p": "target"}
_HANG_S = 60.0


def interrupt() -> None:
    """Ctrl-C, by a real signal: `_thread.interrupt_main` wakes no main thread that waits for a lock."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


_LETTERS = 8


class Console(str):
    """Text on the console."""


@dataclass(frozen=True)
class Control:
    """A record on the control line; one that the protocol does not know fails the test."""

    event: str
    fields: dict[str, Any] = field(default_factory=dict)

    def line(self, number: int) -> bytes:
        line = json.dumps({"event": self.event, "t_us": number, **self.fields}).encode()
        parse_record(line)
        return line + b"\n"


@dataclass(frozen=True)
class Garbage:
    """A line on the control line that is no record."""

    line: bytes


class Hang:
    """The guest says no more, and does not end."""


@dataclass(frozen=True)
class Call:
    """Something happens on the host at this point of the guest's life, such as the user's Ctrl-C."""

    what: Callable[[], object]


Step = Console | Control | Garbage | Hang | Call


def control(event: str, **fields: Any) -> Control:
    """A record of the agent's."""
    return Control(event, fields)


def marked(phase: str) -> list[Step]:
    """A phase begins, on both lines."""
    return [control("phase", name=phase), Console(f"[    1.000000] oomlab: phase {phase}\n")]


@dataclass(frozen=True)
class Part:
    """A guest that asks what it is to say: a block up to its target (no variant), a fork, or a whole boot."""

    scenario: Scenario
    planned: PlannedBlock
    variant: str = ""
    stage: str = ""


Story = Callable[[Part], Iterable[Step]]
"""What a guest says; it may raise HostError where the device cannot be started."""


class MemoryBackend:
    """As `orchestrator.guests.backend.Backend`; `started` counts its devices, `running` those that are on."""

    how_to_leave = "nobody gets in"
    overhead_bytes = 0
    script_path = "/script"

    def __init__(self, story: Story, capabilities: Capabilities = ALL) -> None:
        self.capabilities = capabilities
        self.story = story
        self.lock = threading.Lock()
        self.started = self.running = self.most_running = 0
        self.report = REPORT
        self.block_kb = 2048

    def problems(self, scenario: Scenario) -> Iterable[Cross]:
        """None of its own."""
        return ()

    def kernel_needs(self, arch: ArchName) -> tuple[KernelNeed, ...]:
        """Nothing."""
        return ()

    def assumptions(self, arch: ArchName) -> tuple[str, ...]:
        """Something to be told."""
        return ("nothing is real",)

    def needs(self, arch: ArchName) -> tuple[Need, ...]:
        """Nothing."""
        return ()

    def remove_abandoned(self) -> tuple[str, ...]:
        return ()

    def require_version(self, arch: ArchName) -> None:
        """Any will do."""

    def accelerator(
        self, arch: ArchName, clock: Clock, files: BootFiles, progress: Progress
    ) -> AcceleratorReport:
        """A probe would boot these files."""
        _require_files(files)
        if clock == "deterministic":
            assert self.capabilities.deterministic_clock
        return self.report

    def assumed_accelerator(self, arch: ArchName, clock: Clock) -> AcceleratorReport:
        """The same, and no file is looked at."""
        return self.report

    def launcher(
        self, scenario: Scenario, planned: PlannedBlock, files: BootFiles, accelerator: AcceleratorReport
    ) -> MemoryLauncher:
        """One boot."""
        return MemoryLauncher(self, scenario, planned, files)

    @contextmanager
    def on(self, part: Part, lines: Lines, steps: Iterable[Step]) -> Iterator[MemoryGuest]:
        """A guest, from its power-on to the end of the block."""
        with self.lock:
            self.started += 1
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        guest = MemoryGuest(self.capabilities, lines, steps)
        guest.thread.start()
        try:
            yield guest
        finally:
            guest.killed.set()
            guest.thread.join()
            with self.lock:
                self.running -= 1
            if guest.broken is not None:
                raise guest.broken


@dataclass(frozen=True)
class MemoryLauncher:
    """As `orchestrator.guests.backend.Launcher`."""

    backend: MemoryBackend
    scenario: Scenario
    planned: PlannedBlock
    files: BootFiles

    @property
    def commands(self) -> tuple[str, ...]:
        """Something to paste."""
        return (f"imagine {self.planned.variants[0]}",)

    @contextmanager
    def power_on(self, lines: Lines) -> Iterator[MemoryGuest]:
        """A guest that goes straight through; in mode `block` it would park, and nobody would come."""
        assert self.planned.mode is not Mode.BLOCK
        _require_files(self.files)
        (variant, *_) = self.planned.variants
        part = Part(self.scenario, self.planned, variant, self.planned.stage)
        with self.backend.on(part, lines, self.backend.story(part)) as guest:
            yield guest

    @contextmanager
    def template(self) -> Iterator[MemoryTemplate]:
        """Room for a snapshot."""
        assert self.backend.capabilities.snapshots
        template = MemoryTemplate(self)
        yield template
        assert not template.running, "a fork outlived its template"
        template.closed = True

    def attach(self, control: Sink) -> int:
        """Nobody is there."""
        raise AssertionError


class MemoryTemplate:
    """As `orchestrator.guests.backend.Template`."""

    def __init__(self, launcher: MemoryLauncher) -> None:
        self._launcher = launcher
        self._backend = launcher.backend
        self._guest: MemoryGuest | None = None
        self._saved = False
        self.running = 0
        self.closed = False

    @contextmanager
    def power_on(self, lines: Lines) -> Iterator[MemoryGuest]:
        """The one boot of this template."""
        assert self._guest is None
        assert not self.closed
        _require_files(self._launcher.files)
        part = Part(self._launcher.scenario, self._launcher.planned)
        with self._backend.on(part, lines, self._backend.story(part)) as guest:
            self._guest = guest
            yield guest

    def take_snapshot(self) -> None:
        """Only of a guest that is on and has parked."""
        assert self._guest is not None
        assert not self._guest.killed.is_set()
        if not self._guest.parked.wait(1):
            raise DeadlinePassed("not in time: the guest's snapshot is taken")
        self._saved = True

    @contextmanager
    def fork(self, command: bytes, lines: Lines) -> Iterator[MemoryGuest]:
        """Only from a snapshot, with a command that its agent understands."""
        assert self._saved
        assert not self.closed
        stage, variant = self._understood(command)
        part = Part(self._launcher.scenario, self._launcher.planned, variant, stage)
        steps = self._backend.story(part)
        traced = stage.startswith("audit-")
        woken = control("woken", variant=variant, stage=stage.removeprefix("audit-"), traced=traced)
        self.running += 1
        try:
            with self._backend.on(part, lines, [woken, *steps]) as guest:
                yield guest
        finally:
            self.running -= 1

    def memory_sha256(self) -> str:
        """Of the seed: blocks differ by nothing else."""
        assert self._saved
        return sha256(str(self._launcher.planned.seed).encode()).hexdigest()

    def memory_kb(self) -> int:
        """Always the same."""
        assert self._backend.capabilities.private_memory
        return self._backend.block_kb

    def _understood(self, command: bytes) -> tuple[str, str]:
        assert len(command) == _LETTERS, "the UART would not take it at once"
        found = _COMMAND.fullmatch(command)
        assert found is not None, command
        letter, module = found[1].decode(), int(found[2])
        modules = modules_of(self._launcher.scenario, self._launcher.planned.variants)
        stage = _STAGES[letter.lower()]
        return (stage if letter.isupper() else f"audit-{stage}"), modules[module]


class MemoryGuest:
    """As `orchestrator.guests.backend.Guest`: a thread that says its steps."""

    def __init__(self, capabilities: Capabilities, lines: Lines, steps: Iterable[Step]) -> None:
        self._capabilities = capabilities
        self._lines = lines
        self._steps = steps
        self._failure: Exception | None = None
        self.broken: BaseException | None = None
        """What is wrong with the test's own story."""
        self._ended = threading.Event()
        self.parked = threading.Event()
        self.killed = threading.Event()
        self.thread = threading.Thread(target=self._live, daemon=True)

    def await_end(self) -> str:
        """A device that is still on would be waited for until the test is killed."""
        assert self._ended.wait(1), "the console has not ended"
        self.thread.join()
        return "the device ended"

    def sink_failure(self) -> Exception | None:
        """The first of either line."""
        return self._failure

    def registers(self) -> str:
        """Of a CPU that there is not."""
        assert self._capabilities.registers
        return "PC=0"

    def private_memory_kb(self) -> int:
        """Always the same."""
        assert self._capabilities.private_memory
        return 1024

    def _live(self) -> None:
        try:
            self._say_all()
        except BaseException as error:  # noqa: BLE001 - raised where the guest's block ends
            self.broken = error
        self._deliver(self._lines.control, b"")
        self._ended.set()
        self._deliver(self._lines.console, b"")

    def _say_all(self) -> None:
        for number, step in enumerate(self._steps, start=1):
            if self.killed.is_set():
                break
            match step:
                case Console():
                    self._deliver(self._lines.console, step.encode())
                case Control():
                    self._deliver(self._lines.control, step.line(number))
                case Garbage():
                    self._deliver(self._lines.control, step.line + b"\n")
                case Call():
                    step.what()
                case Hang():
                    assert self.killed.wait(_HANG_S), "nobody ends a guest that hangs"
            if isinstance(step, Control) and step.event == "parked":
                self.parked.set()
                assert self.killed.wait(_HANG_S), "a guest that has parked never goes on by itself"

    def _deliver(self, sink: Sink, chunk: bytes) -> None:
        if self._failure is None:
            try:
                sink(chunk)
            except Exception as error:  # noqa: BLE001 - as a pump does: the guest is not held up
                self._failure = error


def _require_files(files: BootFiles) -> None:
    for path in (files.kernel, files.initramfs):
        if not path.is_file():
            raise HostError(f"cannot read {path}: No such file or directory")
