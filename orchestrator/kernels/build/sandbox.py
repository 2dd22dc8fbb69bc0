# SPDX-License-Identifier: Apache-2.0
"""Where foreign patches and Makefiles run: bubblewrap, with nothing of the host writable.

It is started without root's rights and without the caller's environment (`privilege`), in a control
group of its own where one can be made. Input goes in as bytes on standard input, the result comes out
on standard output, the log on standard error. There is no network, no home, no /sys, no /etc beyond the
linker's needs; /proc is read-only; the only writable places are size-limited tmpfs that vanish with it.

No host directory but /usr is looked at: whoever it runs as may not be allowed into the cache. What a
command needs beside its input is handed over as open files; a whole kernel's source and objects, which are
too much for that, as directories that are mounted for it alone.
"""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError
from orchestrator.host.cgroup import ControlGroup, Exceeded, find_place, limited_group
from orchestrator.host.privilege import Confinement, confinement, owner_to_be, require_mounts
from orchestrator.host.process import Child, find_program, finish, paste_ready, start
from orchestrator.kernels import namespaces
from orchestrator.text.amounts import count_of
from orchestrator.units import MIB

_LOOK_S = 1.0

BUILD_DIR = "/build"
"""The sandbox's working directory, empty at the start."""
GIVEN_DIR = "/given"
"""Where files that were handed over are; writable, so that they can make room again."""
SOURCE_DIR = "/usr/src"
"""Empty at the start, whatever the host has there."""


@dataclass(frozen=True)
class Limits:
    """What a command in the sandbox may use.

    `memory_bytes` is the address space of each process. No file may outgrow `file_bytes`, and neither may
    the result and the log. `total_memory_bytes` and `processes` hold for all together: by a control group
    where there is one; elsewhere the kernel holds the sandbox's user to the number of processes.
    """

    scratch_bytes: int = 256 * MIB
    file_bytes: int = 64 * MIB
    memory_bytes: int = 4096 * MIB
    total_memory_bytes: int = 2048 * MIB
    processes: int = 256
    cpu_s: int = 600


@dataclass(frozen=True)
class Bound:
    """A directory of the host, found in the sandbox at `place`. What is written to a `writable` one stays."""

    path: Path
    place: str
    writable: bool = False


@dataclass(frozen=True)
class Sandbox:
    """A command's surroundings: files to be found in GIVEN_DIR by their names there, directories, limits."""

    given: Mapping[str, Path] = field(default_factory=dict)
    limits: Limits = Limits()
    bound: tuple[Bound, ...] = ()

    @property
    def doors(self) -> tuple[Path, ...]:
        """The directories of the host that it is shown."""
        return tuple(bound.path for bound in self.bound)

    def command(self, script: str, *arguments: str) -> SandboxCommand:
        """A shell script with $1, $2, ... to be run in here."""
        return SandboxCommand(self, script, arguments)


@dataclass(frozen=True)
class SandboxCommand:
    """What is to be run, and where."""

    sandbox: Sandbox
    script: str
    arguments: tuple[str, ...]

    def argv(
        self, descriptors: Sequence[int], status: int | None = None, confined: Confinement | None = None
    ) -> list[str]:
        """The full argument list: bubblewrap, resource limits, script.

        `descriptors` are those of the given files, in their order; to `status` bubblewrap reports. Where the
        bound directories are is known to what `confined` it.
        """
        limits = self.sandbox.limits
        doors = [str(path) for path in self.sandbox.doors]
        if confined is not None:
            doors = [confined.door(number) for number in range(len(doors))]
        files = zip(descriptors, self.sandbox.given, strict=True)
        return [
            "bwrap", "--unshare-all", "--unshare-user", "--disable-userns",
            "--die-with-parent", "--new-session",
            *(() if status is None else ("--json-status-fd", str(status))),
            "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--hostname", "sandbox",
            "--clearenv", "--setenv", "PATH", "/usr/bin", "--setenv", "LC_ALL", "C.UTF-8",
            "--setenv", "HOME", "/tmp",
            "--ro-bind", "/usr", "/usr", *_merged_usr_links(),
            "--ro-bind-try", "/etc/alternatives", "/etc/alternatives",
            "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache",
            "--proc", "/proc", "--dev", "/dev",
            *(word for place in ("/tmp", BUILD_DIR, SOURCE_DIR, GIVEN_DIR) for word in _tmpfs(place, limits)),
            *(word for fd, name in files for word in ("--file", str(fd), f"{GIVEN_DIR}/{name}")),
            *(
                word
                for door, bound in zip(doors, self.sandbox.bound, strict=True)
                for word in ("--bind" if bound.writable else "--ro-bind", door, bound.place)
            ),
            "--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", BUILD_DIR, "--",
            "prlimit", *_prlimit(limits), "--",
            "sh", "-euc", self.script, "sandbox", *self.arguments,
        ]  # fmt: skip

    def by_hand(self) -> str:
        """As one types it: without the caller's rights and environment, given files opened by the shell."""
        first = 3
        opened = [f" {first + number}<{paste_ready([path])}" for number, path in enumerate(self._paths)]
        argv = self.argv(range(first, first + len(opened)))
        return paste_ready(confinement().by_hand(argv)) + "".join(opened)

    @property
    def _paths(self) -> tuple[Path, ...]:
        return tuple(self.sandbox.given.values())


@dataclass(frozen=True)
class Ran:
    """A command that has ended: its status, result and log; `excess` says which common limit ended it."""

    returncode: int
    stdout: bytes
    stderr: bytes
    excess: str = ""


