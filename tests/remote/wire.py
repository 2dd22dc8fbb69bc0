# SPDX-License-Identifier: Apache-2.0
"""A network of two machines and one wire, which can be cut: a network namespace and a veth pair."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.deadline import Deadline
from orchestrator.host.process import run

_THERE = "eth0"
_IP_S = 30.0


@dataclass(frozen=True)
class Wire:
    """Both ends: ours is in this namespace, the other one in `namespace`."""

    namespace: str
    here: str
    there: str

    def cut(self) -> None:
        """From now on nothing gets through, and nobody is told: no packet is answered or refused."""
        _ip("-n", self.namespace, "link", "set", _THERE, "down")

    def mend(self) -> None:
        """As before."""
        _ip("-n", self.namespace, "link", "set", _THERE, "up")


@contextmanager
def wire() -> Iterator[Wire]:
    """A wire of our own. It takes root."""
    name = f"oomlab{secrets.token_hex(3)}"
    # A /30 of 198.18.0.0/15, which is for tests of networks alone (RFC 2544); as good as never a clash.
    high, low = secrets.randbelow(256), secrets.randbelow(64) * 4
    line = Wire(name, here=f"198.18.{high}.{low + 1}", there=f"198.18.{high}.{low + 2}")
    _ip("netns", "add", name)
    try:
        _ip("link", "add", name, "type", "veth", "peer", "name", _THERE, "netns", name)
        _ip("addr", "add", f"{line.here}/30", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-n", name, "addr", "add", f"{line.there}/30", "dev", _THERE)
        _ip("-n", name, "link", "set", "lo", "up")
        line.mend()
        yield line
    finally:
        _ip("netns", "delete", name)  # and the pair with it, once nobody is in there any more


def _ip(*words: str) -> None:
    run(["ip", *words], deadline=Deadline.after(_IP_S, "ip"))
