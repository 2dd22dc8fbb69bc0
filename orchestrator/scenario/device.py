# SPDX-License-Identifier: Apache-2.0
"""The virtual device, and the kernels that are to run on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ByteSize, ConfigDict, Field, model_validator

from orchestrator.arch import DEFAULT_ARCH, ArchName
from orchestrator.bases import BASES, MadeFrom
from orchestrator.kernels.modules import BINDER, ScopeName
from orchestrator.scenario.cuttlefish import Cuttlefish
from orchestrator.scenario.fields import Cross, Model, Name, Size, each_once, refuse, size_between
from orchestrator.scenario.kernel_base import BASE_EXAMPLES, BASE_WORDS, ImageBase, KernelBase, SourceBase
from orchestrator.scenario.limits import limit
from orchestrator.scenario.nodes import Nodes, NumaNode, listed, node_problems, node_words
from orchestrator.scenario.settings import Setting, SysctlName, SysctlValue, SysfsPath, settings_of
from orchestrator.text.amounts import count_of
from orchestrator.units import MIB, format_size

GIB = 1024 * MIB
# What the harness sets itself, and where the user finds the same thing.
_RESERVED_WORDS = {
    "console=": "the console is the record of the trial",
    "init=": "the guest agent is the first process",
    "rdinit=": "the guest agent is the first process",
    "root=": "the guest runs from its initramfs",
    "panic=": "a panic must end the guest at once",
    "loglevel=": "the console must show every kernel message",
    "cma=": "use device.cma",
    "mem=": "use device.memory",
    "oomlab.": "these words carry the recipe of the trial",
}


def _kernel_word(value: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]{1,1000}", value) or value == "--":
        raise ValueError(f"one word of the kernel command line without spaces, not {value[:80]!r}")
    if value == "quiet":
        raise ValueError("'quiet' is not possible here: the console must show every kernel message")
    for reserved, why in _RESERVED_WORDS.items():
        if value.startswith(reserved):
            raise ValueError(f"'{reserved}' is oomlab's own: {why}")
    return value


KernelWord = Annotated[str, AfterValidator(_kernel_word)]


def _required_without_profile(schema: dict[str, Any]) -> None:
    """In a file, what a profile gives may be left out; by the time the model sees it, it is there."""
    required = schema.pop("required", [])
    schema |= {"if": {"not": {"required": ["profile"]}}, "then": {"required": required}}


COLD_BACKENDS = frozenset({"cuttlefish"})
"""Those that take no snapshots: their trials are cold, and a scenario need not say so. The backends know the
reasons; a test holds them to this."""


class Device(Model):
    """The virtual device that the guests of a scenario run on; the name of a profile alone will do."""

    model_config = ConfigDict(json_schema_extra=_required_without_profile)

    profile: Name | None = Field(
        None,
        description="a device whose figures are taken where nothing else is said here: a profile beside the"
        " scenario or a shipped one, which `oomlab devices` lists; `device: NAME` alone takes all of them",
        examples=["mission-phone"],
    )
    backend: Literal["qemu", "cuttlefish"] = Field(
        "qemu",
        description="what runs the guest: `qemu`, a bare machine with a kernel and an agent; `cuttlefish`, a"
        " virtual Android device, created by `cvd` (docs/cuttlefish.md)",
        examples=["cuttlefish"],
    )
    cuttlefish: Cuttlefish | None = Field(
        None,
        description="where a Cuttlefish device comes from, and how it is launched; nothing need be said",
        examples=[{"host_path": "~/cf", "product_path": "~/cf", "flags": {"gpu_mode": "none"}}],
    )
    arch: ArchName = Field(
        description="processor architecture; under `qemu` arm64 is the machine `virt`, x86_64 is `q35`",
        examples=[DEFAULT_ARCH],
    )
    memory: Annotated[Size, size_between(64 * MIB, 64 * GIB, MIB)] = Field(
        description="memory of the guest, from 64MiB (x86_64 under `qemu`: 96MiB) to 64GiB in whole MiB",
        examples=["256MiB"],
    )
    cpus: Annotated[int, Field(strict=True, ge=1, le=64)] = Field(
        1,
        description="number of virtual processors, 1 to 64; `virt` (arm64 under `qemu`) has 8 at most",
        examples=[1],
    )
    nodes: Nodes = Field(
        1,
        description="NUMA nodes: a number of equal shares of `memory`, or a list with the size of each, or"
        " its `memory` and `cpus`; processors are shared evenly where no node names any. Needs a kernel"
        " with CONFIG_NUMA where there are several",
        examples=[2, ["192MiB", "64MiB"], [{"memory": "128MiB", "cpus": [0]}, {"memory": "128MiB"}]],
    )
    cma: Annotated[Size, size_between(0, 64 * GIB, MIB)] = Field(
        ByteSize(0),
        description="memory for the contiguous memory allocator (`cma=`); kernel allocations such as binder's"
        " cannot use it. Debian's kernels would take 64 MiB where nothing is said, so oomlab always says it",
        examples=[0, "32MiB"],
    )
    zram: Annotated[Size, size_between(MIB, 64 * GIB)] | None = Field(
        None, description="size of a swap area in zram; no swap when left out", examples=["128MiB"]
    )
    sysctls: dict[SysctlName, SysctlValue] = Field(
        default_factory=dict,
        max_length=limit("sysctls"),
        description="kernel settings under /proc/sys, written before anything else happens in the guest",
        examples=[{"vm.watermark_boost_factor": 0, "vm.compaction_proactiveness": 0}],
    )
    cmdline: tuple[KernelWord, ...] = Field(
        (),
        max_length=64,
        description="extra words for the kernel command line, each one word; what oomlab needs itself"
        " (`console=`, `rdinit=`, `panic=`, `cma=` and the like) is refused",
        examples=[["slub_max_order=0"]],
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        found = []
        if self.cuttlefish is not None and self.backend != "cuttlefish":
            what = (
                f"'cuttlefish' says how a Cuttlefish device is launched, and the backend is '{self.backend}'"
            )
            found.append(Cross(("cuttlefish",), what))
        if self.cma >= self.memory:
            found.append(Cross(("cma",), "CMA must be smaller than the device's memory"))
        refuse([*found, *node_problems(self.nodes, self.memory, self.cpus)])
        return self

    @property
    def numa_nodes(self) -> tuple[NumaNode, ...]:
        """The nodes one by one, with the memory and the processors of each; always one at least."""
        return listed(self.nodes, self.memory, self.cpus)

    @property
    def words(self) -> str:
        """Architecture, memory, processors, and the nodes where there are several."""
        shape = f"{self.arch}, {format_size(self.memory)}, {count_of('CPU', self.cpus)}"
        nodes = self.numa_nodes
        return shape if len(nodes) == 1 else f"{shape}, {node_words(nodes)}"


class Variant(Model):
    """One kernel under test."""

    base: KernelBase = Field(description=BASE_WORDS, examples=BASE_EXAMPLES)
    scope: ScopeName | None = Field(
        None,
        description="the directory of the kernel source from which the driver module is built;"
        " without it the base's own driver is used, and patches are compiled into a base that is built",
        examples=[BINDER.scope],
    )
    patches: Annotated[tuple[Path, ...], each_once("the patch", str)] = Field(
        (),
        description="patch files applied in this order: to `scope`, or to the whole source of a base that is"
        " built. Each is looked for beside the scenario file and then among the shipped ones",
        examples=[["binder-kvcalloc-6.1.patch"]],
    )
    sysctls: dict[SysctlName, SysctlValue] = Field(
        default_factory=dict,
        max_length=limit("variant_settings"),
        description="kernel settings under /proc/sys of this variant alone, written when memory is at its"
        " target, by each fork before it does anything else (docs/settings.md); they come over the device's",
        examples=[{"vm.swappiness": 10}],
    )
    sysfs: dict[SysfsPath, SysctlValue] = Field(
        default_factory=dict,
        max_length=limit("variant_settings"),
        description="as `sysctls`, for files below /sys/kernel/mm and /sys/module",
        examples=[{"/sys/kernel/mm/lru_gen/enabled": "n"}],
    )
    zram: Annotated[Size, size_between(MIB, 64 * GIB)] | None = Field(
        None,
        description="size of a swap area in zram of this variant alone: its forks put it into use when they"
        " write its settings. The device must have none then (`device.zram`)",
        examples=["64MiB"],
    )
    command_line: tuple[KernelWord, ...] = Field(
        (),
        max_length=64,
        description="words for the kernel command line of this variant alone, behind the device's"
        " (`device.cmdline`). They take a boot, and so blocks, of its own: nothing is paired with those of"
        " others",
        examples=[["transparent_hugepage=never"]],
    )
    twin_of: Name | None = Field(
        None,
        description="A/A control: this is that variant's very driver under a second name. Under the"
        " deterministic clock both must be identical; in real time they show what chance alone does",
        examples=["kcalloc"],
    )

    @property
    def made_from(self) -> MadeFrom:
        """What the variant's base is made from."""
        return BASES[self.base].made_from if isinstance(self.base, str) else self.base.made_from

    @property
    def compiled_in(self) -> tuple[Path, ...]:
        """The patches that are part of the kernel itself, not of a module."""
        return self.patches if self.scope is None else ()

    @property
    def image(self) -> tuple[object, ...]:
        """Equal for variants that run one kernel image: hashable, and nothing to be read by anybody."""
        return self.base if isinstance(self.base, str) else self.base.made_from, *self.compiled_in

    @property
    def boot(self) -> tuple[object, ...]:
        """Likewise for variants whose guests boot alike: one image, and one command line."""
        return self.image, self.command_line

    @property
    def written(self) -> tuple[Setting, ...]:
        """The files that its forks write, in this order."""
        return settings_of(self.sysctls, self.sysfs)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """All that its forks do before anything else, in this order."""
        zram = () if self.zram is None else (Setting("zram", format_size(self.zram)),)
        return (*self.written, *zram)

    @property
    def settings_words(self) -> str:
        """The settings in words, equal for variants that only their kernel tells apart. May be empty."""
        return ", ".join((*(setting.words for setting in self.settings), *self.command_line))

    @property
    def page_bytes(self) -> int:
        """Page size of the variant's kernel in bytes."""
        return BASES[self.base].page_size_bytes if isinstance(self.base, str) else self.base.page_bytes

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.base, ImageBase):
            why = (
                "a kernel that is given is booted as it is: to change it, build it, with 'source' as its base"
            )
            refuse(Cross((key,), why) for key in ("scope", "patches") if getattr(self, key))
        if self.patches and self.scope is None and not isinstance(self.base, SourceBase):
            refuse([Cross(("patches",), f"patches need a scope: add 'scope: {BINDER.scope}'")])
        return self
