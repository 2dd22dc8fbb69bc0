# SPDX-License-Identifier: Apache-2.0
"""Page sizes as options: a matter of the configuration on arm64, fixed on x86_64."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.arch import Arch, ArchName
from orchestrator.errors import InputError
from orchestrator.kernels.build.config.fragment import ConfigFragment, ConfigLine
from orchestrator.units import KIB, USUAL_PAGE_BYTES, spaced_size

# arch/arm64/Kconfig, choice "Page size" (CONFIG_ARM64_*_PAGES); of x86_64 the hardware knows no other.
_OPTIONS: dict[ArchName, dict[int, str]] = {
    "arm64": {
        4 * KIB: "ARM64_4K_PAGES",
        16 * KIB: "ARM64_16K_PAGES",
        64 * KIB: "ARM64_64K_PAGES",
    },
    "x86_64": {},
}


def page_sizes(arch: Arch) -> tuple[int, ...]:
    """The page sizes that kernels of an architecture can be built for, in bytes."""
    return tuple(_OPTIONS[arch.name]) or (USUAL_PAGE_BYTES,)


def page_size_fragment(page_size_bytes: int, arch: Arch) -> ConfigFragment:
    """The choice of a page size; no line where nothing is to choose. InputError naming those there are."""
    if page_size_bytes not in page_sizes(arch):
        raise InputError(
            f"kernels for {arch.name} have no pages of {spaced_size(page_size_bytes)}",
            hint=f"page_size: {', '.join(map(spaced_size, page_sizes(arch)))}".replace(" KiB", "KiB"),
        )
    option = _OPTIONS[arch.name].get(page_size_bytes)
    lines = (ConfigLine(option, "y", "the page size that was asked for"),) if option else ()
    return ConfigFragment(f"pages of {spaced_size(page_size_bytes)}", lines)


def page_size_of(options: Mapping[str, str], arch: Arch) -> int | None:
    """The page size of a configuration, in bytes; None if it does not say."""
    there = _OPTIONS[arch.name]
    if not there:
        return USUAL_PAGE_BYTES
    return next((size for size, option in there.items() if options.get(option) == "y"), None)


def check_page_size(options: Mapping[str, str], page_size_bytes: int, arch: Arch, name: str) -> None:
    """InputError for the file of a user that says another page size than the usual, which the scenario says.

    Another one than the usual can only be meant: then it is changed.
    """
    its_own = page_size_of(options, arch)
    if its_own is None or its_own == page_size_bytes or page_size_bytes != USUAL_PAGE_BYTES:
        return
    raise InputError(
        f"{name} is for pages of {spaced_size(its_own)}, and the base for {spaced_size(page_size_bytes)}",
        hint=f"add page_size: {spaced_size(its_own).replace(' ', '')} to the base",
    )
