# SPDX-License-Identifier: Apache-2.0
"""The guest agent: one static program, compiled from the shipped sources for the guest's architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.arch import Arch
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.host.process import run
from orchestrator.kernels.base import Progress
from orchestrator.kernels.build.toolchain import Compiler
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.verified import file_sha256
from orchestrator.paths import resource_dir

AGENT_FILE = "agent"
MODULES_DIRECTORY = "module"

_COMPILE_S = 180.0
_NEED_BYTES = 20_000_000
_FLAGS = ("-std=gnu11", "-O2", "-g0", "-Wall", "-Wextra", "-static", "-I.", "-ffile-prefix-map=.=agent")


def agent_sources() -> list[Path]:
    """The C sources and headers of the agent, from its directory; HostError when there are none.

    What becomes kernel modules lies there, too, in a directory of its own.
    """
    directory = resource_dir("images") / "guest"
    found = (path.relative_to(directory) for path in directory.rglob("*.[ch]"))
    sources = sorted(path for path in found if path.parts[0] != MODULES_DIRECTORY)
    if not sources:
        raise HostError(f"{directory} holds no sources", hint="is this a whole checkout?")
    return sources


def agent_key(compiler: Compiler) -> dict[str, Any]:
    """Everything the agent depends on."""
    return {"compiler": compiler.sha256, **agent_inputs()}


def agent_inputs() -> dict[str, Any]:
    """What the agent is made from, whatever compiles it."""
    directory = resource_dir("images") / "guest"
    sources = {source.as_posix(): file_sha256(directory / source) for source in agent_sources()}
    return {"flags": _FLAGS, "sources": sources}


def compile_command(compiler: Compiler, output: Path | str) -> list[str]:
    """The command that compiles the agent; to be run in the directory of the sources."""
    names = [source.as_posix() for source in agent_sources() if source.suffix == ".c"]
    return [compiler.command, *_FLAGS, "-o", str(output), *names]


def build_agent(cache: Cache, arch: Arch, compiler: Compiler, progress: Progress) -> CacheEntry:
    """The agent for `arch`, from the cache or compiled now; CommandFailed when it does not compile."""

    def make(directory: Path) -> dict[str, str]:
        progress(f"compiling the guest agent for {arch.name}")
        run(
            compile_command(compiler, directory / AGENT_FILE),
            cwd=resource_dir("images") / "guest",
            deadline=Deadline.after(_COMPILE_S, "compiling the guest agent"),
            # A compiler that is killed leaves its temporary files: in here they go with the scratch.
            env={"TMPDIR": str(directory.parent)},
        )
        return {"compiler": compiler.version()}

    return cache.obtain(
        "agent",
        agent_key(compiler),
        make,
        what=f"guest agent for {arch.name}",
        need_bytes=_NEED_BYTES,
        deadline=Deadline.after(2 * _COMPILE_S, "the guest agent"),
    )
