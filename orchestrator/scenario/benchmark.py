# SPDX-License-Identifier: Apache-2.0
"""Benchmarks in the guest: what is measured, how often, and under what memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StrictBool, model_validator

from orchestrator.scenario.command_benchmark import EVERY_STATE, CommandBenchmark, Whens
from orchestrator.scenario.fields import (
    Cross,
    Duration,
    Model,
    Size,
    duration_between,
    each_once,
    refuse,
    size_between,
)
from orchestrator.scenario.limits import limit
from orchestrator.units import KIB, MIB, format_size

Mode = Literal["libbinder", "raw"]

DEFAULT_ITERATIONS = 200
"""Iterations of a benchmark that says nothing of its end."""
ANDROID_SIZES = tuple(4 << step for step in range(15))
"""Payloads of BM_sendVec_binder, bytes: 4 to 65536 (system/libhwbinder, Benchmark_binder.cpp)."""
DEFAULT_MAP_PAGES_LESS = 2
"""libbinder maps 1 MiB less two pages (ProcessState.cpp, BINDER_VM_SIZE)."""

_Iterations = Annotated[int, Field(strict=True, ge=1, le=limit("iterations"))]
_Warmup = Annotated[int, Field(strict=True, ge=0, le=limit("iterations"))]
_Held = Annotated[int, Field(strict=True, ge=0, le=limit("held"))]
_Payload = Annotated[int, Field(strict=True, ge=4, le=limit("payload"), multiple_of=4)]
_MapSize = Annotated[Size, size_between(4 * KIB, limit("map_bytes"))]
_MinTime = Annotated[Duration, duration_between(0.001, 60)]
_HugePage = Annotated[Size, size_between(16 * KIB, 512 * MIB)]

_ANY_SIZE = (6, 8)
"""The first Linux with huge pages of anonymous memory of other sizes than the usual."""
_SIZES = "a benchmark each, in this order"
_ITERATIONS = f"timed iterations of each size; {DEFAULT_ITERATIONS} where `min_time` is not given either"
_MIN_TIME = (
    "instead of `iterations`: Google Benchmark's stop rule. Batches grow until one took so much CPU time, or"
    " five times as much wall time; the last batch counts"
)
_WARMUP = "iterations before the timed ones, of each size: a fork starts with an empty translation cache"
_WHEN = (
    "`relaxed`: a fork of its own in which the pressure is released first; `target`: a fork of its own at the"
    " target, without the trigger; `after`: after the trigger, which has let go of its maps"
)
_HELD = (
    "maps of the same length that are held meanwhile: they take the contiguous memory that is left, so that"
    " the benchmark's own arrays have to do without"
)
_PIN = "all processes of the benchmark on one vCPU; false leaves them to the scheduler"


class _Repeated(Model):
    uses_binder: ClassVar[bool] = False

    iterations: _Iterations | None = Field(None, description=_ITERATIONS, examples=[500])
    min_time: _MinTime | None = Field(None, description=_MIN_TIME, examples=["50ms"])
    warmup: _Warmup = Field(20, description=_WARMUP, examples=[50])
    when: Whens = Field(EVERY_STATE, description=_WHEN, examples=[["relaxed", "target"]])
    held: _Held = Field(0, description=_HELD, examples=[300])
    pin: StrictBool = Field(True, description=_PIN, examples=[False])

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.iterations is not None and self.min_time is not None:
            refuse([Cross(("min_time",), "'iterations' and 'min_time' cannot both say when it ends")])
        return self

    @property
    def rounds(self) -> int | None:
        """The fixed number of iterations; None where the stop rule decides."""
        if self.min_time is not None:
            return None
        return self.iterations if self.iterations is not None else DEFAULT_ITERATIONS

    @property
    def word(self) -> str:
        """The kind in the agent's recipe (images/guest/bench/kinds.h)."""
        raise NotImplementedError

    @property
    def map_bytes(self) -> int:
        """Length of the maps of a transaction's two ends in bytes; 0 where the agent decides."""
        return 0

    @property
    def _held_suffix(self) -> str:
        return f"/held:{self.held}" if self.held else ""


