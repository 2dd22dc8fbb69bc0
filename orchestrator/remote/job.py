# SPDX-License-Identifier: Apache-2.0
"""A run on the other machine as a process there: begun once, whatever is cut, alive or dead, and ended.

The worker claims the run by making its run directory, which exactly one can do; it outlives the connection
in a session of its own. Where the login kills what a user leaves behind (`KillUserProcesses` of
logind.conf(5)), systemd runs it for the user instead, who then has to linger. pid, start time and boot of
the machine tell the run's process from a later one with the same number.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.errors import HostError, InputError
from orchestrator.remote.connection import Machine
from orchestrator.remote.places import Places, run_name
from orchestrator.text.plain import named

PARCEL = "parcel"
RUN = "run"
OUTPUT = "output"
_WORK = "work.sh"
_START_S = 90.0

Condition = Literal["absent", "unclaimed", "claimed", "running", "ended", "died"]


@dataclass(frozen=True)
class JobState:
    """How a run on the other machine is. `claimed`: its worker has begun, and not started it yet."""

    condition: Condition
    status: int | None = None
    """Its exit status, when it has ended."""

    @property
    def over(self) -> bool:
        """Nothing more will come."""
        return self.condition in ("ended", "died")


_WORKER = r"""
cd "$job" || exit 1
mkdir run 2>/dev/null || exit 0
"$@" >output 2>&1 </dev/null &
child=$!
ticks=$(sed 's/.*) //' "/proc/$child/stat" | cut -d' ' -f20)
printf '%s %s %s\n' "$child" "$ticks" "$(cat /proc/sys/kernel/random/boot_id)" >process.part
mv process.part process
wait "$child"
echo $? >status.part
mv status.part status
"""
# The 22nd field of proc(5)'s stat, counted from behind the name, which may hold anything.

_ALIVE = r"""
is_alive() {
    [ -r process ] && read -r pid ticks boot <process || return 1
    [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ] || return 1
    [ "$ticks" = "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" ]
}
"""

_STATE = (
    _ALIVE
    + r"""
cd "$job" 2>/dev/null || { echo absent; exit; }
say_status() { [ -f status ] && read -r code <status && echo "ended $code"; }
say_status && exit
is_alive && { echo running; exit; }
say_status && exit
if [ -f process ]; then echo died; elif [ -d run ]; then echo claimed; else echo unclaimed; fi
"""
)

_START = r"""
cd "$job" || exit 1
[ -d run ] && exit 0
if busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager \
    KillUserProcesses 2>/dev/null | grep -q true; then
    loginctl enable-linger || exit 71
    systemd-run --user --quiet --collect --unit="$unit" /bin/sh "$job/work.sh" || exit 72
else
    setsid /bin/sh "$job/work.sh" </dev/null >/dev/null 2>&1 &
fi
left=100
while [ ! -f process ] && [ ! -f status ] && [ "$left" -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
"""

_END = (
    _ALIVE
    + r"""
cd "$job" || exit 0
if is_alive; then kill -TERM "$pid"; fi
"""
)

_LIST = r"""
cd "$jobs" 2>/dev/null || exit 0
for each in *; do [ -f "$each/work.sh" ] && printf '%s\n' "$each"; done
exit 0
"""


def _given(script: str, **values: str) -> str:
    """Lines of sh(1) with variables of these values."""
    return "\n".join(
        [*(f"{name}={shlex.quote(value)}" for name, value in values.items()), script.strip(), ""]
    )


def worker_script(places: Places, run: str, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """What runs the run: `oomlab ARGUMENTS`, once."""
    words = [f"{name}={value}" for name, value in environment.items()]
    command = shlex.join(["env", *words, places.launcher, *arguments])
    return _given(f"set -- {command}\n{_WORKER.strip()}", job=places.job(run))


@dataclass(frozen=True)
class Job:
    """One run on the other machine. Each method can be called again after ConnectionLost."""

    machine: Machine
    places: Places
    run: str

    @property
    def path(self) -> str:
        """Its directory there."""
        return self.places.job(self.run)

    def lay_out(self, archive: str, script: str) -> None:
        """Unpack the parcel (a file there, below the job's directory) and have the worker beside it."""
        job = shlex.quote(self.path)
        self.machine.ask(
            f"cd {job} && mkdir -p {PARCEL} && tar -xf {shlex.quote(archive)} -C {PARCEL}"
            f" && printf %s {shlex.quote(script)} >{_WORK}.part && mv {_WORK}.part {_WORK}",
            "unpacking the run",
        )

    def make_directory(self) -> None:
        """Its directory, for nobody but the user."""
        self.machine.ask(f"umask 077; mkdir -p {shlex.quote(self.path)}", "making the run's directory")

    def start(self) -> None:
        """Start it unless it was. HostError where it would not outlive the connection."""
        script = _given(_START, job=self.path, unit=f"oomlab-{self.run}")
        answer = self.machine.run(script, deadline_s=_START_S)
        if answer.status in _NOT_STARTED:
            raise HostError(
                f"the run would not outlive the connection: {_NOT_STARTED[answer.status]}",
                hint="have KillUserProcesses=no set in logind.conf there, or lingering allowed",
                evidence=answer.stderr.splitlines()[-3:],
            )
        if not answer.ok:
            raise HostError("the run could not be started", evidence=answer.stderr.splitlines()[-5:])

    def state(self) -> JobState:
        """How it is now."""
        text = self.machine.ask(_given(_STATE, job=self.path), "looking at the run")
        condition, _, status = text.strip().partition(" ")
        match condition:
            case "absent" | "unclaimed" | "claimed" | "running" | "died":
                return JobState(condition)
            case "ended" if status.isdecimal():
                return JobState("ended", int(status))
        raise HostError("what the other machine says of the run makes no sense", evidence=[named(text[:200])])

    def end(self) -> None:
        """Ask the run's process to end in order, as Ctrl-C would; nothing where there is none."""
        self.machine.ask(_given(_END, job=self.path), "ending the run")

    def output_tail(self, lines: int) -> list[str]:
        """The end of what it said."""
        text = self.machine.ask(
            f"tail -n {lines} {shlex.quote(self.path)}/{OUTPUT} 2>/dev/null || true", "reading its output"
        )
        return text.splitlines()

    def has_result(self) -> bool:
        """Whether it came to have something in its run directory."""
        return self.machine.run(f"ls -A {shlex.quote(self.path)}/{RUN} | grep -q .").ok

    def remove(self) -> None:
        """Take all of it away; the program and the cache stay."""
        self.machine.ask(f"rm -rf {shlex.quote(self.path)}", "removing the run")


_NOT_STARTED = {
    71: "the other machine ends a user's processes at logout, and this user may not linger",
    72: "the other machine ends a user's processes at logout, and systemd would not run it instead",
}


def runs_there(machine: Machine, places: Places) -> list[str]:
    """The names of all runs that are on the other machine."""
    names = machine.ask(_given(_LIST, jobs=places.jobs), "listing the runs").splitlines()
    return sorted(name for name in names if _is_run(name))


def _is_run(name: str) -> bool:
    try:
        return bool(run_name(name))
    except InputError:
        return False
