# SPDX-License-Identifier: Apache-2.0
"""The C compiler for a guest architecture."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from orchestrator.arch import Arch
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.host.process import run
from orchestrator.host.programs import install_hint
from orchestrator.kernels.verified import file_sha256


@dataclass(frozen=True)
class Compiler:
    """A compiler driver. Its checksum stands for the tool chain in cache keys: it holds the full version."""

    command: str
    prefix: str
    sha256: str

    def version(self) -> str:
        """The first line of `--version`."""
        done = run([self.command, "--version"], deadline=Deadline.after(30.0, "the compiler's version"))
        return done.stdout.decode(errors="replace").partition("\n")[0]


def find_compiler(arch: Arch, major: int) -> Compiler:
    """The compiler for `arch`, of the version that built the kernel if it is there; else HostError."""
    prefix = f"{arch.triplet}-"
    for command in (f"{prefix}gcc-{major}", f"{prefix}gcc"):
        path = shutil.which(command)
        if path is not None:
            return Compiler(command, prefix, file_sha256(Path(path)))
    raise HostError(
        f"there is no C compiler for {arch.name} ({prefix}gcc)",
        hint=install_hint(f"{prefix}gcc"),
    )
