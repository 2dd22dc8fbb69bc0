# SPDX-License-Identifier: Apache-2.0
"""The one table of kernel modules that guests load; whatever a base is made from, it has to give these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.errors import InputError


@dataclass(frozen=True)
class Driver:
    """A driver under test: its module, and the directory of the kernel source that it is built from."""

    scope: str
    module: str

    @property
    def file(self) -> str:
        """The file in a guest's root."""
        return module_file(self.module)


def module_file(name: str) -> str:
    """The file of a module by its name."""
    return f"{name}.ko"


BINDER = Driver("drivers/android", "binder_linux")


@dataclass(frozen=True)
class TestModule:
    """A module of our own, which a trigger makes its requests by: no code under test.

    Its source is `images/guest/module/SOURCE`, and it is built against each kernel that is to load it.
    """

    __test__ = False
    source: str
    module: str

    @property
    def file(self) -> str:
        """The file in a guest's root."""
        return module_file(self.module)


ALLOCATE = TestModule("allocate", "oomlab_allocate")

TEST_MODULES = {module.module: module for module in (ALLOCATE,)}
"""By name, as kinds of trigger ask for them."""

DRIVERS = {driver.scope: driver for driver in (BINDER,)}
"""By the directory that a patched variant may touch. The guest loads `BINDER` alone."""

RUST_BINDER = "rust_binder"
"""The driver's other implementation, as a kernel has it that can load it as a module."""

COMMON_MODULES = ("configfs", "null_blk", "zsmalloc", "zram")
"""What the stressor `page_cache` (null_blk, which needs configfs) and swap in zram (which needs zsmalloc
where that is a module) ask for; what else they depend on is each kernel's own affair."""


def guest_modules() -> list[str]:
    """The names of all of them: what is taken out of a kernel for its guests."""
    return [*COMMON_MODULES, *(driver.module for driver in DRIVERS.values())]


if TYPE_CHECKING:
    ScopeName = str
else:
    ScopeName = Literal[tuple(DRIVERS)]
"""As scenarios and records spell them: the keys of `DRIVERS`."""


def find_driver(scope: str) -> Driver:
    """The driver built from a scope; InputError naming the scopes that exist."""
    if scope not in DRIVERS:
        raise InputError(f"scope '{scope}' cannot be built", hint=f"known scopes: {', '.join(DRIVERS)}")
    return DRIVERS[scope]
