# SPDX-License-Identifier: Apache-2.0
"""The real OpenSSH server, without having one installed: Debian's package starts one that listens."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import CommandFailed
from orchestrator.host.process import run

_INSTALLED = Path("/usr/sbin/sshd")
_PACKAGES = ("openssh-server", "libwrap0")  # the latter is all of its libraries that a minimal Debian lacks
_FETCH_S = 120.0


@dataclass(frozen=True)
class Sshd:
    """The program, where its libraries are, and what its configuration must say because it was moved."""

    program: Path
    libraries: Path | None = None
    settings: tuple[str, ...] = ()


class NoServer(Exception):
    """There is no OpenSSH server to be had here; the message says why."""


def find_sshd(directory: Path) -> Sshd:
    """The installed one, or the package's files laid out in `directory`. Raises NoServer."""
    if _INSTALLED.exists():
        return Sshd(_INSTALLED)
    try:
        _lay_out(directory)
    except CommandFailed as failed:
        raise NoServer(f"apt-get cannot download openssh-server: {failed.evidence}") from None
    parts = {"SshdSessionPath": "sshd-session", "SshdAuthPath": "sshd-auth"}  # since OpenSSH 9.8 and 10.0
    helpers = {word: directory / "usr/lib/openssh" / name for word, name in parts.items()}
    (library,) = directory.glob("usr/lib/*/libwrap.so.0")
    return Sshd(
        directory / "usr/sbin/sshd",
        library.parent,
        tuple(f"{word} {path}" for word, path in helpers.items() if path.exists()),
    )


def _lay_out(directory: Path) -> None:
    deadline = Deadline.after(_FETCH_S, "fetching openssh-server")
    directory.mkdir(parents=True)
    apt = ["apt-get", "--quiet=2", "--option=APT::Sandbox::User=root", "download", *_PACKAGES]
    run(apt, cwd=directory, deadline=deadline)
    for package in directory.glob("*.deb"):
        run(["dpkg-deb", "--extract", package, directory], deadline=deadline)


def why_not() -> str:
    """Why nothing that needs another machine can be tried here, "" when it can."""
    absent = [name for name in ("ip", "bwrap", "ssh-keygen", "apt-get") if shutil.which(name) is None]
    return f"{', '.join(absent)}: not installed" if absent else ""
