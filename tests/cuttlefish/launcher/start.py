# SPDX-License-Identifier: Apache-2.0
"""`cvd_internal_start`: checks what it is given as the real one does, and starts a device.

`python -m tests.cuttlefish.launcher.start TOOLS FLAG...`; TOOLS is where the real programs are.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.host.process import run, start
from tests.cuttlefish.launcher.flags import FlagError, Flags, known_flags, parse
from tests.cuttlefish.launcher.instance import BOOTED, FAILED, Instance, lay_out, pid_of

IMAGES = ("boot.img", "vendor_boot.img", "super.img", "android-info.txt")
RAMDISK = "vendor_boot.img"
PERSONALITY = "personality"

_KERNEL_COMMAND_LINE = (
    "console=ttyAMA0 printk.devkmsg=on audit=1 panic=-1 cma=0 firmware_class.path=/vendor/etc/ "
    "loop.max_part=7 init=/init binder.impl=rust"
)
"""Nearly that of the images of 2025 (`BoardConfig`), with the Rust binder that they ask for."""

_REPLACED_IMAGES = (
    "boot_image", "vendor_boot_image", "super_image", "vbmeta_vendor_dlkm_image", "vbmeta_system_dlkm_image",
)  # fmt: skip
_VMMS = ("crosvm", "qemu_cli", "gem5")
_MOST_CPUS = 8
_MOST_INSTANCES = 10
_DEFAULT_MEMORY_MB = 2048
_ABORTED, _WRONG_FLAGS, _TAP_IN_USE = 134, 1, 23
_CONFIG_S = 60.0


class Refused(Exception):
    """What the real launcher prints, and the status it ends with."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def main(tools: Path, argv: Sequence[str]) -> int:
    """Start one device; the status that the real launcher has."""
    try:
        instance = assemble(parse(argv, known_flags(tools)), tools)
    except FlagError as error:
        print(error, file=sys.stderr)
        return _WRONG_FLAGS
    except Refused as refused:
        print(refused, file=sys.stderr)
        return refused.status
    status = boot(instance)
    if status == BOOTED:
        print("Virtual device booted successfully", file=sys.stderr)
        return 0
    print("Virtual device failed to boot\nVIRTUAL_DEVICE_BOOT_FAILED", file=sys.stderr)
    print(f"run_cvd returned {status}", file=sys.stderr)
    return status


def assemble(flags: Flags, tools: Path) -> Instance:
    """The device that these flags ask for, laid out; FlagError or Refused."""
    product = Path(flags.text("system_image_dir") or os.environ.get("ANDROID_PRODUCT_OUT", ""))
    number = _number(flags)
    _refuse_what_cannot_be(flags, product)
    kernel = _kernel(flags, tools)
    initramfs = flags.text("initramfs_path")
    if initramfs and not Path(initramfs).is_file():
        raise Refused(f"File not found: {initramfs}", _ABORTED)
    personality = _personality(product)
    told = f" lab.personality={personality[0]}" if personality else ""
    timeout = flags.number("boot_timeout_secs") if flags.has("boot_timeout_secs") else None
    instance = Instance(
        number=number,
        home=os.environ["HOME"],
        kernel=str(kernel),
        root=(str(product / RAMDISK), *([initramfs] if initramfs else [])),
        command_line=f"{_KERNEL_COMMAND_LINE}{told} {flags.text('extra_kernel_cmdline')}".strip(),
        cpus=_cpus(flags),
        memory_mb=flags.number("memory_mb") or _DEFAULT_MEMORY_MB,
        personality=personality,
        boot_timeout_s=timeout,
    )
    if pid_of(instance.directory):
        raise Refused(f"cvd-{number} is running", _ABORTED)
    lay_out(instance)
    return instance


def _number(flags: Flags) -> int:
    if flags.has("instance_nums") and flags.has("base_instance_num"):
        raise Refused("InstanceNums and BaseInstanceNum are mutually exclusive", _ABORTED)
    if flags.number("num_instances") > 1:
        raise Refused("this stand-in starts one device", _ABORTED)
    number = flags.number("instance_nums" if flags.has("instance_nums") else "base_instance_num")
    if not 1 <= number <= _MOST_INSTANCES:
        raise Refused("Failed to validate tap devices. Try `cvd reset`", _TAP_IN_USE)
    return number


def _cpus(flags: Flags) -> int:
    cpus = flags.number("cpus")
    if cpus > _MOST_CPUS:
        raise Refused("CPUs must be no more than 8 with GICv2", _ABORTED)
    return cpus


def _refuse_what_cannot_be(flags: Flags, product: Path) -> None:
    for name in IMAGES:
        if not (product / name).exists():
            raise Refused(f"{product / name} does not exist", _ABORTED)
    vmm = flags.text("vm_manager").lower()
    if vmm and vmm not in _VMMS:
        raise Refused(f'"{flags.text("vm_manager")}" is not a valid Vmm.', _ABORTED)
    if vmm not in ("", "qemu_cli"):
        raise Refused(f"this stand-in has no {vmm}: an arm64 guest runs under qemu_cli", _ABORTED)
    both = flags.has("kernel_path") and flags.has("initramfs_path")
    if not both and any(map(flags.has, _REPLACED_IMAGES)):
        raise Refused("Cannot pass both kernel_path/initramfs_path and image file paths", _ABORTED)
    if flags.text("daemon").lower() not in ("true", "1", "yes", "y", "t"):
        raise Refused("this stand-in starts devices with --daemon=true alone", _ABORTED)


def _kernel(flags: Flags, tools: Path) -> Path:
    """The kernel image, its architecture read by the real `extract-ikconfig`."""
    kernel = Path(flags.text("kernel_path"))
    if not flags.text("kernel_path"):
        raise Refused("this product's images are empty: give --kernel_path", _ABORTED)
    if not kernel.is_file():
        raise Refused(f"File not found: {kernel}", _ABORTED)
    done = run(
        [tools / "extract-ikconfig", kernel],
        deadline=Deadline.after(_CONFIG_S, "extract-ikconfig"),
        check=False,
    )
    options = done.stdout.decode(errors="replace").splitlines()
    if "CONFIG_ARM64=y" not in options:
        print(done.stderr.decode(errors="replace"), file=sys.stderr)
        raise Refused(f"Unknown target architecture\nassemble_cvd returned {_ABORTED}", _ABORTED)
    return kernel


def _personality(product: Path) -> tuple[str, ...]:
    """The words of the product's file: what is to go wrong, and with whom."""
    try:
        return tuple(shlex.split((product / PERSONALITY).read_text(), comments=True))
    except FileNotFoundError:
        return ()


def boot(instance: Instance) -> int:
    """Start the device's process, and wait for what it tells; it ends with this one until it has booted."""
    file = instance.write()
    told, telling = os.pipe()
    with os.fdopen(told, "rb", buffering=0) as pipe:
        module = "tests.cuttlefish.launcher.run"
        command = ["setsid", "--fork", sys.executable, "-P", "-m", module, str(file), str(telling)]
        with (
            (instance.directory / "logs" / "launcher.log").open("ab") as log,
            start(
                command,
                cwd=Path("/"),
                env={**os.environ},
                stdout=log,
                stderr=log,
                pass_fds=(telling,),
            ),
        ):
            os.close(telling)
            # Until it is in a session of its own it would end with the one that is left here.
            there = pipe.read(1)
        said = pipe.read(1) if there else b""
    return said[0] if said else FAILED


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