class BinderTransaction(_Repeated):
    """`BM_sendVec_binder`: a byte array sent to another process and back, by size."""

    uses_binder: ClassVar[bool] = True

    kind: Literal["binder-transaction"] = Field(
        description="synchronous binder calls", examples=["binder-transaction"]
    )
    mode: Mode = Field(
        "libbinder",
        description="`libbinder`: bytes, buffers, copies and ioctls of AOSP's benchmark; `raw`: the payload"
        " alone, in three ioctls and without copies in user space. Never compare the two",
        examples=["raw"],
    )
    sizes: Annotated[tuple[_Payload, ...], each_once("size", str)] = Field(
        ANDROID_SIZES,
        min_length=1,
        max_length=limit("sizes"),
        description=f"payloads in bytes, {_SIZES}",
        examples=[[4, 4096, 65536]],
    )
    map: Annotated[Size, size_between(4 * KIB, limit("transaction_map"))] | None = Field(
        None,
        description="length of both processes' maps; 1 MiB less two pages, as libbinder has it, where it is"
        " not given",
        examples=["4MiB"],
    )

    @property
    def word(self) -> str:
        """`libbinder` or `raw`."""
        return self.mode

    @property
    def map_bytes(self) -> int:
        """As the scenario says."""
        return int(self.map or 0)

    @property
    def names(self) -> tuple[str, ...]:
        """Names as Google Benchmark writes them, size by size."""
        base = "BM_sendVec_binder" if self.mode == "libbinder" else "BM_sendVec_binder_raw"
        suffix = "" if self.map is None else f"/map:{int(self.map)}"
        return tuple(f"{base}/{size}{suffix}{self._held_suffix}" for size in self.sizes)


class BinderMapCycle(_Repeated):
    """`BM_mmap_binder`: open, mmap, munmap and close of the binder device, by size."""

    uses_binder: ClassVar[bool] = True

    kind: Literal["binder-mmap"] = Field(description="cycles of a binder map", examples=["binder-mmap"])
    sizes: Annotated[tuple[_MapSize, ...], each_once("size", int)] = Field(
        min_length=1,
        max_length=limit("sizes"),
        description=f"lengths of the map, {_SIZES}",
        examples=[["1016KiB", "4MiB"]],
    )

    @property
    def word(self) -> str:
        """The driver's map."""
        return "mmap"

    @property
    def names(self) -> tuple[str, ...]:
        """Names as Google Benchmark writes them, size by size."""
        return tuple(f"BM_mmap_binder/{int(size)}{self._held_suffix}" for size in self.sizes)


class HugePageFault(Model):
    """`BM_thp_fault`: first touches of aligned anonymous memory that a huge page may back, by size."""

    uses_binder: ClassVar[bool] = False
    warmup: ClassVar[int] = 0
    """A huge page that is faulted in for nothing would change the memory that is measured."""
    held: ClassVar[int] = 0
    min_time: ClassVar[None] = None
    map_bytes: ClassVar[int] = 0

    kind: Literal["thp"] = Field(description="faults of transparent huge pages", examples=["thp"])
    sizes: Annotated[tuple[_HugePage, ...], each_once("size", format_size)] = Field(
        (),
        max_length=limit("sizes"),
        description=f"sizes of the huge pages, {_SIZES}; without it the one that every kernel with huge pages"
        " has: 2 MiB with pages of 4 KiB, 32 MiB with 16 KiB, 512 MiB with 64 KiB. Others take Linux 6.8",
        examples=[["64KiB", "2MiB"]],
    )
    advise: StrictBool = Field(
        True,
        description="ask for them by `madvise(MADV_HUGEPAGE)`; false leaves it to"
        " `/sys/kernel/mm/transparent_hugepage/enabled` (a variant's `sysfs:`), and is for the usual size"
        " alone",
        examples=[False],
    )
    iterations: Annotated[int, Field(strict=True, ge=1, le=limit("huge_pages"))] = Field(
        50, description="faults of each size; what they get is held until the last is done", examples=[20]
    )
    when: Whens = Field(EVERY_STATE, description=_WHEN, examples=[["relaxed", "target"]])
    pin: StrictBool = Field(True, description=_PIN, examples=[False])

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.sizes and not self.advise:
            refuse(
                [
                    Cross(
                        ("advise",),
                        "a size that is named is asked for: leave out 'sizes' or 'advise'",
                        "true",
                    )
                ]
            )
        return self

    @property
    def rounds(self) -> int:
        """The fixed number of iterations."""
        return self.iterations

    @property
    def word(self) -> str:
        """`thp` or `thp_plain`."""
        return "thp" if self.advise else "thp_plain"

    @property
    def names(self) -> tuple[str, ...]:
        """As Google Benchmark would write them; the agent has a number where this has `pmd`."""
        base = "BM_thp_fault" if self.advise else "BM_thp_fault_plain"
        return tuple(f"{base}/{int(size)}" for size in self.sizes) or (f"{base}/pmd",)


