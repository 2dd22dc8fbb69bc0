# SPDX-License-Identifier: Apache-2.0
"""Where things are on another machine: everything of ours below one directory of the user's home there.

    .local/share/oomlab/program/       this program, as `oomlab host setup` put it there
        SOURCE                         checksum of its source, written when all of it is there
    .local/share/oomlab/jobs/RUN/      one run
        parcel/                        what came from here: the scenario, its patches, which kernels
        run/                           the run directory; whoever makes it has claimed the run
        process                        pid, start time and boot of the run's process
        output                         what it said
        status                         its exit status, when it has ended
        result.tar.gz                  the run directory, on its way back

Kernels are in the cache that the program there uses anyway.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.errors import InputError

_ROOT = ".local/share/oomlab"
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def run_name(text: str) -> str:
    """The name of a run on another machine; InputError for what can be none."""
    if not _RUN.fullmatch(text):
        raise InputError(
            f"'{text}' is no name of a run on another machine",
            hint="`oomlab run --detach` printed it; `oomlab attach --host HOST` without a name lists them",
        )
    return text


@dataclass(frozen=True)
class Places:
    """Absolute paths on the other machine, below its user's home."""

    home: str

    @property
    def root(self) -> str:
        """Everything of ours but the cache."""
        return f"{self.home}/{_ROOT}"

    @property
    def program(self) -> str:
        """This program's directory."""
        return f"{self.root}/program"

    @property
    def launcher(self) -> str:
        """What is started."""
        return f"{self.program}/oomlab"

    @property
    def stamp(self) -> str:
        """Which program it is."""
        return f"{self.program}/SOURCE"

    @property
    def jobs(self) -> str:
        """One directory for each run."""
        return f"{self.root}/jobs"

    def job(self, run: str) -> str:
        """The directory of one run."""
        return f"{self.jobs}/{run_name(run)}"
