# SPDX-License-Identifier: Apache-2.0
"""The QEMU command is a pure function of the boot; these are its golden forms."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.arch import ArchName
from orchestrator.errors import InputError
from orchestrator.guests.qemu.machine import Boot, Wiring, kernel_command_line, qemu_argv
from orchestrator.guests.qemu.memory import GuestRam, MemoryNode
from orchestrator.guests.qemu.snapshot import template_memory

ARM64 = (
    "qemu-system-aarch64 -nodefaults -no-user-config -display none -no-reboot"
    " -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
    " -machine virt -accel tcg -cpu cortex-a76 -smp 1 -m 262144k -nic none"
    " -kernel /k/vmlinuz -initrd /k/initramfs -append LINE"
    " -chardev file,id=console,path=/proc/self/fd/5 -serial chardev:console"
    " -chardev stdio,id=control,signal=off -device pci-serial,chardev=control"
    " -device i6300esb -action watchdog=pause"
    " -chardev socket,id=monitor,fd=7 -mon chardev=monitor,mode=control"
)
X86_64 = (
    "qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot"
    " -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
    " -machine q35 -accel kvm -cpu host -smp 2 -m 262144k -nic none"
    " -kernel /k/vmlinuz -initrd /k/initramfs -append LINE"
    " -chardev stdio,id=console,signal=off -serial chardev:console"
    " -chardev file,id=control,path=/dev/stderr -serial chardev:control"
    " -device i6300esb -action watchdog=pause"
)


def boot(arch: ArchName, cpus: int, accelerator: str) -> Boot:
    return Boot(
        arch,
        256 << 20,
        cpus,
        Path("/k/vmlinuz"),
        Path("/k/initramfs"),
        "LINE",
        "kvm" if accelerator == "kvm" else "tcg",
    )


def test_arm64_in_a_run() -> None:
    wiring = Wiring.piped("file,path=/proc/self/fd/5", 7)
    assert qemu_argv(boot("arm64", 1, "tcg"), wiring) == ARM64.split(" ")


def test_a_template_and_its_fork() -> None:
    wiring = Wiring.piped("file,path=/proc/self/fd/5", 7)
    subject = replace(boot("arm64", 1, "tcg"), clock="deterministic")
    template = qemu_argv(subject, wiring, GuestRam((9,), private=False))
    fork = qemu_argv(subject, wiring, GuestRam((9,), private=True))
    ram = "memory-backend-file,id=ram,size=262144k,mem-path=/proc/self/fd/9,share="
    # The kernel is in the template's memory; QEMU would keep a copy of its image for each fork.
    loaded = ["-kernel", "/k/vmlinuz", "-initrd", "/k/initramfs", "-append", "LINE"]
    assert [word for word in template if word not in fork] == [*loaded, ram + "on"]
    assert [word for word in fork if word not in template] == [ram + "off", "-incoming", "defer"]
    assert template[template.index("-machine") + 1] == "virt,dtb-randomness=off,memory-backend=ram"
    assert template[template.index("-icount") + 1] == "shift=2,sleep=off"
    assert template[template.index("-rtc") + 1] == "base=2026-01-01T00:00:00,clock=vm"
    assert template[template.index("-seed") + 1] == "1"


def test_an_x86_64_fork_has_the_option_rom_of_its_template() -> None:
    fork = qemu_argv(boot("x86_64", 2, "tcg"), Wiring.paste_ready(), GuestRam((9,), private=True))
    assert "-kernel" in fork


def test_x86_64_by_hand() -> None:
    assert qemu_argv(boot("x86_64", 2, "kvm"), Wiring.paste_ready()) == X86_64.split(" ")


def test_the_kernel_command_line() -> None:
    line = kernel_command_line("arm64", cma_bytes=64 << 20, extra=["quiet"], recipe="oomlab.mode=trial")
    assert line == (
        "console=ttyAMA0 panic=-1 nokaslr transparent_hugepage=never rdinit=/init cma=65536K"
        " quiet oomlab.mode=trial"
    )


def test_a_line_that_the_kernel_would_cut_is_refused() -> None:
    longest = 2047 - len(kernel_command_line("x86_64", cma_bytes=0, extra=[], recipe=""))
    kernel_command_line("x86_64", cma_bytes=0, extra=[], recipe="x" * longest)
    with pytest.raises(InputError, match="1 byte too long"):
        kernel_command_line("x86_64", cma_bytes=0, extra=[], recipe="x" * (longest + 1))


def test_the_deterministic_clock_takes_the_random_instructions_away() -> None:
    subject = replace(boot("x86_64", 1, "tcg"), clock="deterministic")
    argv = qemu_argv(subject, Wiring.paste_ready())
    assert argv[argv.index("-cpu") + 1] == "max,rdrand=off,rdseed=off"


def test_each_node_has_memory_of_its_own() -> None:
    nodes = (MemoryNode(192 << 20, (0, 1)), MemoryNode(64 << 20, ()))
    argv = qemu_argv(replace(boot("arm64", 2, "tcg"), nodes=nodes), Wiring.paste_ready())
    numa = " ".join(argv[argv.index("-object") :])
    assert numa == (
        "-object memory-backend-ram,id=ram0,size=196608k -numa node,nodeid=0,cpus=0,cpus=1,memdev=ram0"
        " -object memory-backend-ram,id=ram1,size=65536k -numa node,nodeid=1,memdev=ram1"
    )
    assert argv[argv.index("-machine") + 1] == "virt"


def test_a_fork_of_several_nodes_writes_none_of_them() -> None:
    nodes = (MemoryNode(128 << 20, (0,)), MemoryNode(128 << 20, ()))
    subject = replace(boot("x86_64", 1, "tcg"), nodes=nodes)
    argv = qemu_argv(subject, Wiring.paste_ready(), GuestRam((9, 11), private=True))
    objects = [argv[at + 1] for at, word in enumerate(argv) if word == "-object"]
    assert objects == [
        f"memory-backend-file,id=ram{number},size=131072k,mem-path=/proc/self/fd/{fd},share=off"
        for number, fd in enumerate((9, 11))
    ]


def test_the_memory_of_a_snapshot_is_hashed_in_the_order_of_its_addresses() -> None:
    one = boot("arm64", 1, "tcg")
    nodes = (MemoryNode(64 << 20, (0,)), MemoryNode(192 << 20, ()))
    with template_memory(one) as whole, template_memory(replace(one, nodes=nodes)) as parts:
        assert [os.fstat(fd).st_size for fd in parts.ram_fds] == [64 << 20, 192 << 20]
        os.pwrite(whole.ram_fds[0], b"x", 70 << 20)
        assert parts.ram_sha256() != whole.ram_sha256()
        os.pwrite(parts.ram_fds[1], b"x", 6 << 20)
        assert parts.ram_sha256() == whole.ram_sha256()
