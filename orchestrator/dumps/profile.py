# SPDX-License-Identifier: Apache-2.0
"""A device profile out of a dump: every figure with the section that says it, or why it was assumed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from orchestrator.arch import DEFAULT_ARCH
from orchestrator.dumps.dump import Dump
from orchestrator.dumps.section import Kind
from orchestrator.scenario.loading.profile import DeviceFact, Profile, Provenance
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import ascii_line
from orchestrator.units import KIB

_ARM64 = re.compile(r"arm64|aarch64|CPU implementer|armeabi|armv[78]")
_X86 = re.compile(r"x86_64|GenuineIntel|AuthenticAMD|amd64")
_32_BIT = re.compile(r"armeabi|armv7|\bx86\b")
_SYSCTLS = (
    "vm.min_free_kbytes", "vm.watermark_scale_factor", "vm.watermark_boost_factor", "vm.swappiness",
    "vm.vfs_cache_pressure", "vm.compaction_proactiveness", "vm.extfrag_threshold", "vm.overcommit_memory",
    "vm.page-cluster", "vm.dirty_ratio", "vm.dirty_background_ratio",
)  # fmt: skip
"""Settings that decide how memory is kept free, reclaimed and compacted, and that every kernel has by these
names."""
_MOST_MIB = 64 * KIB
_OF_MEMORY = (
    "cma=", "init_on_", "kasan", "kernelcore=", "mem=", "movablecore=", "page_", "slub_", "swapaccount=",
    "transparent_hugepage=", "zswap.",
)  # fmt: skip
_CMA_STEP_MIB = 4
_LONGEST_NUMBER = 19
_FACTS = {
    "ro.product.manufacturer": "manufacturer",
    "ro.product.model": "model",
    "ro.build.version.release": "android",
    "ro.config.low_ram": "low_ram",
    "ro.lmk.use_psi": "lmkd_use_psi",
    "ro.lmk.psi_complete_stall_ms": "lmkd_complete_stall_ms",
    "ro.lmk.thrashing_limit": "lmkd_thrashing_limit",
}  # fmt: skip
_Origin = dict[str, str]


class _Figures:
    """What the profile gets, as it is found."""

    def __init__(self) -> None:
        self.device: dict[str, Any] = {}
        self.provenance: dict[str, Provenance] = {}
        self.facts: dict[str, DeviceFact] = {}

    def take(self, name: str, value: Any, kind: str, source: str) -> None:
        """A figure of the device; a sysctl's is called `sysctls.NAME`."""
        group, dot, below = name.partition(".")
        if dot:
            self.device.setdefault(group, {})[below] = value
        else:
            self.device[name] = value
        self.provenance[name] = Provenance.model_validate({"kind": kind, "source": ascii_line(source)})

    def know(self, name: str, value: int | str, source: str) -> None:
        """Something that no guest has."""
        fact = {"value": value if isinstance(value, int) else ascii_line(value)[:200], "kind": "text"}
        self.facts[name] = DeviceFact.model_validate({**fact, "source": ascii_line(source)})


def make_profile(dump: Dump, name: str) -> Profile:
    """The device as it is: nothing of it is scaled. ValidationError where a guest cannot be such a one."""
    figures = _Figures()
    _take_arch(dump, figures)
    _take_memory(dump, figures)
    why = "one is quickest to emulate, and enough for a fault that needs no second"
    has = f"; the device has {dump.processors} ({dump.where(Kind.CPUINFO)})" if dump.processors else ""
    figures.take("cpus", 1, "assumption", why + has)
    _take_cma(dump, figures)
    _take_swap(dump, figures)
    for sysctl in _SYSCTLS:
        if sysctl in dump.sysctls:
            value = dump.sysctls[sysctl]
            figures.take(f"sysctls.{sysctl}", _number(value), "text", dump.where(Kind.SYSCTLS))
    _take_min_free(dump, figures)
    for fact, known, source in _known(dump):
        figures.know(fact, known, source)
    return Profile(
        name=name, description=_description(dump), device=figures.device, provenance=figures.provenance,
        facts=figures.facts,
    )  # fmt: skip


def _number(value: str) -> int | str:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < _LONGEST_NUMBER else value


def _description(dump: Dump) -> str:
    who = " ".join(
        dump.properties[key]
        for key in ("ro.product.manufacturer", "ro.product.model")
        if dump.properties.get(key)
    )
    release = _release(dump)
    kernel = f", kernel {release}" if release else ""
    files = ", ".join(sorted({section.file for section in dump.sections.values()}))
    return ascii_line(f"{who or 'A device'}{kernel}, as {files[:500]} shows it.")


def _release(dump: Dump) -> str:
    found = re.search(r"\b\d+\.\d+\S*", dump.version)
    return found[0] if found is not None else ""


