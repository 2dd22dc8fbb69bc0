# SPDX-License-Identifier: Apache-2.0
"""What a scenario says of a Cuttlefish device beside what it says of any: `device.cuttlefish`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.scenario.fields import Model, Prose

Vmm = Literal["crosvm", "qemu_cli"]
"""What runs the guest, as the launcher's flag `vm_manager` has it."""

ANDROID_BOOT = "25min"
"""Longer than Android was seen to take where it is emulated: 14 to 21 minutes. (1 under KVM.)"""

_FLAG = re.compile(r"[a-z][a-z0-9_]{0,99}")
_FLAG_VALUE = re.compile(r"[\x20-\x7e]{0,4000}")
_MOST_FLAGS = 64

OWN_FLAGS = {
    "assembly_dir": "it lies in the run directory, and is removed with the device",
    "base_instance_num": "a number that is free is chosen for each device",
    "boot_image": "the launcher refuses it beside a kernel of one's own",
    "boot_timeout_secs": "use deadlines.boot",
    "cpus": "use device.cpus",
    "daemon": "the device is stopped when its trial has ended",
    "enable_kernel_log": "the console is the record of the trial",
    "extra_kernel_cmdline": "use device.cmdline",
    "fail_fast": "a device that did not boot is removed",
    "initramfs_path": "a variant's base names it",
    "instance_dir": "it lies in the run directory, and is removed with the device",
    "instance_nums": "a number that is free is chosen for each device",
    "kernel_path": "each variant brings its kernel",
    "memory_mb": "use device.memory",
    "num_instances": "each trial has a device of its own",
    "restart_subprocesses": "a device that died must stay dead",
    "resume": "each trial begins with a fresh device",
    "run_adb_connector": "oomlab connects adb itself; this would run a command in the guest every 5 s",
    "snapshot_path": "a snapshot holds a kernel, so variants cannot differ in theirs",
    "super_image": "the launcher refuses it beside a kernel of one's own",
    "system_image_dir": "use device.cuttlefish.product_path",
    "vbmeta_system_dlkm_image": "the launcher refuses it beside a kernel of one's own",
    "vbmeta_vendor_dlkm_image": "the launcher refuses it beside a kernel of one's own",
    "vendor_boot_image": "the launcher refuses it beside a kernel of one's own",
    "vm_manager": "use device.cuttlefish.vmm",
    "webrtc_device_id": "it is named after the device's group",
}
"""Flags of the launcher that a scenario cannot give, and why; the rest are the user's."""

OF_CVD = {
    "config_file": "it cannot name a kernel of one's own",
    "group_name": "each device has a name of its own",
    "flagfile": "name each flag",
    "fromenv": "name each flag",
    "help": "nothing would be started",
    "helpxml": "nothing would be started",
    "host_path": "use device.cuttlefish.host_path",
    "instance_name": "each device has a name of its own",
    "print_group_format": "cvd's answer is read by oomlab",
    "product_path": "use device.cuttlefish.product_path",
    "reuse": "each trial begins with a fresh device",
    "start": "each device is started",
    "tryfromenv": "name each flag",
    "undefok": "a flag that the launcher does not know is an error",
    "version": "nothing would be started",
}
"""Flags of `cvd create` and of the library that reads flags, and why they cannot be given."""


def _host_path(value: str) -> str:
    if not (value.startswith("~/") or PurePosixPath(value).is_absolute()):
        raise ValueError(
            "an absolute path, or one below the home directory (`~/...`): the run may be made on another"
            f" machine, not {value[:80]!r}"
        )
    if "," in value:
        raise ValueError("the launcher takes a comma for the end of a path")
    return value


def _flag_name(value: str) -> str:
    if not _FLAG.fullmatch(value):
        raise ValueError(f"not the name of a flag, such as gpu_mode, without dashes: {value[:80]!r}")
    for flag in (value, value.removeprefix("no")):
        why = OWN_FLAGS.get(flag) or OF_CVD.get(flag)
        if why is not None:
            raise ValueError(f"'{value}' is oomlab's own: {why}")
    return value


def _flag_value(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str) and _FLAG_VALUE.fullmatch(value):
        return value
    raise ValueError("the value of a flag is true, false, a whole number, or a text of plain characters")


HostPath = Annotated[Prose, Field(min_length=1, max_length=4096), AfterValidator(_host_path)]
FlagName = Annotated[str, AfterValidator(_flag_name)]
FlagValue = Annotated[str, BeforeValidator(_flag_value, json_schema_input_type=bool | int | str)]


class Cuttlefish(Model):
    """How a Cuttlefish device is launched; only for `backend: cuttlefish`."""

    host_path: HostPath | None = Field(
        None,
        description="Cuttlefish's host package, the directory that holds `bin/`, on the machine that runs the"
        " device; without it what ANDROID_HOST_OUT says there",
        examples=["~/cf"],
    )
    product_path: HostPath | None = Field(
        None,
        description="the device's images, on the machine that runs it; without it what ANDROID_PRODUCT_OUT"
        " says there",
        examples=["~/cf"],
    )
    vmm: Vmm | None = Field(
        None,
        description="what runs the guest; without it Cuttlefish chooses: crosvm where guest and host have one"
        " architecture, else qemu_cli",
        examples=["qemu_cli"],
    )
    binder: Literal["c", "rust"] = Field(
        "c",
        description="the binder driver that is asked for on the kernel command line (`binder.impl=`). Images"
        " of late ask for Rust's, which a patch to the C driver does not touch; which one ran is found out"
        " in the guest, whatever was asked for",
        examples=["c"],
    )
    root: Annotated[bool, Field(strict=True)] = Field(
        True,
        description="ask for root (`adb root`) where the device's shell has not got it; without root much of"
        " a memory state cannot be made or looked at",
        examples=[False],
    )
    adb: HostPath | None = Field(
        None, description="the adb to use; without it the one on PATH", examples=["~/cf/bin/adb"]
    )
    flags: Annotated[dict[FlagName, FlagValue], Field(max_length=_MOST_FLAGS)] = Field(
        default_factory=dict,
        description="more flags for Cuttlefish's launcher, named without dashes; those that oomlab sets"
        " itself are refused",
        examples=[{"gpu_mode": "none", "enable_minimal_mode": True}],
    )
