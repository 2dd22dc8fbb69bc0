# SPDX-License-Identifier: Apache-2.0
"""Facts about this machine that a result must carry."""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.frozen import Frozen

OLDEST_QEMU = (7, 2)
_VERSION_S = 10.0


class HostFacts(Frozen):
    """The machine a run was made on."""

    system: str
    kernel: str
    architecture: str
    cpu_model: str
    cpus: int
    memory_kb: int


def host_facts() -> HostFacts:
    """This machine, from os-release(5), uname(2) and procfs."""
    return HostFacts(
        system=_os_name(),
        kernel=platform.release(),
        architecture=platform.machine(),
        cpu_model=_first_match(Path("/proc/cpuinfo"), r"^model name\s*:\s*(.+)$") or "unknown",
        cpus=len(os.sched_getaffinity(0)),
        memory_kb=int(_first_match(Path("/proc/meminfo"), r"^MemTotal:\s*(\d+) kB$") or 0),
    )


@cache
def qemu_version(program: str) -> str:
    """The version QEMU prints, such as "7.2.22"; HostError when it is missing or too old."""
    from orchestrator.host.process import find_program, run  # not above: reports start no process
    from orchestrator.host.programs import install_hint

    hint = f"install QEMU {'.'.join(map(str, OLDEST_QEMU))} or newer: {install_hint(program)}"
    path = find_program(program, hint=hint)
    output = run([path, "--version"], deadline=Deadline.after(_VERSION_S, f"{program} --version")).stdout
    match = re.search(rb"version (\d+)\.(\d+)(?:\.(\d+))?", output)
    if match is None:
        raise HostError(
            f"{path} does not report its version", hint=hint, evidence=[output.decode(errors="replace")]
        )
    version = match[0].removeprefix(b"version ").decode()
    if (int(match[1]), int(match[2])) < OLDEST_QEMU:
        raise HostError(f"{path} is version {version}, too old", hint=hint)
    return version


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _first_match(path: Path, pattern: str) -> str | None:
    try:
        match = re.search(pattern, path.read_text(), re.MULTILINE)
    except OSError:
        return None
    return match[1] if match else None
