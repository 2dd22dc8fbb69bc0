# SPDX-License-Identifier: Apache-2.0
"""What the lab adds between adb and adbd: another user, a reboot, a refusal, a cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.cuttlefish.launcher.interposer import Interposer
from tests.cuttlefish.launcher.wire import NotAdb, Packet, read_packet

CONNECT = Packet(b"CNXN", 0x01000001, 1 << 20, b"host::\0")
_S = 10.0
_MOMENT_S = 0.02


@asynccontextmanager
async def daemon(name: bytes) -> AsyncIterator[int]:
    """An adbd that answers every packet with its name."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_packet(reader) is not None:
            writer.write(Packet(b"CNXN", 0, 0, name).encoded())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


class Adb:
    """A client of the interposer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, packet: Packet) -> Packet | None:
        self.writer.write(packet.encoded())
        return await read_packet(self.reader)


Story = Callable[[Interposer, Callable[[], Coroutine[Any, Any, Adb]]], Coroutine[Any, Any, None]]


def _nothing() -> None:
    pass


def tell(
    story: Story, *, authorized: bool = True, root: bool = True, reboot: Callable[[], None] = _nothing
) -> None:
    async def whole() -> None:
        async with daemon(b"shell") as shell, daemon(b"root") as rooted, asyncio.timeout(_S):
            between = Interposer(shell, rooted, authorized=authorized, root=root, reboot=reboot)
            server = await between.serve(0)
            port = server.sockets[0].getsockname()[1]

            clients: list[Adb] = []

            async def connected() -> Adb:
                clients.append(Adb(*await asyncio.open_connection("127.0.0.1", port)))
                return clients[-1]

            async with server:
                await story(between, connected)
                for client in clients:
                    client.writer.close()
                while between.connections:
                    await asyncio.sleep(_MOMENT_S)
                await asyncio.sleep(_MOMENT_S)  # for the daemons to see it

    asyncio.run(whole())


async def _service(adb: Adb, name: bytes) -> bytes:
    """What a service says."""
    opened = await adb.ask(Packet(b"OPEN", 5, 0, name + b"\0"))
    assert opened is not None
    assert (opened.command, opened.arg1) == (b"OKAY", 5)
    said = await read_packet(adb.reader)
    assert said is not None
    adb.writer.write(Packet(b"OKAY", 5, said.arg0).encoded())
    return said.payload if said.command == b"WRTE" else b""


def test_packets_are_handed_on_and_root_leads_to_the_other_daemon() -> None:
    async def story(_: Interposer, connected: Callable[[], Coroutine[Any, Any, Adb]]) -> None:
        adb = await connected()
        assert await adb.ask(CONNECT) == Packet(b"CNXN", 0, 0, b"shell")
        assert await _service(adb, b"root:") == b"restarting adbd as root\n"
        again = await connected()
        assert await again.ask(CONNECT) == Packet(b"CNXN", 0, 0, b"root")
        assert await _service(again, b"root:") == b"adbd is already running as root\n"

    tell(story)


def test_a_production_build_does_not_give_root() -> None:
    async def story(_: Interposer, connected: Callable[[], Coroutine[Any, Any, Adb]]) -> None:
        assert (
            await _service(await connected(), b"root:") == b"adbd cannot run as root in production builds\n"
        )
        assert await (await connected()).ask(CONNECT) == Packet(b"CNXN", 0, 0, b"shell")

    tell(story, root=False)


def test_a_reboot_is_asked_of_the_guest_and_ends_root() -> None:
    asked: list[bool] = []

    async def story(_: Interposer, connected: Callable[[], Coroutine[Any, Any, Adb]]) -> None:
        await _service(await connected(), b"root:")
        adb = await connected()
        assert await _service(adb, b"reboot:") == b""
        adb.writer.close()
        while not asked:  # the interposer gives its client a moment
            await asyncio.sleep(_MOMENT_S)
        assert await (await connected()).ask(CONNECT) == Packet(b"CNXN", 0, 0, b"shell")

    tell(story, reboot=lambda: asked.append(True))


def test_a_device_that_does_not_trust_this_host_asks_for_signatures_for_ever() -> None:
    async def story(_: Interposer, connected: Callable[[], Coroutine[Any, Any, Adb]]) -> None:
        adb = await connected()
        for packet in (CONNECT, Packet(b"AUTH", 2, 0, b"signature")):
            answer = await adb.ask(packet)
            assert answer is not None
            assert (answer.command, answer.arg0, len(answer.payload)) == (b"AUTH", 1, 20)

    tell(story, authorized=False)


def test_a_cut_ends_the_connection_and_the_next_one_works() -> None:
    async def story(between: Interposer, connected: Callable[[], Coroutine[Any, Any, Adb]]) -> None:
        adb = await connected()
        assert await adb.ask(CONNECT) is not None
        between.drop()
        assert await read_packet(adb.reader) is None
        assert await (await connected()).ask(CONNECT) is not None

    tell(story)


def test_other_bytes_are_no_packet() -> None:
    async def read() -> None:
        stream = asyncio.StreamReader()
        stream.feed_data(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        await read_packet(stream)

    with pytest.raises(NotAdb):
        asyncio.run(read())
