# SPDX-License-Identifier: Apache-2.0
"""What a kernel can do for a guest: by its configuration, and the modules that come with it. Pure.

Where neither tells, it is unknown: a kernel that somebody brings may come without its configuration.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.kernels.modules import BINDER


@dataclass(frozen=True)
class Feature:
    """Something that a guest may need: any one of these options, compiled in, or all of these modules."""

    options: tuple[str, ...]
    modules: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """As people look for it."""
        return " or ".join(f"CONFIG_{option}" for option in self.options)


@dataclass(frozen=True)
class KernelNeed:
    """A feature, and what it is for: a phrase behind "for", or what is lost without it."""

    feature: Feature
    purpose: str
    figures_only: bool = False


BINDER_DRIVER = Feature(("ANDROID_BINDER_IPC", "ANDROID_BINDER_IPC_RUST"), (BINDER.module,))
NULL_BLOCK_DEVICE = Feature(("BLK_DEV_NULL_BLK",), ("null_blk",))
ZRAM = Feature(("ZRAM",), ("zram",))


@dataclass(frozen=True)
class KernelFeatures:
    """What is known of a kernel. `config` is the text of its configuration, None where there is none.

    `modules` are those that guests can load, and those that are known to be in the kernel itself. Options
    that are `present` or `absent` are known otherwise than by a configuration.
    """

    config: str | None
    modules: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()

    def has(self, feature: Feature) -> bool | None:
        """Whether it is there; None where nothing tells."""
        if feature.modules and self.modules.issuperset(feature.modules):
            return True
        if self.config is not None:
            lines = frozenset(self.config.splitlines())
            return any(f"CONFIG_{option}=y" in lines for option in feature.options)
        if self.present.intersection(feature.options):
            return True
        return False if self.absent.issuperset(feature.options) else None

    def why_not(self, feature: Feature) -> str:
        """In words, of a feature that is not there."""
        lines = frozenset((self.config or "").splitlines())
        loadable = [option for option in feature.options if f"CONFIG_{option}=m" in lines]
        if loadable:
            module = f"its module {feature.modules[0]}" if feature.modules else "no module of it"
            return f"CONFIG_{loadable[0]}=m, and {module} is {'not ' if feature.modules else ''}given"
        if feature.modules:
            return f"{feature.modules[0]} is neither built in nor among its modules"
        return f"no {feature.named}"
