# SPDX-License-Identifier: Apache-2.0
"""The QEMU command is a pure function of the boot; these are its golden forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.guests.qemu.machine import Arch, Boot, Wiring, kernel_command_line, qemu_argv

ARM64 = (
    "qemu-system-aarch64 -nodefaults -no-user-config -display none -no-reboot"
    " -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
    " -machine virt -accel tcg -cpu cortex-a76 -smp 1 -m 262144k -nic none"
    " -kernel /k/vmlinuz -initrd /k/initramfs -append LINE"
    " -chardev file,id=console,path=/proc/self/fd/5 -serial chardev:console"
    " -chardev file,id=control,path=/proc/self/fd/6 -device pci-serial,chardev=control"
    " -chardev socket,id=monitor,fd=7 -mon chardev=monitor,mode=control"
)
X86_64 = (
    "qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot"
    " -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
    " -machine q35 -accel kvm -cpu host -smp 2 -m 262144k -nic none"
    " -kernel /k/vmlinuz -initrd /k/initramfs -append LINE"
    " -chardev stdio,id=console,signal=off -serial chardev:console"
    " -chardev file,id=control,path=/dev/stderr -serial chardev:control"
)


def boot(arch: Arch, cpus: int, accelerator: str) -> Boot:
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
    wiring = Wiring("file,path=/proc/self/fd/5", "file,path=/proc/self/fd/6", "socket,fd=7")
    assert qemu_argv(boot("arm64", 1, "tcg"), wiring) == ARM64.split(" ")


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
    with pytest.raises(InputError, match="1 bytes too long"):
        kernel_command_line("x86_64", cma_bytes=0, extra=[], recipe="x" * (longest + 1))