Watch = Callable[[bytes], str]
"""Told the log so far, now and then; what it says beside "" ends the command."""


def run_sandboxed(
    command: SandboxCommand, *, input_bytes: bytes, deadline: Deadline, watch: Watch | None = None
) -> Ran:
    """Run a command; its status is for the caller to judge. What a `watch` ended it for is its `excess`.

    Raises HostError when the sandbox itself cannot be set up, and DeadlinePassed. Which of both it was
    is bubblewrap's own word, on a descriptor that the command never had: a log can say anything.
    """
    find_program("bwrap")
    limits = command.sandbox.limits
    with ExitStack() as stack:
        result, log, status = (
            stack.enter_context(_memory_file(name)) for name in ("result", "log", "status")
        )
        given = stack.enter_context(_input(input_bytes))
        files = [stack.enter_context(path.open("rb")).fileno() for path in command.sandbox.given.values()]
        group = stack.enter_context(_group(limits))
        confined = confinement(
            cgroups=group.entrances if group else (),
            doors=command.sandbox.doors,
            user=hand_over(command.sandbox.bound),
        )
        argv = command.argv(files, status.fileno(), confined)
        child = stack.enter_context(
            start(
                argv, stdin=given, stdout=result, stderr=log, pass_fds=[*files, status.fileno()],
                confined=confined,
            )
        )  # fmt: skip
        excess = _watched(child, argv, deadline, log, watch)
        if excess:
            return Ran(1, b"", _content(log), excess)
        failed = child.returncode != 0
        excess = _excess(group.exceeded(), limits) if group is not None and failed else ""
        ran = Ran(child.returncode, _content(result), _content(log), excess)
        if failed and not excess and not command_ended(_content(status)):
            words = ran.stderr.decode(errors="replace").strip()
            raise HostError(
                "the sandbox for building patches cannot be set up here",
                hint=namespaces.remedy(namespaces.look(), words),
                evidence=[f"status {ran.returncode}", words],
            )
    return ran


def hand_over(bound: Sequence[Bound]) -> int | None:
    """Make the writable directories the property of whom the command will run as; None: of this user.

    HostError where a child of root's cannot be shown any directory of root's.
    """
    if not bound:
        return None
    require_mounts()
    owner = owner_to_be()
    for each in bound:
        if owner is not None and each.writable:
            _give(each.path, owner)
    return owner


def _give(directory: Path, owner: int) -> None:
    """All that is in it, links themselves and not what they lead to."""
    os.chown(directory, owner, owner)
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _give(Path(entry.path), owner)
            else:
                os.chown(entry.path, owner, owner, follow_symlinks=False)


def _watched(
    child: Child, argv: Sequence[str], deadline: Deadline, log: IO[bytes], watch: Watch | None
) -> str:
    """Wait for the end of a command, or for the word of its watch."""
    while watch is not None:
        try:
            finish(child, argv, deadline.sooner(_LOOK_S, "a look at the log"))
            break
        except DeadlinePassed:
            if deadline.passed:
                raise
        excess = watch(os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0))
        if excess:
            return excess
    else:
        finish(child, argv, deadline)
    return ""


def command_ended(status: bytes) -> bool:
    """True when bubblewrap's status (JSON, a line each) says that the command ran to an end of its own."""
    try:
        return any("exit-code" in json.loads(line) for line in status.splitlines())
    except (ValueError, TypeError):
        return False


def _excess(exceeded: Exceeded, limits: Limits) -> str:
    if exceeded == "memory":
        return f"it took more than {limits.total_memory_bytes // MIB} MiB of memory"
    return f"it started more than {count_of('process', limits.processes)}" if exceeded else ""


@contextmanager
def _group(limits: Limits) -> Iterator[ControlGroup | None]:
    place = find_place()
    if place is None:
        yield None
        return
    with limited_group(place, memory_bytes=limits.total_memory_bytes, processes=limits.processes) as group:
        yield group


def _memory_file(name: str) -> IO[bytes]:
    """A file in memory. Unlike a pipe it obeys the limit on file sizes: no Makefile can fill our memory."""
    return os.fdopen(os.memfd_create(f"oomlab-{name}"), "w+b", buffering=0)


@contextmanager
def _input(content: bytes) -> Iterator[IO[bytes]]:
    """The content, opened for reading only: the writer's own descriptor stays here."""
    with _memory_file("input") as memory:
        memory.write(content)
        with Path(f"/proc/self/fd/{memory.fileno()}").open("rb") as reader:
            yield reader


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _tmpfs(place: str, limits: Limits) -> tuple[str, ...]:
    return ("--size", str(limits.scratch_bytes), "--tmpfs", place)


def _prlimit(limits: Limits) -> list[str]:
    """The options of prlimit(1): never above what this process is held to, which would be refused."""
    wanted = {
        "as": (limits.memory_bytes, resource.RLIMIT_AS),
        "fsize": (limits.file_bytes, resource.RLIMIT_FSIZE),
        "nproc": (limits.processes, resource.RLIMIT_NPROC),
        "cpu": (limits.cpu_s, resource.RLIMIT_CPU),
    }
    return [
        f"--{name}={_at_most(value, resource.getrlimit(kind)[1])}" for name, (value, kind) in wanted.items()
    ]


def _at_most(value: int, hard: int) -> int:
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


def _merged_usr_links() -> list[str]:
    """/bin, /lib and their like as on the host: links into /usr."""
    words: list[str] = []
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    return words
