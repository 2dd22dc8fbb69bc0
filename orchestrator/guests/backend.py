# SPDX-License-Identifier: Apache-2.0
"""What a run needs of any kind of device: the protocol that every backend answers.

A backend is what `device.backend` names: it says what it can do, finds out what this host has for it, and
makes a launcher for each boot of the plan. A launcher starts guests; a guest is watched over its console and
control lines, which arrive as bytes at the sinks of `Lines`. (syzkaller's vm/vmimpl parts the same things in
Pool and Instance.) `orchestrator.guests.registry` knows the backends by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # checking scenarios needs none of these
    from orchestrator.arch import ArchName
    from orchestrator.clock import Clock
    from orchestrator.files.folder import Folder
    from orchestrator.guest_files.archive import GuestFiles
    from orchestrator.guests.accelerator_report import AcceleratorReport
    from orchestrator.host.programs import Need
    from orchestrator.kernels.base import DriverPlace
    from orchestrator.kernels.features import KernelNeed
    from orchestrator.plan import PlannedBlock
    from orchestrator.scenario.fields import Cross
    from orchestrator.scenario.models import Scenario

Sink = Callable[[bytes], None]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Ability:
    """Something that devices can do, or why these cannot: a reason that fits behind a colon."""

    why_not: str = ""

    def __bool__(self) -> bool:
        return not self.why_not


ABLE = Ability()


@dataclass(frozen=True)
class Capabilities:
    """What the devices of a backend can do. A run never asks for what is not declared here."""

    snapshots: Ability
    """Trials fork from one boot: several of a variant, and pairs of variants that share a kernel. Without it
    each trial boots a guest of its own."""
    deterministic_clock: Ability
    """Guest time is a count of instructions."""
    registers: Ability
    """The CPU's registers can be read from outside, as evidence of where a guest hangs."""
    private_memory: Ability
    """The backend can tell what memory of the host is one guest's alone, or a snapshot's. Without it each
    guest is counted with its whole memory."""
    shell: Ability
    """A person can be given a shell in the guest."""
    numa_nodes: Ability
    """Memory can be divided among several NUMA nodes."""
    modules: Ability
    """The agent can load the driver under test as a module, so that variants may share a kernel and differ in
    that. Without it kernels have the driver built in."""


class BootFiles(Protocol):
    """What is booted; `orchestrator.kernels.images.GuestImages` is one."""

    @property
    def kernel(self) -> Path:
        """The kernel image."""

    @property
    def initramfs(self) -> Path:
        """The agent, the modules and all else that a guest has for files."""

    @property
    def agent(self) -> Path:
        """The agent by itself, a static program: for devices that it has to be pushed to. HostError where it
        is not at hand."""

    @property
    def script(self) -> Path | None:
        """Commands for the guest's shell, where there are any: in the initramfs already, for devices that
        have another one they have to be pushed to `Backend.script_path`."""

    @property
    def files(self) -> GuestFiles:
        """The user's: likewise, to their own places."""

    @property
    def binder(self) -> DriverPlace:
        """Whether the agent loads the driver under test, or has it from the kernel."""


@dataclass(frozen=True)
class Lines:
    """Where all that a guest says goes, as it comes, from threads of the backend's.

    Each sink gets b"" once, after the last byte, when the device has ended or will say no more. A sink that
    raises is called no more; its exception is `Guest.sink_failure`, and the guest is not held up.
    `folder` is for files of the backend's own, such as the log of what runs the device.
    """

    console: Sink
    control: Sink
    folder: Folder


class Guest(Protocol):
    """A device that has been started, until the block of the context manager that it came from ends.

    After that block nothing of it runs any more, and its lines have been delivered to the last byte.
    """

    def await_end(self) -> str:
        """How the device ended, in words, after its console has: waits until all lines are delivered."""

    def sink_failure(self) -> Exception | None:
        """What stopped the recording of a line (a full disk, say), or None."""

    def registers(self) -> str:
        """The registers of all CPUs as text; HostError when they cannot be had. Needs that capability."""

    def private_memory_kb(self) -> int:
        """Memory of the host that is this guest's alone; 0 once it is gone. Needs that capability."""


