# SPDX-License-Identifier: Apache-2.0
"""What QEMU is told for each architecture, as one table and pure functions over it.

The result is an argument list and nothing else: `--dry-run` prints exactly what a run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.arch import ArchName
from orchestrator.clock import ICOUNT_SHIFT, Clock
from orchestrator.errors import InputError
from orchestrator.guests.accelerator_report import Accelerator
from orchestrator.guests.qemu.memory import GuestRam, MemoryNode, machine_option, memory_args
from orchestrator.text.amounts import count_of
from orchestrator.units import KIB

COMMAND_LINE_LIMIT = 2048
"""COMMAND_LINE_SIZE of both architectures, arch/*/include/*/asm/setup.h; one byte is the final NUL."""

_NOTHING_OF_THE_HOST = (
    "-icount", f"shift={ICOUNT_SHIFT},sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1",
)  # fmt: skip
"""Time and date from the count, and what QEMU itself draws at random (util/guest-random.c) from a seed."""

_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


@dataclass(frozen=True)
class Machine:
    """The fixed part of a virtual machine of one architecture."""

    program: str
    machine: str
    tcg_cpu: str
    console_tty: str
    control_tty: str
    control_args: tuple[str, ...]
    deterministic_machine: str
    """The machine without randomness of its own."""
    deterministic_cpu: str
    """The emulated CPU without randomness of its own."""


MACHINES: dict[ArchName, Machine] = {
    # cortex-a76: the youngest core without pointer authentication (slow to emulate) that also
    # translates 16 KiB pages, which cortex-a57 does not.
    "arm64": Machine(
        "qemu-system-aarch64", "virt", "cortex-a76", "ttyAMA0", "ttyS0",
        ("-device", "pci-serial,chardev=control"), "virt,dtb-randomness=off", "cortex-a76",
    ),
    # max: every feature that this QEMU emulates (tcg_features, target/i386/cpu.c), whatever the host's
    # own CPU; RDRAND and RDSEED draw from the host, and the kernel shuffles its free lists by them.
    "x86_64": Machine(
        "qemu-system-x86_64", "q35", "max", "ttyS0", "ttyS1", ("-serial", "chardev:control"),
        "q35", "max,rdrand=off,rdseed=off",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Wiring:
    """Where the guest's two serial lines and QEMU's monitor end, as `-chardev` backends."""

    console: str
    control: str
    monitor: str | None = None

    @classmethod
    def paste_ready(cls) -> Wiring:
        """For a command typed by hand: console on the terminal, control records in a file."""
        return cls(console="stdio,signal=off", control="file,path=/dev/stderr")

    @classmethod
    def piped(cls, console: str, monitor_fd: int) -> Wiring:
        """For a run: control on QEMU's standard input and output, which are pipes of ours.

        Pipes, not a socket: with a socket a slow reader's back-pressure reaches the guest.
        """
        return cls(console=console, control="stdio,signal=off", monitor=f"socket,fd={monitor_fd}")


@dataclass(frozen=True)
class Boot:
    """One power-on: hardware, images, kernel command line."""

    arch: ArchName
    memory_bytes: int
    cpus: int
    kernel: Path
    initramfs: Path
    command_line: str
    accelerator: Accelerator
    clock: Clock = "realtime"
    nodes: tuple[MemoryNode, ...] = ()
    """NUMA nodes where there are several: their memory is `memory_bytes` together."""


def kernel_command_line(arch: ArchName, *, cma_bytes: int, extra: Sequence[str], recipe: str) -> str:
    """The guest kernel's command line: fixed words, the device's own, then the agent's recipe.

    `panic=-1` with QEMU's `-no-reboot` turns a panic into the end of QEMU, after its last line
    has left the console. `nokaslr` and no transparent huge pages keep the memory layout the
    scenario's business. Raises InputError when the kernel would cut the line.
    """
    words = [
        f"console={MACHINES[arch].console_tty}", "panic=-1", "nokaslr", "transparent_hugepage=never",
        "rdinit=/init", f"cma={cma_bytes // KIB}K", *extra, recipe,
    ]  # fmt: skip
    line = " ".join(words)
    excess = len(line.encode()) - (COMMAND_LINE_LIMIT - 1)
    if excess > 0:
        raise InputError(
            f"the kernel command line is {count_of('byte', excess)} too long ({COMMAND_LINE_LIMIT - 1} fit)",
            hint="shorten device.cmdline, device.sysctls or the trigger's command",
        )
    return line


def cpu_model(arch: ArchName, accelerator: Accelerator, clock: Clock = "realtime") -> str:
    """The CPU model QEMU is asked for; every figure is labelled with it."""
    machine = MACHINES[arch]
    if clock == "deterministic":
        return machine.deterministic_cpu
    return "host" if accelerator == "kvm" else machine.tcg_cpu


def qemu_argv(boot: Boot, wiring: Wiring, ram: GuestRam | None = None) -> list[str]:
    """The whole QEMU command for one boot; with private `ram` it waits for a template's state.

    The watchdog is how a guest has itself paused for its snapshot: a `stop` from the host would
    land at another instant each time. Only a guest that parks ever starts it.
    """
    machine = MACHINES[boot.arch]
    argv = [
        machine.program,
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-sandbox", _SANDBOX,
        "-machine", _machine(boot, ram),
        "-accel", boot.accelerator,
        "-cpu", cpu_model(boot.arch, boot.accelerator, boot.clock),
        "-smp", str(boot.cpus),
        "-m", f"{boot.memory_bytes // KIB}k",
        "-nic", "none",
        *_kernel(boot, ram),
        "-chardev", _chardev(wiring.console, "console"),
        "-serial", "chardev:console",
        "-chardev", _chardev(wiring.control, "control"),
        *machine.control_args,
        "-device", "i6300esb", "-action", "watchdog=pause",
    ]  # fmt: skip
    argv += memory_args(boot.memory_bytes, boot.nodes, ram)
    if ram is not None and ram.private:
        argv += ["-incoming", "defer"]
    if boot.clock == "deterministic":
        argv += _NOTHING_OF_THE_HOST
    if wiring.monitor is not None:
        argv += ["-chardev", _chardev(wiring.monitor, "monitor"), "-mon", "chardev=monitor,mode=control"]
    return argv


def _kernel(boot: Boot, ram: GuestRam | None) -> list[str]:
    """What is loaded at power-on: a fork has it in its memory already.

    Leaving it out saves an arm64 fork 70 ms and 60 MiB, for QEMU keeps a copy of the image. On
    x86_64 `-kernel` makes an option ROM, without which QEMU refuses the template's state.
    """
    if ram is not None and ram.private and boot.arch == "arm64":
        return []
    return [
        "-kernel", str(boot.kernel), "-initrd", str(boot.initramfs), "-append", boot.command_line,
    ]  # fmt: skip


def _machine(boot: Boot, ram: GuestRam | None) -> str:
    machine = MACHINES[boot.arch]
    name = machine.deterministic_machine if boot.clock == "deterministic" else machine.machine
    return name + machine_option(boot.nodes, ram)


def _chardev(backend: str, identity: str) -> str:
    kind, _, options = backend.partition(",")
    return f"{kind},id={identity}" + (f",{options}" if options else "")
