# SPDX-License-Identifier: Apache-2.0
"""One boot of the plan as a Cuttlefish device."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from orchestrator.guests.backend import Lines, Sink, Template
from orchestrator.guests.cuttlefish import device
from orchestrator.guests.cuttlefish.answer import FIRST_ADB_PORT
from orchestrator.guests.cuttlefish.command import by_hand, end_by_hand
from orchestrator.guests.cuttlefish.guest import CuttlefishGuest, DeviceBoot
from orchestrator.host.process import paste_ready
from orchestrator.host.scratch import memory_parent, scratch_directory
from orchestrator.paths import cache_dir

ADB_LOG = "adb.log"
_NAME, _NUMBER, _HOME = "oomlab_by_hand", 1, "/tmp/oomlab-by-hand"


@dataclass(frozen=True)
class CuttlefishLauncher:
    """As `orchestrator.guests.backend.Launcher`. A device has no snapshots."""

    boot: DeviceBoot

    @property
    def commands(self) -> Sequence[str]:
        """cvd's and adb's; the last but two writes the agent's records to standard output until it ends.

        The console is in `logs/kernel.log` of the instance.
        """
        recipe = f"{_HOME}/recipe"
        port = FIRST_ADB_PORT + _NUMBER - 1
        adb = [self.boot.adb, "-s", f"127.0.0.1:{port}"]
        connect = [self.boot.adb, "connect", f"127.0.0.1:{port}"]
        steps = [
            connect,
            # adbd goes away and comes again as root; a connection of before may stay offline.
            *([[*adb, "root"], ["sleep", "1"], connect] if self.boot.root else []),
            [*adb, "shell", f"mkdir -p {device.HOME}"],
            [*adb, "push", str(self.boot.agent), device.AGENT],
            [*adb, "push", recipe, device.RECIPE],
            *self._own_files(adb),
            [*adb, "shell", f"chmod 755 {device.AGENT}; {device.START}"],
            [*adb, "shell", "-T", f"sleep 1; {device.AGENT} follow {device.RECORDS} 0"],
        ]
        return (
            *by_hand(self.boot.plan, _NAME, _NUMBER, _HOME),
            f"printf '%s\\n' {paste_ready([self.boot.recipe])} >{recipe}",
            *map(paste_ready, steps),
            *end_by_hand(_NAME, _HOME),
        )

    def _own_files(self, adb: Sequence[str]) -> Iterator[list[str]]:
        for target, file in (self.boot.files.sources or {}).items():
            yield [*adb, "shell", f"mkdir -p {shlex.quote(target.rpartition('/')[0])}"]
            yield [*adb, "push", str(file.source), target]
            yield [*adb, "shell", f"chmod 755 {shlex.quote(target)}"]

    @contextmanager
    def power_on(self, lines: Lines) -> Iterator[CuttlefishGuest]:
        """A device of its own, removed with all its files at the end of the block."""
        # In memory: a socket's name is short, and a cache may lie at the end of a long path.
        parent = memory_parent(0) or cache_dir() / "tmp"
        parent.mkdir(parents=True, exist_ok=True)
        with lines.folder.create(ADB_LOG) as adb_log, scratch_directory(parent) as scratch:
            guest = CuttlefishGuest(self.boot, lines, scratch, adb_log)
            guest.start()
            try:
                yield guest
            except BaseException:
                guest.end()
                raise
            guest.end()

    def template(self) -> AbstractContextManager[Template]:
        """Never asked for: its backend has no snapshots."""
        raise NotImplementedError

    def attach(self, control: Sink) -> int:
        """Never asked for: its backend has no shell."""
        raise NotImplementedError