class Template(Protocol):
    """Room for the snapshot of one boot, and the forks that continue from it.

    All of it is given back at the end of the block of the context manager that it came from.
    """

    def power_on(self, lines: Lines) -> AbstractContextManager[Guest]:
        """As `Launcher.power_on`, for a guest whose snapshot can be taken."""

    def take_snapshot(self) -> None:
        """Keep the state of the guest that was powered on and has parked itself.

        Raises HostError and DeadlinePassed when that fails.
        """

    def fork(self, command: bytes, lines: Lines) -> AbstractContextManager[Guest]:
        """A continuation of the snapshot that has taken `command` from its control line before it runs on.

        Forks may run at once, and change neither the snapshot nor one another. Raises as power_on.
        """

    def memory_sha256(self) -> str:
        """SHA-256 of the whole memory in the snapshot, in hex."""

    def memory_kb(self) -> int:
        """Memory of the host that the guest's own takes: what was touched of it. Needs `private_memory`."""


class Launcher(Protocol):
    """One boot of the plan, ready to be started; it may be started any number of times, also at once."""

    @property
    def commands(self) -> Sequence[str]:
        """The commands that boot this guest by hand, one a line, paste-ready and in their order. Pure: they
        are told also where nothing of what they need is there."""

    def power_on(self, lines: Lines) -> AbstractContextManager[Guest]:
        """Start the device and return as soon as its lines are connected; whether it boots, those will tell.

        Raises HostError when it cannot be started, DeadlinePassed when that takes too long.
        """

    def template(self) -> AbstractContextManager[Template]:
        """Room for a snapshot of this boot. Needs that capability. HostError when there is none."""

    def attach(self, control: Sink) -> int:
        """Boot with the terminal joined to a shell in the guest until that ends; an exit status.

        Ctrl-C goes to the guest. Needs the capability `shell`.
        """


class Backend(Protocol):
    """A kind of device. Has no state but which device is meant: what a run knows is in the launchers that it
    asked for."""

    @property
    def capabilities(self) -> Capabilities:
        """What its devices can do."""

    @property
    def overhead_bytes(self) -> int:
        """Memory of the host that what runs one guest takes at most, beside the guest's own."""

    @property
    def how_to_leave(self) -> str:
        """What a person is told who gets a shell."""

    @property
    def script_path(self) -> str:
        """Where in the guest `BootFiles.script` is."""

    def problems(self, scenario: Scenario) -> Iterable[Cross]:
        """What else these devices cannot do of a scenario, at its key and with the reason. Pure."""

    def kernel_needs(self, arch: ArchName) -> Sequence[KernelNeed]:
        """What a kernel must have to boot on these devices, beside what any guest needs
        (`orchestrator.run.kernel_needs`). Pure."""

    def assumptions(self, arch: ArchName) -> Sequence[str]:
        """What the commands of a dry run take for granted of this host: remarks. Starts nothing."""

    def needs(self, arch: ArchName) -> Sequence[Need]:
        """The programs and files that guests of this architecture need on this host."""

    def require_version(self, arch: ArchName) -> None:
        """HostError where a program that runs the guests is missing or too old."""

    def accelerator(
        self, arch: ArchName, clock: Clock, files: BootFiles, progress: Progress
    ) -> AcceleratorReport:
        """What runs guests under this clock here, by a probe guest if need be; HostError if nothing does."""

    def assumed_accelerator(self, arch: ArchName, clock: Clock) -> AcceleratorReport:
        """What may be assumed without asking this host for anything: for a dry run."""

    def launcher(
        self, scenario: Scenario, planned: PlannedBlock, files: BootFiles, accelerator: AcceleratorReport
    ) -> Launcher:
        """The boot of one block (or proof, or shell)."""

    def remove_abandoned(self) -> Iterable[str]:
        """End and remove the devices of runs that were killed, and nobody else's; what came of each in words.

        For `oomlab clean`: of devices that go on when oomlab is gone, a backend knows which were its own.
        """
