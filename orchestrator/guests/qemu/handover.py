# SPDX-License-Identifier: Apache-2.0
"""What QEMU gets as open files: where root starts it, it is a user who may not enter root's directories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.guests.qemu.machine import Boot
from orchestrator.host.privilege import Confinement, confinement, device_groups

KVM = Path("/dev/kvm")
_READABLE_BY_ALL = 0o004


@dataclass(frozen=True)
class Handover:
    """A boot whose files are named by descriptors, those descriptors, and what QEMU is confined to."""

    boot: Boot
    descriptors: tuple[int, ...]
    confined: Confinement


@contextmanager
def handed_over(boot: Boot) -> Iterator[Handover]:
    """Kernel and initramfs opened for QEMU. HostError when one is gone, or /dev/kvm is closed to it."""
    groups: tuple[int, ...] | None = ()
    if boot.accelerator == "kvm":
        groups = device_groups(KVM)
    if groups is None:
        raise HostError(f"{KVM} is closed to the user that guests run as", hint=KVM_HINT)
    with ExitStack() as stack:
        kernel, initramfs = (stack.enter_context(_opened(path)) for path in (boot.kernel, boot.initramfs))
        named = replace(boot, kernel=_name(kernel), initramfs=_name(initramfs))
        yield Handover(named, (kernel, initramfs), confinement(groups))


KVM_HINT = f"make {KVM} open to a group other than root's, such as kvm (mode 0660)"


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A descriptor that every user may open again by its name in /proc/self/fd."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise HostError(f"cannot read {path}: {error.strerror}") from None
        if os.geteuid() != 0 or os.fstat(file.fileno()).st_mode & _READABLE_BY_ALL:
            yield file.fileno()
            return
        # Made under a closed umask. Its mode is its owner's business: QEMU reads a copy.
        copy = stack.enter_context(os.fdopen(os.memfd_create(f"oomlab-{path.name}"), "w+b"))
        shutil.copyfileobj(file, copy)
        copy.flush()
        yield copy.fileno()


def _name(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}")