def _take_arch(dump: Dump, figures: _Figures) -> None:
    abi = dump.properties.get("ro.product.cpu.abi", "")
    for text, kind in ((abi, Kind.PROPERTIES), (dump.version, Kind.VERSION), (dump.cpuinfo, Kind.CPUINFO)):
        for pattern, arch in ((_X86, "x86_64"), (_ARM64, "arm64")):
            if text and pattern.search(text):
                if _32_BIT.search(abi):
                    why = f"{abi} in {dump.where(kind)}: programs of 32 bits; a guest's kernel has 64"
                    figures.take("arch", arch, "assumption", why)
                else:
                    figures.take("arch", arch, "text", dump.where(kind))
                return
    figures.take("arch", DEFAULT_ARCH, "assumption", "nothing that was read shows it; most phones are")


def _take_memory(dump: Dump, figures: _Figures) -> None:
    page_kb = dump.page_kb or 4
    present_kb = sum(zone.present for zone in dump.zones) * page_kb
    total_kb = dump.meminfo.get("MemTotal", 0)
    if present_kb:
        size_kb, source = present_kb, f"present pages of {count_of('zone', len(dump.zones))} in "
        source += f"{dump.where(Kind.ZONEINFO)}, {present_kb} kB"
    else:
        size_kb, source = total_kb, f"MemTotal of {dump.where(Kind.MEMINFO)}, {total_kb} kB"
        source += "; what the kernel keeps for itself is not in it"
    mib = -(-size_kb // KIB)
    if mib > _MOST_MIB:
        why = f"no guest may have more; the device has {mib} MiB ({source})"
        figures.take("memory", f"{_MOST_MIB}MiB", "assumption", why)
        return
    figures.take("memory", f"{mib}MiB", "text", f"{source}, rounded up to whole MiB")


def _take_cma(dump: Dump, figures: _Figures) -> None:
    cma_kb = dump.meminfo.get("CmaTotal", 0)
    if not cma_kb:
        source = f"no CmaTotal in {dump.where(Kind.MEMINFO)}" if dump.meminfo else "no /proc/meminfo was read"
        figures.take("cma", 0, "text" if dump.meminfo else "assumption", source)
        return
    mib = cma_kb // KIB // _CMA_STEP_MIB * _CMA_STEP_MIB
    what = f"CmaTotal of {dump.where(Kind.MEMINFO)}, {cma_kb} kB, in whole {_CMA_STEP_MIB} MiB"
    figures.take("cma", f"{mib}MiB" if mib else 0, "text", what)


def _take_swap(dump: Dump, figures: _Figures) -> None:
    zram_kb = sum(swap.size_kb for swap in dump.swaps if "zram" in swap.name)
    others = [swap for swap in dump.swaps if "zram" not in swap.name]
    if zram_kb >= KIB:
        figures.take("zram", f"{zram_kb // KIB}MiB", "text", f"{dump.where(Kind.SWAPS)}, {zram_kb} kB")
    total_kb = dump.meminfo.get("SwapTotal", 0)
    if not dump.swaps and total_kb >= KIB:
        why = f"SwapTotal of {dump.where(Kind.MEMINFO)}, {total_kb} kB; no /proc/swaps says what kind it is"
        figures.take("zram", f"{total_kb // KIB}MiB", "assumption", why)
    if others:
        sizes = ", ".join(f"{ascii_line(swap.name)} {swap.size_kb} kB" for swap in others[:8])
        figures.know("other_swap", f"{sizes}: no guest has such", dump.where(Kind.SWAPS))


def _take_min_free(dump: Dump, figures: _Figures) -> None:
    name = "sysctls.vm.min_free_kbytes"
    if name in figures.provenance or not dump.zones:
        return
    min_kb = sum(zone.min for zone in dump.zones) * (dump.page_kb or 4)
    if min_kb:
        source = f"min of {count_of('zone', len(dump.zones))} together in {dump.where(Kind.ZONEINFO)}"
        figures.take(name, min_kb, "text", source)


def _known(dump: Dump) -> Iterator[tuple[str, int | str, str]]:
    if Kind.VERSION in dump.sections:
        yield "kernel", _release(dump) or dump.version, dump.where(Kind.VERSION)
    if dump.page_kb is not None:
        yield "page_kb", dump.page_kb, f"MemTotal by managed pages, {dump.where(Kind.ZONEINFO)}"
    if dump.processors:
        yield "processors", dump.processors, dump.where(Kind.CPUINFO)
    if dump.page_types is not None:
        yield "pageblock_order", dump.page_types.pageblock_order, dump.where(Kind.PAGETYPEINFO)
    about_memory = " ".join(word for word in dump.cmdline.split() if word.startswith(_OF_MEMORY))
    if about_memory:  # and nothing else: serial numbers stand there, too
        yield "cmdline", about_memory, dump.where(Kind.CMDLINE)
    for key, name in _FACTS.items():
        if dump.properties.get(key):
            yield name, dump.properties[key], dump.where(Kind.PROPERTIES)
