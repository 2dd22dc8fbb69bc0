# SPDX-License-Identifier: Apache-2.0
"""What was seen of this machine, as plain values: `look` fills them in, `judge` reads them."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.host.programs import Need
from orchestrator.kernels.namespaces import Host


@dataclass(frozen=True)
class User:
    """Who is asking, and with what this user installs packages."""

    name: str
    is_root: bool
    has_sudo: bool
    has_apt: bool


@dataclass(frozen=True)
class Programs:
    """What the table of needs says, and what of it is not here."""

    needs: tuple[Need, ...]
    missing: tuple[Need, ...]


@dataclass(frozen=True)
class Version:
    """A program's version in its own words, or why there is none."""

    program: str
    text: str = ""
    error: str = ""


@dataclass(frozen=True)
class Accelerator:
    """What a probe guest of one architecture found, or why none was booted.

    `kvm_forbidden`: there is a /dev/kvm that could run these guests, and guests may not open it.
    """

    arch: str
    report: AcceleratorReport | None = None
    not_probed: str = ""
    error: str = ""
    kvm_forbidden: bool = False


@dataclass(frozen=True)
class SandboxTrial:
    """Whether a command ran in the sandbox. `host` is what may forbid user namespaces.

    `identity` says whose rights it (and every guest) had, `group` where a control group holds it down.
    """

    error: str
    host: Host
    identity: str = ""
    group: str = ""


@dataclass(frozen=True)
class Archives:
    """Where kernels would be fetched from: each archive in words. `error` says why there is none."""

    places: tuple[str, ...]
    error: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Memory:
    """Memory that may be given to guests, and how many small ones that holds; `error`: not even two."""

    available_bytes: int
    guests: int
    error: str = ""


@dataclass(frozen=True)
class Processors:
    """Cores that may be used, and the load average of the last minute where the kernel reports it."""

    cores: int
    load: float | None


@dataclass(frozen=True)
class WritablePlace:
    """A directory that is written to. `error` says why it cannot be."""

    path: str
    free_bytes: int = 0
    error: str = ""


@dataclass(frozen=True)
class Stored:
    """What the cache holds: entries, their sizes, and the base kernels that need no network any more."""

    entries: int
    size_bytes: int
    bases: tuple[str, ...]


@dataclass(frozen=True)
class StderrTerminal:
    """Where people read: standard error's terminal, if it is one."""

    is_terminal: bool
    kind: str
    columns: int
    encoding: str


@dataclass(frozen=True)
class Library:
    """A Python distribution: the least version wanted, and the one that is there ("" for none)."""

    name: str
    wanted: str
    found: str


@dataclass(frozen=True)
class Interpreter:
    """The Python that runs this, and what it has."""

    program: str
    version: str
    libraries: tuple[Library, ...]
