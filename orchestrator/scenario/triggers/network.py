# SPDX-License-Identifier: Apache-2.0
"""Trigger `network`: bursts of messages through sockets, whose buffers ask for contiguous memory.

How a protocol asks is in docs/network.md, with the kernel's files and functions. UDP from 16 KiB up and TCP
copy into blocks of 32 KiB (SKB_FRAG_PAGE_ORDER, include/net/sock.h), AF_UNIX into blocks of up to that size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from orchestrator.binder import KernelFigures
from orchestrator.scenario.fields import Cross, Duration, Size, duration_between, refuse, size_between
from orchestrator.scenario.limits import limit
from orchestrator.scenario.triggers.base import Adj, Need, Processes, Stop, TriggerKind
from orchestrator.text.amounts import count_of
from orchestrator.units import GIB, KIB, format_duration, format_size

_US_PER_S = 1_000_000
_BLOCK_BYTES = 32 * KIB
"""What one block of a socket's buffers holds, whatever the page size."""
_LINEAR_BYTES = 16 * KIB
"""UDP datagrams below that are one kmalloc (SKB_MAX_ALLOC, include/linux/skbuff.h)."""
_UDP_BYTES = 65_535 - 20 - 8
"""The most in one datagram: an IPv4 packet without its two headers (RFC 768, RFC 791)."""
_OVERHEAD_BYTES = 4 * KIB
"""Of a message in a socket, at most: its header, and what its last page has left."""
_FASTEST_BYTES_PER_S = 64 * GIB
"""More no machine copies twice, into the buffer and out of it."""


class Network(TriggerKind):
    """Processes that send bursts of messages to themselves, through the kernel's sockets."""

    request: ClassVar[str] = "message"

    kind: Literal["network"] = Field(description="bursts of network messages", examples=["network"])
    protocol: Literal["udp", "tcp", "unix-dgram", "unix-stream"] = Field(
        description="sockets that the messages go through: of the loopback device, or of AF_UNIX",
        examples=["udp"],
    )
    size: Annotated[Size, size_between(1, limit("message_bytes"), 1)] = Field(
        description="length of each message. UDP from 16 KiB up, TCP and AF_UNIX ask for blocks of order 3; a"
        f" datagram of UDP has at most {_UDP_BYTES}B",
        examples=["60KiB"],
    )
    rate: Annotated[int, Field(strict=True, ge=1, le=limit("requests"))] = Field(
        description="messages a second, all processes together. What a guest cannot keep up with is not sent"
        " by the end of `duration`, and shows in the messages that succeeded",
        examples=[2000],
    )
    duration: Annotated[Duration, duration_between(0.01, 3600)] = Field(
        description="guest time for all bursts; none begins after that", examples=["5s"]
    )
    burst: Annotated[int, Field(strict=True, ge=1, le=limit("burst"))] = Field(
        1,
        description="messages that a process sends one after the other, before it reads what has come: so"
        " much is in socket buffers at one time. Then it waits until its next burst is due",
        examples=[32],
    )
    processes: Processes = Field(
        1,
        description="number of processes that share the messages; their bursts begin together",
        examples=[4],
    )
    buffer: Annotated[Size, size_between(KIB, limit("socket_bytes"))] | None = Field(
        None,
        description="room for messages in each socket (SO_SNDBUF, SO_RCVBUF; the kernel counts its own"
        " overhead, and takes twice that). Datagrams that find none are dropped, or fail with EAGAIN. Without"
        " it a burst fits",
        examples=["256KiB"],
    )
    oom_score_adj: Adj = 0
    stop: Stop = "first-oom"

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Cross]:
        if self.protocol == "udp" and self.size > _UDP_BYTES:
            what = (
                f"a UDP datagram holds at most {count_of('byte', _UDP_BYTES)}, not {format_size(self.size)}"
            )
            yield Cross(("size",), what, f"{_UDP_BYTES}B")
        if self.rate * self.size > _FASTEST_BYTES_PER_S:
            most = max(_FASTEST_BYTES_PER_S // self.size, 1)
            amount = f"{self.rate} messages of {format_size(self.size)} a second"
            yield Cross(("rate",), f"{amount} are more than any machine copies", str(most))
        if self.planned > limit("requests"):
            amount = f"{self.rate} messages a second for {format_duration(self.duration)}"
            what = f"{amount} are {self.planned}: at most {limit('requests')} can be made"
            yield Cross(("duration",), what, format_duration(limit("requests") // self.rate or 1))
        if self.planned < self.burst * self.processes:
            bursts = f"a burst of {count_of('message', self.burst)} by {count_of('process', self.processes)}"
            what = f"no time for {bursts}: the rate makes {self.planned} in {format_duration(self.duration)}"
            yield Cross(("burst",), what, str(max(self.planned // self.processes, 1)))
        if self.room_bytes > limit("socket_bytes"):
            what = f"a burst of {format_size(self.burst * self.size)} does not fit into a socket"
            yield Cross(("burst",), what, str(limit("socket_bytes") // (self.size + _OVERHEAD_BYTES)))

    @property
    def falls_back(self) -> bool:
        """Socket buffers take single pages where there is no block."""
        return True

    @property
    def planned(self) -> int:
        """All processes together, as the rate has it."""
        return round(self.rate * self.duration)

    @property
    def room_bytes(self) -> int:
        """What each socket is to have room for: a burst, unless the scenario says otherwise."""
        if self.buffer is not None:
            return int(self.buffer)
        return self.burst * (self.size + _OVERHEAD_BYTES)

    @property
    def kernel_options(self) -> tuple[str, ...]:
        """Its sockets."""
        return ("UNIX",) if self.protocol.startswith("unix") else ("INET",)

    @property
    def held_bytes(self) -> int:
        """The bursts of all processes."""
        return self.burst * self.processes * int(self.size)

    @property
    def pause_s(self) -> float:
        """From one burst to the next, at most."""
        return self.burst * self.processes / self.rate

    def noun_of(self, key: str) -> str | None:
        """Messages, and processes."""
        return {"rate": "message", "burst": "message", "processes": "process"}.get(key)

    @property
    def words(self) -> str:
        """How many messages of which size, through what, and how many at a time."""
        amount = f"{count_of('message', self.planned)} of {format_size(self.size)} by {self.protocol}"
        pace = f"{self.rate} a second, in bursts of {self.burst}"
        return f"{amount}, {pace} by {count_of('process', self.processes)}"

    def recipe(self) -> Mapping[str, object]:
        """The messages of all processes, and the pace of one."""
        return {
            "count": self.planned,
            "processes": self.processes,
            "transport": self.protocol,
            "message_bytes": int(self.size),
            "burst": self.burst,
            "period_us": round(self.pause_s * _US_PER_S),
            "duration_us": round(self.duration * _US_PER_S),
            "room_bytes": self.room_bytes,
        }

    def need(self, kernel: KernelFigures) -> Need | None:
        """Blocks that the bursts fill together; small UDP datagrams ask for no block of their own."""
        if self.protocol == "udp" and self.size < _LINEAR_BYTES:
            return None
        order = (-(-_BLOCK_BYTES // kernel.page_bytes) - 1).bit_length()
        return Need(order, -(-self.held_bytes // _BLOCK_BYTES))

    @property
    def argument(self) -> str:
        """The length of a message in bytes."""
        return str(int(self.size))
