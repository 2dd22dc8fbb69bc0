# SPDX-License-Identifier: Apache-2.0
"""`run_cvd`: the process of one device, with QEMU below it. It ends when it is told to or when QEMU does.

`python -m tests.cuttlefish.launcher.run INSTANCE_FILE DESCRIPTOR`; over the descriptor it tells whether the
device has booted. Whoever started it may be killed before: then it ends, too.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from orchestrator.host.process import Child, start
from tests.cuttlefish.guest_root import ROOT_PORT, SHELL_PORT
from tests.cuttlefish.launcher.instance import BOOTED, FAILED, Instance, running
from tests.cuttlefish.launcher.interposer import Interposer

STARTED, COMPLETED, BOOT_FAILED = (
    b"VIRTUAL_DEVICE_BOOT_STARTED", b"VIRTUAL_DEVICE_BOOT_COMPLETED", b"VIRTUAL_DEVICE_BOOT_FAILED",
)  # fmt: skip
_LMKD_KILL = (
    "   431   431 I lowmemorykiller: Kill 'com.android.vending' (2750), uid 10086, oom_score_adj 905 to free"
    " 61320kB rss, 12040kB swap; reason: low watermark is breached and swap is low (12040kB < 20480kB)"
)
"""As `lmkd.cpp` writes it."""
_LOOK_S = 0.05
_AFTER_S = 0.5
"""Whoever follows the console and what else the guest says has seen the text by then."""
_BETWEEN_DROPS_S = 0.5


def main(file: Path, telling: int) -> int:
    """The device's life."""
    instance = Instance.read(file)
    os.write(telling, b"\0")
    _say(f"cvd-{instance.number}: {instance.command_line}")
    with running(instance), ExitStack() as stack:
        device = Device(instance, telling, stack)
        status = asyncio.run(device.live())
    _say(f"cvd-{instance.number} ended")
    return status


def _say(text: str) -> None:
    print(f"run_cvd({os.getpid()}) {time.strftime('%m-%d %H:%M:%S')} {text}", flush=True)


class Device:
    """One device: its guest, its adb port, and what is to go wrong with it."""

    def __init__(self, instance: Instance, telling: int, stack: ExitStack) -> None:
        self.instance = instance
        self.telling: int | None = telling
        self.stack = stack
        self.ended = asyncio.Event()
        self.status = BOOTED
        self.log = instance.directory / "logs" / "kernel.log"
        self.seen = b""
        self.qemu: Child | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        words = instance.personality
        self.trigger = words[1].encode() if len(words) > 1 else b""
        ports = _free_port(), _free_port()
        self.interposer = Interposer(
            *ports,
            authorized=instance.personality_name != "unauthorized",
            root=instance.personality_name != "production",
            reboot=lambda: self.tell_guest("reboot"),
        )

    async def live(self) -> int:
        """Until somebody ends it, or QEMU ends."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ended.set)
        try:
            server = await self.interposer.serve(self.instance.adb_port)
        except OSError as error:
            _say(f"port {self.instance.adb_port}: {error.strerror}")
            self._tell(FAILED)
            return FAILED
        async with server:
            self.qemu = self.stack.enter_context(
                start(self._command(), stdin=-1, stdout=sys.stdout.fileno(), stderr=sys.stdout.fileno())
            )
            await self._watch(self.qemu)
        self._tell(FAILED)
        return self.status

    async def _watch(self, qemu: Child) -> None:
        until = (
            None if self.instance.boot_timeout_s is None else time.monotonic() + self.instance.boot_timeout_s
        )
        while not self.ended.is_set() and qemu.poll() is None:
            self._read_log()
            if self.telling is not None and self._boot_is_over(until):
                self.status = FAILED
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), _LOOK_S)
        if qemu.poll() is not None:
            _say(f"QEMU ended with {qemu.returncode}")

    def _boot_is_over(self, until: float | None) -> bool:
        """Whether the boot is not to be waited for any longer; tells start what it is waiting for."""
        if BOOT_FAILED in self.seen:
            _say("the guest says that its boot failed")
            return True
        if COMPLETED in self.seen:
            self._tell(BOOTED)
            return False
        if until is not None and time.monotonic() > until:
            _say("Did not receive boot completion event")
            return True
        return self._nobody_waits()

    def _nobody_waits(self) -> bool:
        poller = select.poll()
        assert self.telling is not None
        poller.register(self.telling, 0)
        return bool(poller.poll(0))

    def _tell(self, status: int) -> None:
        if self.telling is not None:
            with suppress(BrokenPipeError):
                os.write(self.telling, bytes([status]))
            os.close(self.telling)
            self.telling = None

    def _read_log(self) -> None:
        with self.log.open("rb") as file:
            file.seek(len(self.seen))
            self.seen += file.read()
        if self.trigger and self.trigger in self.seen:
            self.trigger = b""
            asyncio.get_running_loop().call_later(_AFTER_S, self._go_wrong)

    def _go_wrong(self) -> None:
        name = self.instance.personality_name
        _say(f"now: {name}")
        wrongs: dict[str, Callable[[], object]] = {
            "panic": lambda: self.tell_guest("panic"),
            "frozen": lambda: self._signal(signal.SIGSTOP),
            "dies": lambda: self._signal(signal.SIGKILL),
            "lmkd": self._log_of_lmkd,
            "adb-drops": lambda: self.tasks.add(asyncio.ensure_future(self._drop_twice())),
        }
        wrongs[name]()

    def _signal(self, number: signal.Signals) -> None:
        assert self.qemu is not None
        self.qemu.send_signal(number)

    def _log_of_lmkd(self) -> None:
        """What logcat has of a kill by Android's daemon; the kernel says nothing of it."""
        with (self.instance.directory / "logs" / "logcat").open("a") as logcat:
            logcat.write(f"{time.strftime('%m-%d %H:%M:%S.000')}{_LMKD_KILL}\n")

    async def _drop_twice(self) -> None:
        for _ in range(2):
            self.interposer.drop()
            await asyncio.sleep(_BETWEEN_DROPS_S)

    def tell_guest(self, word: str) -> None:
        """A word to the guest's first process, over a console of its own."""
        assert self.qemu is not None
        assert self.qemu.stdin is not None
        self.qemu.stdin.write(f"{word}\n".encode())
        self.qemu.stdin.flush()

    def _command(self) -> list[str | Path]:
        instance = self.instance
        forwards = "".join(
            f",hostfwd=tcp:127.0.0.1:{host}-:{guest}"
            for host, guest in zip(self.interposer.ports.values(), (SHELL_PORT, ROOT_PORT), strict=True)
        )
        root = instance.directory / "internal" / "root.cpio"
        root.write_bytes(b"".join(_padded(Path(part).read_bytes()) for part in instance.root))
        return [
            "qemu-system-aarch64", "-machine", "virt,gic-version=2", "-cpu", "cortex-a76",
            "-accel", "tcg", "-m", str(instance.memory_mb), "-smp", str(instance.cpus),
            "-nodefaults", "-no-user-config", "-display", "none", "-kernel", instance.kernel, "-initrd", root,
            "-append", instance.command_line,
            "-chardev", f"file,id=console,path={self.log},append=on", "-serial", "chardev:console",
            "-device", "virtio-serial-pci", "-chardev", "stdio,id=words,signal=off",
            "-device", "virtconsole,chardev=words",
            "-netdev", f"user,id=net,restrict=on{forwards}", "-device", "virtio-net-pci,netdev=net,romfile=",
        ]  # fmt: skip


def _padded(archive: bytes) -> bytes:
    return archive + b"\0" * (-len(archive) % 512)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
