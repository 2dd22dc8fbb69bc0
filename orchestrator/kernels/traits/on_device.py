# SPDX-License-Identifier: Apache-2.0
"""A kernel's traits as a device sets them: by its command line, its sysctls and its CMA area.

Source of the words: Documentation/admin-guide/kernel-parameters.txt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.kernels.traits.traits import Feature, KernelTraits

_TRUE, _FALSE = frozenset("yYtT1"), frozenset("nNfF0")


@dataclass(frozen=True)
class Settings:
    """What a device says to its kernel. `cma_bytes` is what `cma=` says."""

    cmdline: Sequence[str] = ()
    sysctls: Mapping[str, int | str] = field(default_factory=dict)
    cma_bytes: int | None = None


def on_device(traits: KernelTraits, settings: Settings) -> KernelTraits:
    """The traits as they are once the kernel runs there."""
    changed: dict[str, object] = {}
    for word in settings.cmdline:
        key, _, value = word.partition("=")
        trait = _WORDS.get(key.replace("-", "_"))
        if trait is not None:
            name, read = trait
            meant = read(getattr(traits, name), value)
            if meant is not None:
                changed[name] = meant
    if settings.cma_bytes is not None and traits.cma is not None:
        changed["cma_bytes"] = settings.cma_bytes if traits.cma else 0
    proactiveness = str(settings.sysctls.get("vm.compaction_proactiveness", ""))
    if proactiveness.isdecimal() and traits.compaction:
        changed["compaction_proactiveness"] = int(proactiveness)
    known = {name: why for name, why in traits.unknown.items() if name not in changed}
    return traits.model_copy(update={**changed, "unknown": known})


def _boolean(value: str) -> bool | None:
    """As kstrtobool() reads it."""
    if value[:1] in _TRUE or value.lower().startswith("on"):
        return True
    return False if value[:1] in _FALSE or value.lower().startswith("of") else None


def _switch(before: Feature | None, value: str) -> Feature | None:
    meant = _boolean(value)
    return None if meant is None or before == "absent" else ("on" if meant else "off")


def _init(_: object, value: str) -> bool | None:
    return _boolean(value)


def _huge_pages(before: str | None, value: str) -> str | None:
    return value if value in ("always", "madvise", "never") and before != "absent" else None


def _without_memcg(before: Feature | None, value: str) -> Feature | None:
    return "off" if "memory" in value.split(",") and before != "absent" else None


_WORDS: dict[str, tuple[str, Callable[..., object]]] = {
    "page_alloc.shuffle": ("page_shuffle", _switch),
    "psi": ("psi", _switch),
    "init_on_alloc": ("init_on_alloc", _init),
    "transparent_hugepage": ("thp", _huge_pages),
    "cgroup_disable": ("memcg", _without_memcg),
}