AgentBenchmark = BinderTransaction | BinderMapCycle | HugePageFault
"""What the agent measures itself."""
Benchmark = Annotated[AgentBenchmark | CommandBenchmark, Field(discriminator="kind")]


def huge_page_problems(
    benchmarks: Sequence[Benchmark], memory_bytes: int, kernels: Mapping[str, tuple[int, str]]
) -> Iterator[Cross]:
    """Huge pages that a kernel cannot have, or that are larger than the guest's memory allows.

    `kernels`: by variant the size of a page in bytes, and the name of the kernel's source.
    """
    for index, benchmark in enumerate(benchmarks):
        if not isinstance(benchmark, HugePageFault):
            continue
        for variant, (page_bytes, source) in kernels.items():
            usual = huge_page_bytes(page_bytes)
            for size in benchmark.sizes or (usual,):
                why = _not_huge(int(size), page_bytes) or _too_old(int(size), usual, source)
                if why is not None:
                    yield Cross(("benchmarks", index, "sizes"), f"{variant}: {why}", format_size(usual))
                elif size > memory_bytes // 2:
                    yield Cross(("benchmarks", index), _too_large(variant, int(size), page_bytes))


def huge_page_bytes(page_bytes: int) -> int:
    """What one entry above a page table maps: a table of entries of eight bytes fills a page."""
    return page_bytes * page_bytes // 8


def _not_huge(size: int, page_bytes: int) -> str | None:
    """Order 2 is the least (include/linux/huge_mm.h, THP_ORDERS_ALL_ANON)."""
    least, most = 4 * page_bytes, huge_page_bytes(page_bytes)
    if least <= size <= most and size & (size - 1) == 0:
        return None
    return (
        f"with pages of {format_size(page_bytes)} a huge page has a power of two from {format_size(least)}"
        f" to {format_size(most)}, not {format_size(size)}"
    )


def _too_old(size: int, usual: int, source: str) -> str | None:
    """Of a kernel that is known by its name alone: others may have been given them by their makers."""
    named = re.fullmatch(r"linux-source-(\d+)\.(\d+)", source)
    if size == usual or named is None or (int(named[1]), int(named[2])) >= _ANY_SIZE:
        return None
    return f"Linux {named[1]}.{named[2]} has huge pages of {format_size(usual)} alone; other sizes take 6.8"


def _too_large(variant: str, size: int, page_bytes: int) -> str:
    return (
        f"{variant}: a huge page of {format_size(size)} (pages of {format_size(page_bytes)}) needs a guest of"
        " at least twice as much memory"
    )


def benchmark_problems(benchmarks: Sequence[Benchmark]) -> list[Cross]:
    """Benchmarks of one name under one memory: their figures could not be told apart."""
    found: list[Cross] = []
    seen: Counter[tuple[str, str]] = Counter()
    for index, benchmark in enumerate(benchmarks):
        keys = [(name, when) for name in benchmark.names for when in benchmark.when]
        if twice := [key for key in keys if seen[key]]:
            name, when = twice[0]
            key = "name" if isinstance(benchmark, CommandBenchmark) else "sizes"
            found.append(Cross(("benchmarks", index, key), f"{name} ({when}) is there already"))
        seen.update(keys)
    commands = sum(isinstance(each, CommandBenchmark) for each in benchmarks)
    if commands > limit("programs"):
        found.append(Cross(("benchmarks",), f"at most {limit('programs')} of kind 'command', not {commands}"))
    return found
