# SPDX-License-Identifier: Apache-2.0
"""What is seen of another machine before there is any oomlab on it: one script of sh(1), and what it says.

It changes nothing, needs nothing but what every Linux has, and says one fact a line.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.arch import ARCHS
from orchestrator.errors import HostError
from orchestrator.host.programs import Need, all_needs
from orchestrator.remote.connection import Machine
from orchestrator.remote.places import Places
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import one_line

OLDEST_PYTHON = "3.11"
_TRUE, _FALSE = "true", "false"
_MOST_CHARS = 200

_SCRIPT = """
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
say() {{ printf '%s %s\\n' "$1" "$2"; }}
say system "$(. /etc/os-release 2>/dev/null; printf %s "${{PRETTY_NAME:-$(uname -s)}}")"
say machine "$(uname -m)"
say uid "$(id -u)"
say user "$(id -un)"
say cores "$(nproc 2>/dev/null)"
while read -r name kb _; do [ "$name" != MemAvailable: ] || say memory_kb "$kb"; done </proc/meminfo
df -Pk "$HOME" | {{ read -r _; read -r _ _ _ kb _; say free_kb "$kb"; }}
for name in {programs} apt-get; do command -v "$name" >/dev/null && say program "$name"; done
for python in python3 /usr/bin/python3; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    say python "$python $("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    "$python" -c 'import venv, ensurepip' 2>/dev/null && say venv yes
    break
done
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then say root yes; fi
command -v sudo >/dev/null && say sudo yes
busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager \\
    KillUserProcesses 2>/dev/null | {{ read -r _ kills && say kills "$kills"; }}
[ ! -e "/var/lib/systemd/linger/$(id -un)" ] || say lingers yes
[ ! -e /dev/kvm ] || {{ [ -r /dev/kvm ] && [ -w /dev/kvm ] && say kvm usable || say kvm forbidden; }}
[ -r {stamp} ] && say source "$(cat {stamp})"
[ -L {program} ] && say program_is "$(readlink {program})"
exit 0
"""

_MULTIARCH = {arch.machine: arch.debian for arch in ARCHS.values()}


@dataclass(frozen=True)
class Survey:
    """The other machine as it is; what could not be found out is empty, 0 or None."""

    system: str
    machine: str
    uid: int
    user: str
    cores: int
    memory_mib: int
    free_mib: int
    programs: frozenset[str]
    python: str
    """A Python that is new enough: the word that starts it."""
    python_version: str
    has_venv: bool
    can_be_root: bool
    """Without being asked for a password."""
    has_sudo: bool
    kills_at_logout: bool | None
    """KillUserProcesses of logind.conf(5); None where there is no logind."""
    lingers: bool
    kvm: str
    """`usable`, `forbidden`, or "" where there is none."""
    source: str
    """Checksum of the program that is there; "" for none."""
    installed: str
    """Which of the programs laid out there it is."""

    @property
    def has_apt(self) -> bool:
        """Whether packages come by apt."""
        return "apt-get" in self.programs

    @property
    def title(self) -> str:
        """What it is, in a line."""
        size = f"{count_of('core', self.cores)}, {self.memory_mib / 1024:.1f} GiB of memory available"
        return f"{self.system}, {self.machine}, {size}, {self.free_mib // 1024} GiB free for {self.user}"


def needs_there(machine: str) -> tuple[Need, ...]:
    """What runs need on a machine of this kind (`uname -m`) whose kernels come from here."""
    return tuple(need for need in all_needs(_MULTIARCH.get(machine, machine)) if need.stage == "boot")


def survey(machine: Machine, places: Places) -> Survey:
    """Look at the other machine. HostError where it is not Linux, or its answer makes no sense."""
    names = sorted({name for need in needs_there("") for name in (need.name, *need.others)})
    script = _SCRIPT.format(
        programs=shlex.join(names), stamp=shlex.quote(places.stamp), program=shlex.quote(places.program)
    )
    return parse_survey(machine.ask(script, "looking at the other machine").splitlines())


def parse_survey(lines: Iterable[str]) -> Survey:
    """What the script said. HostError for what it cannot have said."""
    facts: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(" ")
        facts.setdefault(name, []).append(one_line(value.strip())[:_MOST_CHARS])

    def first(name: str) -> str:
        return facts.get(name, [""])[0]

    if not first("machine") or not first("uid").isdecimal():
        raise HostError(
            "the other machine's shell does not say what it was asked for",
            hint="oomlab runs on Linux; does the login there print words of its own, or start another shell?",
        )
    python, _, version = first("python").partition(" ")
    return Survey(
        system=first("system"),
        machine=first("machine"),
        uid=int(first("uid")),
        user=first("user"),
        cores=_number(facts.get("cores", ())),
        memory_mib=_number(facts.get("memory_kb", ())) // 1024,
        free_mib=_number(facts.get("free_kb", ())) // 1024,
        programs=frozenset(facts.get("program", ())),
        python=python,
        python_version=version,
        has_venv="venv" in facts,
        can_be_root="root" in facts,
        has_sudo="sudo" in facts,
        kills_at_logout={_TRUE: True, _FALSE: False}.get(first("kills")),
        lingers="lingers" in facts,
        kvm=first("kvm"),
        source=first("source"),
        installed=first("program_is").rpartition("/")[2],
    )


def _number(values: Sequence[str]) -> int:
    return int(values[0]) if values and values[0].isdecimal() else 0
