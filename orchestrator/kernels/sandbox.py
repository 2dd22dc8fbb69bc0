# SPDX-License-Identifier: Apache-2.0
"""Where foreign patches and Makefiles run: bubblewrap, with nothing of the host writable.

Input goes in as bytes on standard input, the result comes out on standard output, the log on
standard error. There is no network, no home, no /etc beyond the linker's needs; the only
writable places are two size-limited tmpfs that vanish with the sandbox.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.process import Completed, find_program, run
from orchestrator.units import MIB

_REDIRECT = 'given=$0 result=$1 log=$2; shift 2; exec "$@" <"$given" >"$result" 2>"$log"'

BUILD_DIR = "/build"
"""The sandbox's working directory, empty at the start."""


@dataclass(frozen=True)
class Limits:
    """What a command in the sandbox may use; memory is address space of each process.

    No file may outgrow `file_bytes`, and neither may the result and the log. The kernel does not hold root
    to a number of processes: there the deadline ends them.
    """

    scratch_bytes: int = 256 * MIB
    file_bytes: int = 64 * MIB
    memory_bytes: int = 4096 * MIB
    processes: int = 256
    cpu_s: int = 600


@dataclass(frozen=True)
class Sandbox:
    """A command's surroundings: host directories to be seen read-only, and limits."""

    read_only: Mapping[Path, str] = field(default_factory=dict)
    limits: Limits = Limits()

    def command(self, script: str, *arguments: str) -> list[str]:
        """The full argument list: bubblewrap, resource limits, and a shell script with $1, $2, ..."""
        size = str(self.limits.scratch_bytes)
        binds = [word for host, inside in self.read_only.items() for word in ("--ro-bind", str(host), inside)]
        return [
            "bwrap", "--unshare-all", "--unshare-user", "--disable-userns",
            "--die-with-parent", "--new-session",
            "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--hostname", "sandbox",
            "--clearenv", "--setenv", "PATH", "/usr/bin", "--setenv", "LC_ALL", "C.UTF-8",
            "--setenv", "HOME", "/tmp",
            "--ro-bind", "/usr", "/usr", *_merged_usr_links(),
            "--ro-bind-try", "/etc/alternatives", "/etc/alternatives",
            "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache",
            *binds,
            "--proc", "/proc", "--dev", "/dev",
            "--size", size, "--tmpfs", "/tmp", "--size", size, "--tmpfs", BUILD_DIR,
            "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", BUILD_DIR, "--",
            "prlimit", f"--as={self.limits.memory_bytes}", f"--fsize={self.limits.file_bytes}",
            f"--nproc={self.limits.processes}", f"--cpu={self.limits.cpu_s}", "--core=0", "--",
            "sh", "-euc", script, "sandbox", *arguments,
        ]  # fmt: skip


def run_sandboxed(argv: Sequence[str], *, input_bytes: bytes, deadline: Deadline) -> Completed:
    """Run a `Sandbox.command`; its status is for the caller to judge.

    Raises HostError when the sandbox itself cannot be set up, and DeadlinePassed.
    """
    find_program("bwrap")
    with ExitStack() as stack:
        given, result, log = (stack.enter_context(_memory_file(name)) for name in ("input", "result", "log"))
        given.write(input_bytes)
        given.flush()
        descriptors = [stream.fileno() for stream in (given, result, log)]
        names = [f"/proc/self/fd/{descriptor}" for descriptor in descriptors]
        done = run(
            ["sh", "-c", _REDIRECT, *names, *argv], pass_fds=descriptors, deadline=deadline, check=False
        )
        done = Completed(done.returncode, result.read(), log.read())
    error = done.stderr.decode(errors="replace")
    if done.returncode != 0 and error.startswith("bwrap: "):
        raise HostError(
            "the sandbox for building patches cannot be set up here",
            hint="bubblewrap needs user namespaces (sysctl kernel.unprivileged_userns_clone=1)",
            evidence=[error.strip()],
        )
    return done


def _memory_file(name: str) -> IO[bytes]:
    """A file in memory. Unlike a pipe it obeys the limit on file sizes: no Makefile can fill our memory."""
    return os.fdopen(os.memfd_create(f"oomlab-{name}"), "w+b")


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
