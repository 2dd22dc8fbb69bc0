# SPDX-License-Identifier: Apache-2.0
"""Settings of the kernel: files below /proc/sys and /sys that a scenario has written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from orchestrator.scenario.limits import limit

_SYSCTL = re.compile(r"(abi|debug|dev|fs|kernel|net|user|vm)(\.[A-Za-z0-9_/-]+)+")
_SYSFS = re.compile(r"/sys/(kernel/mm|module)(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
_DIGIT_BITS = 4
_SYSCTLS_OF_THE_HARNESS = {
    "kernel.panic": "a panic must end the guest at once",
    "kernel.printk": "the console must show every kernel message",
}


SETTING_KEYS = ("sysctls", "sysfs", "zram", "command_line")
"""Keys of a variant that are none of its kernel's: they stay when its kernel is replaced."""


def settings_in(variant: Any) -> dict[str, Any]:
    """Of a variant as data: what stays when its kernel is replaced."""
    return {key: variant[key] for key in SETTING_KEYS if key in variant} if isinstance(variant, dict) else {}


@dataclass(frozen=True)
class Setting:
    """A sysctl by its name, or a file below /sys by its path, and what is written to it."""

    name: str
    value: str

    @property
    def words(self) -> str:
        """As people write it."""
        return f"{self.name}={self.value}"


def settings_of(sysctls: Mapping[str, int | str], sysfs: Mapping[str, int | str]) -> tuple[Setting, ...]:
    """Both as one, in the order in which they are written."""
    return tuple(Setting(name, str(value)) for name, value in (*sysctls.items(), *sysfs.items()))


def _sysctl_name(value: str) -> str:
    if len(value) > limit("sysctl_name"):
        raise ValueError(f"the name of a sysctl has at most {limit('sysctl_name')} characters")
    if not _SYSCTL.fullmatch(value):
        raise ValueError(f"not the name of a sysctl, such as vm.min_free_kbytes: {value[:80]!r}")
    if value in _SYSCTLS_OF_THE_HARNESS:
        raise ValueError(f"{value} is oomlab's own: {_SYSCTLS_OF_THE_HARNESS[value]}")
    return value


def _sysctl_value(value: Any) -> Any:
    whole_number = isinstance(value, int) and not isinstance(value, bool)
    if whole_number or (isinstance(value, str) and re.fullmatch(r"[\x20-\x2b\x2d-\x7e]+", value)):
        most = limit("sysctl_value")
        # Python refuses to write a number of more than some thousand digits.
        if (whole_number and value.bit_length() > _DIGIT_BITS * most) or len(str(value)) > most:
            raise ValueError(f"the value of a sysctl has at most {most} characters")
        return value
    raise ValueError(f"a sysctl takes a whole number, or text without commas, not {value!r}")


def _sysfs_path(value: str) -> str:
    if not _SYSFS.fullmatch(value):
        raise ValueError(
            "not the path of a setting below /sys/kernel/mm or /sys/module, such as"
            f" /sys/kernel/mm/transparent_hugepage/defrag: {value[:80]!r}"
        )
    if len(value) > limit("setting_path"):
        raise ValueError(f"the path of a setting has at most {limit('setting_path')} characters")
    return value


SysctlName = Annotated[str, AfterValidator(_sysctl_name)]
SysctlValue = Annotated[int | str, BeforeValidator(_sysctl_value, json_schema_input_type=int | str)]
SysfsPath = Annotated[str, AfterValidator(_sysfs_path)]
