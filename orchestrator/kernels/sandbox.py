# SPDX-License-Identifier: Apache-2.0
"""Where foreign patches and Makefiles run: bubblewrap, with nothing of the host writable.

Input goes in as bytes on standard input, the result comes out on standard output, the log on
standard error. There is no network, no home, no /etc beyond the linker's needs; the only
writable places are two size-limited tmpfs that vanish with the sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.process import Completed, find_program, run

MIB = 1024 * 1024

BUILD_DIR = "/build"
"""The sandbox's working directory, empty at the start."""


@dataclass(frozen=True)
class Limits:
    """What a command in the sandbox may use; memory is address space of each process."""

    scratch_bytes: int = 256 * MIB
    memory_bytes: int = 4096 * MIB
    processes: int = 256
    cpu_s: int = 600


@dataclass(frozen=True)
class Sandbox:
    """A command's surroundings: host directories to be seen read-only, and limits."""

    read_only: Mapping[Path, str] = field(default_factory=dict)
    limits: Limits = Limits()

    def command(self, argv: Sequence[str]) -> list[str]:
        """The full argument list: bubblewrap, resource limits, the command."""
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
            "prlimit", f"--as={self.limits.memory_bytes}", f"--fsize={self.limits.scratch_bytes}",
            f"--nproc={self.limits.processes}", f"--cpu={self.limits.cpu_s}", "--core=0", "--", *argv,
        ]  # fmt: skip

    def run(self, script: str, *arguments: str, input_bytes: bytes, deadline: Deadline) -> Completed:
        """Run a shell script of this program with `arguments` as $1, $2, ...; the status is the caller's.

        Raises HostError when the sandbox itself cannot be set up, DeadlinePassed.
        """
        find_program("bwrap", hint="apt-get install bubblewrap")
        argv = self.command(["sh", "-euc", script, "sandbox", *arguments])
        done = run(argv, input_bytes=input_bytes, deadline=deadline, check=False)
        error = done.stderr.decode(errors="replace")
        if done.returncode != 0 and error.startswith("bwrap: "):
            raise HostError(
                "the sandbox for building patches cannot be set up here",
                hint="bubblewrap needs user namespaces (sysctl kernel.unprivileged_userns_clone=1)",
                evidence=[error.strip()],
            )
        return done


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
