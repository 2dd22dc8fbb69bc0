# SPDX-License-Identifier: Apache-2.0
"""adb's wire format: packets of a 24-byte header and what it announces (AOSP's adb, `protocol.txt`)."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

_HEADER = struct.Struct("<4s5I")
_MOST_BYTES = 1 << 20


class NotAdb(Exception):
    """The bytes are no packet of adb's."""


@dataclass(frozen=True)
class Packet:
    """One packet. `command` is four letters: CNXN, AUTH, OPEN, OKAY, WRTE, CLSE."""

    command: bytes
    arg0: int
    arg1: int
    payload: bytes = b""

    def encoded(self) -> bytes:
        """As it goes over the wire."""
        (number,) = struct.unpack("<I", self.command)
        header = _HEADER.pack(
            self.command, self.arg0, self.arg1, len(self.payload), sum(self.payload), number ^ 0xFFFFFFFF
        )
        return header + self.payload


async def read_packet(stream: asyncio.StreamReader) -> Packet | None:
    """The next packet, None at the end of the stream; NotAdb."""
    try:
        header = await stream.readexactly(_HEADER.size)
        command, arg0, arg1, length, _, magic = _HEADER.unpack(header)
        if magic != struct.unpack("<I", command)[0] ^ 0xFFFFFFFF or length > _MOST_BYTES:
            raise NotAdb(f"no packet of adb's: {header.hex()}")
        return Packet(command, arg0, arg1, await stream.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
