# SPDX-License-Identifier: Apache-2.0
"""What a Cuttlefish device cannot do of a scenario, and what it needs of a kernel. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.kernels.features import Feature, KernelNeed
from orchestrator.scenario.fields import Cross
from orchestrator.scenario.kernel_base import ImageBase
from orchestrator.scenario.models import Scenario

_BOOT_LOADERS = frozenset("\"'$;\\")
"""What the boot loader would take for its own: it gets the words in a command of its shell."""

KERNEL_NEEDS = (
    KernelNeed(
        Feature(("IKCONFIG",)), "Cuttlefish's launcher, which reads the architecture from the kernel itself"
    ),
    KernelNeed(Feature(("NET",)), "adbd"),
    KernelNeed(Feature(("INET",)), "adbd"),
    KernelNeed(Feature(("UNIX98_PTYS",)), "adbd's shell"),
    KernelNeed(Feature(("IPV6",)), "adbd may say that it listens, and not do so", figures_only=True),
    KernelNeed(Feature(("BOOT_CONFIG",)), "Android gets its settings by other ways", figures_only=True),
    KernelNeed(Feature(("ANDROID_BINDERFS",)), "Android's init looks for binderfs", figures_only=True),
    # Since 6.2 the seed of the boot loader is trusted without any option; a virtio device gives one, too.
    KernelNeed(
        Feature(("HW_RANDOM_VIRTIO", "RANDOM_TRUST_BOOTLOADER")),
        "adbd may wait minutes for randomness where nothing gives it a seed",
        figures_only=True,
    ),
)


def cuttlefish_problems(scenario: Scenario) -> Iterator[Cross]:
    """Words of the kernel command line that would not arrive, or that another key says."""
    yield from _words_that_do_not_arrive(("device", "cmdline"), scenario.device.cmdline)
    for name, variant in scenario.variants.items():
        yield from _words_that_do_not_arrive(("variants", name, "command_line"), variant.command_line)
        if variant.zram is not None:
            what = "backend 'cuttlefish' sets swap up at the start: use 'device.zram', in a run for each size"
            yield Cross(("variants", name, "zram"), what)
        if isinstance(variant.base, ImageBase) and variant.base.modules is not None:
            what = (
                "backend 'cuttlefish' loads no modules from the host; what the kernel needs for the device's"
                " images goes into an initramfs (`initramfs:`, the launcher's --initramfs_path)"
            )
            yield Cross(("variants", name, "base", "modules"), what)
        initramfs = variant.base.initramfs if isinstance(variant.base, ImageBase) else None
        image = variant.base.image if isinstance(variant.base, ImageBase) else ""
        for key, path in (("image", image), ("initramfs", initramfs)):
            if path is not None and "," in path:
                what = "Cuttlefish's launcher takes a comma for the end of a path"
                yield Cross(("variants", name, "base", key), what)


def _words_that_do_not_arrive(path: tuple[str, ...], words: Sequence[str]) -> Iterator[Cross]:
    for index, word in enumerate(words):
        bad = sorted(set(word) & _BOOT_LOADERS)
        if bad:
            what = f"'{word}' goes through a boot loader's shell, to which {bad[0]} is special"
            yield Cross((*path, index), what)
        if word.startswith("binder.impl="):
            what = f"'{word}': backend 'cuttlefish' says it last, as device.cuttlefish.binder has it"
            yield Cross((*path, index), what)
