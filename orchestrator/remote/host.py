# SPDX-License-Identifier: Apache-2.0
"""The word that names another machine: `user@machine`, `machine:2222`, `[::1]:22`, or a name of ssh's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.errors import InputError

_HOST = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.+-]*)@)?"
    r"(?:(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)|\[(?P<bracketed>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?)\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_MOST_PORT = 65535
_HINT = "give --host user@machine, user@machine:port, or a name from ~/.ssh/config"


@dataclass(frozen=True, repr=False)
class Host:
    """Where to, and as whom. It has no words of its own: no message says where a user's machines are."""

    name: str
    user: str | None = None
    port: int | None = None


def parse_host(text: str) -> Host:
    """The machine that `--host` names; InputError for what is none, or has a password in it."""
    user, at, _ = text.rpartition("@")
    if at and ":" in user:
        raise InputError(
            "--host: a password has no place on a command line, where every user of this machine sees it",
            hint="use a key: ssh-keygen, ssh-copy-id; an agent (ssh-add) remembers its passphrase",
        )
    found = _HOST.fullmatch(text)
    if found is None:
        raise InputError("--host names no machine", hint=_HINT)
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port <= _MOST_PORT:
        raise InputError(f"--host: there is no port {port}", hint=_HINT)
    return Host(found["name"] or found["bracketed"], found["user"], port)
