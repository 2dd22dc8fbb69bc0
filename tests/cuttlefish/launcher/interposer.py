# SPDX-License-Identifier: Apache-2.0
"""Stands between adb and the guest's adbd: adds what Debian's adbd was built without, and what goes wrong.

`root:` and `unroot:` lead to the other of the guest's two daemons, as Android's restarts itself as another
user. `reboot:` asks the guest. A device can refuse authorisation, and connections can be cut.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

from tests.cuttlefish.launcher.wire import NotAdb, Packet, read_packet

_OURS = 0x6C616200
"""Ids of streams that end here; adbd counts its own from 1."""
_TOKEN, _SIGNATURE = 1, 2
_GRACE_S = 1.0


class Interposer:
    """The adb port of one device. `shell_port` and `root_port` are where the guest's daemons are reached."""

    def __init__(
        self, shell_port: int, root_port: int, *, authorized: bool, reboot: Callable[[], None], root: bool
    ) -> None:
        self.ports = {False: shell_port, True: root_port}
        self.authorized = authorized
        self.reboot = reboot
        self.as_root = False
        self.may_root = root
        self.connections: set[asyncio.StreamWriter] = set()

    async def serve(self, port: int) -> asyncio.Server:
        """Listen; OSError when the port is taken."""
        return await asyncio.start_server(self._connected, "127.0.0.1", port)

    def drop(self) -> None:
        """Cut every connection there is."""
        for writer in self.connections:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        try:
            with suppress(NotAdb, ConnectionError):
                if self.authorized:
                    await self._forward(reader, writer)
                else:
                    await _refuse(reader, writer)
        finally:
            self.connections.discard(writer)
            await _close(writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guest_reader, guest_writer = await asyncio.open_connection("127.0.0.1", self.ports[self.as_root])
        tasks = [
            asyncio.ensure_future(_copy(guest_reader, writer)),
            asyncio.ensure_future(self._watch(reader, writer, guest_writer)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await _close(guest_writer)

    async def _watch(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, guest: asyncio.StreamWriter
    ) -> None:
        """Hand on what adb says, but the services that are answered here."""
        while (packet := await read_packet(reader)) is not None:
            service = packet.payload.rstrip(b"\0") if packet.command == b"OPEN" else b""
            if service in (b"root:", b"unroot:"):
                await self._change_user(packet, service == b"root:", reader, writer)
                return
            if service.startswith(b"reboot:"):
                await _answer(packet, b"", reader, writer)
                self.as_root = False
                self.reboot()
                return
            guest.write(packet.encoded())
            await guest.drain()

    async def _change_user(
        self, packet: Packet, root: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if root and not self.may_root:
            said = b"adbd cannot run as root in production builds\n"
        elif root == self.as_root:
            said = b"adbd is already running as root\n" if root else b"adbd not running as root\n"
        else:
            said = b"restarting adbd as root\n" if root else b"restarting adbd as non root\n"
            self.as_root = root
        await _answer(packet, said, reader, writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    """What was written goes out, unless nobody takes it: a frozen guest does not."""
    writer.close()
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(_GRACE_S):
            await writer.wait_closed()
    writer.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(1 << 16):
        target.write(data)
        await target.drain()


async def _answer(
    opened: Packet, said: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """A service that says something and ends; whoever opened it has read it when this returns."""
    theirs = opened.arg0
    writer.write(Packet(b"OKAY", _OURS, theirs).encoded())
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_S):
            if said:
                writer.write(Packet(b"WRTE", _OURS, theirs, said).encoded())
                await _await_packet(reader, b"OKAY", theirs)
            writer.write(Packet(b"CLSE", _OURS, theirs).encoded())
            await writer.drain()
            await _await_packet(reader, b"CLSE", theirs)


async def _await_packet(reader: asyncio.StreamReader, command: bytes, theirs: int) -> None:
    while (packet := await read_packet(reader)) is not None:
        if packet.command == command and packet.arg0 in (theirs, 0):
            return


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ask for a signature, and for another one; a public key nobody ever confirms."""
    while (packet := await read_packet(reader)) is not None:
        if packet.command == b"CNXN" or (packet.command == b"AUTH" and packet.arg0 == _SIGNATURE):
            writer.write(Packet(b"AUTH", _TOKEN, 0, os.urandom(20)).encoded())
            await writer.drain()
