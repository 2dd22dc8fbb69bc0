# SPDX-License-Identifier: Apache-2.0
"""A shell in a scenario's guest on another machine: the kernel is made here, and the terminal is this one.

Commands that are to be run there without a terminal are sent first: the connection stays for their output,
and its end ends them.
"""

from __future__ import annotations

import shlex
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OomlabError
from orchestrator.kernels.cache import Cache
from orchestrator.paths import cache_dir
from orchestrator.remote.connection import Machine
from orchestrator.remote.elsewhere import new_run_name
from orchestrator.remote.entries import cache_there, entries_of, forget_incoming, send_entries
from orchestrator.remote.job import PARCEL, Job
from orchestrator.remote.parcel import SCENARIO_FILE, JobFacts, parcel_of, tar_of
from orchestrator.remote.program import require_program
from orchestrator.remote.terminal import carry, listen
from orchestrator.remote.transfer import send_file
from orchestrator.run.engine import Prepared
from orchestrator.run.observer import Observer

_ARCHIVE = "parcel.tar"
_COMMANDS = "commands"

_SHELL = """
cd {job} || exit 3
trap 'rm -rf {job}' EXIT
trap 'exit 129' HUP TERM
env OOMLAB_CACHE={cache} {command}
status=$?
exit $status
"""
# Hung up on, the shell there ends its guest in order before it is gone itself.

_SCRIPT = """
cd {job} || exit 3
trap 'rm -rf {job}' EXIT
exec 3<&0
env OOMLAB_CACHE={cache} {command} <{commands} 3<&- &
child=$!
{{ read -r nothing <&3; kill -TERM $child; }} >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait $child
status=$?
kill $watch 2>/dev/null
exit $status
"""
# Nothing hangs up on a command without a terminal: its input ends when nobody is there any more.


@dataclass(frozen=True)
class RemoteShell:
    """A shell that is ready to be opened in the terminal's foreground, or to run what was sent."""

    job: Job
    cache: str
    variant: str
    has_commands: bool = False

    def attach(self) -> int:
        """Boot there, with the terminal joined to the guest until that ends, or its output; an exit status.

        ConnectionLost when the line goes down, and the guest with it. Nothing of it is left there.
        """
        words = ["shell", f"{PARCEL}/{SCENARIO_FILE}", "--artefacts-from", PARCEL, "--variant", self.variant]
        script = (_SCRIPT if self.has_commands else _SHELL).format(
            job=shlex.quote(self.job.path),
            cache=shlex.quote(self.cache),
            command=shlex.join([self.job.places.launcher, *words]),
            commands=_COMMANDS,
        )
        try:
            return (listen if self.has_commands else carry)(self.job.machine, script)
        finally:
            with suppress(OomlabError):
                self.job.remove()
                forget_incoming(self.job.machine, self.cache, self.job.run)


def send_shell(
    machine: Machine, prepared: Prepared, variant: str, commands: bytes | None, observer: Observer
) -> RemoteShell:
    """Have kernel, scenario and commands there. HostError where the other machine is not ready."""
    manifest = prepared.manifest
    scenario = manifest.scenario
    job = Job(machine, require_program(machine), new_run_name(scenario.name))
    cache = cache_there(machine)
    entries = entries_of(Cache(cache_dir()), [prepared.images[variant].manifest])
    send_entries(machine, cache, entries, job.run, observer.progress)
    facts = JobFacts(
        kind="run",
        command=manifest.command,
        scenario_file=manifest.scenario_file,
        overrides=manifest.overrides,
    )
    job.make_directory()
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / _ARCHIVE
        archive.write_bytes(tar_of(parcel_of(scenario, manifest, facts)))
        send_file(machine, archive, f"{job.path}/{_ARCHIVE}")
        if commands is not None:
            (Path(scratch) / _COMMANDS).write_bytes(commands)
            send_file(machine, Path(scratch) / _COMMANDS, f"{job.path}/{_COMMANDS}")
    machine.ask(
        f"cd {shlex.quote(job.path)} && mkdir {PARCEL} && tar -xf {_ARCHIVE} -C {PARCEL}",
        "unpacking the scenario",
    )
    return RemoteShell(job, cache, variant, commands is not None)
