# SPDX-License-Identifier: Apache-2.0
"""A whole memory picture as a target: the composition, free list and watermarks of a Mem-Info report."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from orchestrator.oom.usage import COMPOSITION
from orchestrator.scenario.fields import Cross, Model, Number, Size, refuse, size_between
from orchestrator.units import KIB, MIB, format_size

PictureSize = Annotated[Size, size_between(0, 64 * 1024 * MIB)]
BlockCount = Annotated[Number, Field(ge=0, le=100_000)]

# Lines that say in what state pages are which another line counts as well.
_COUNTED_ELSEWHERE = ("mapped", "shmem")


class Watermarks(Model):
    """The watermarks of the node, summed over its zones.

    min = vm.min_free_kbytes; the gap from min to low is that from low to high, and at least a quarter of
    min: max(min / 4, managed x vm.watermark_scale_factor / 10000) (mm/page_alloc.c, setup_per_zone_wmarks).
    """

    min: PictureSize = Field(
        description="below it nobody but the kernel's last resort gets a page", examples=["8MiB"]
    )
    low: PictureSize | None = Field(
        None, description="below it kswapd begins to reclaim; as the kernel has it when left out",
        examples=["42616KiB"],
    )  # fmt: skip
    high: PictureSize | None = Field(
        None,
        description="at which kswapd stops; only compared, because the kernel makes it low + (low - min)."
        " Android's `extra_free_kbytes` puts low higher and leaves high where it is",
        examples=["46164KiB"],
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        ordered = [("min", self.min), ("low", self.low), ("high", self.high)]
        given = [(name, value) for name, value in ordered if value is not None]
        refuse(
            Cross((name,), f"'{name}' is below '{before}'")
            for (before, lower), (name, value) in pairwise(given)
            if value < lower
        )
        return self


class Picture(Model):
    """A memory state line by line, by the names of the kernel's Mem-Info report.

    Every line is for the whole node. A line that is left out is not looked after. Memory that no line
    accounts for is taken out of play.
    """

    active_anon: PictureSize | None = Field(
        None, description="anonymous memory, used lately", examples=["188384KiB"]
    )
    inactive_anon: PictureSize | None = Field(
        None, description="anonymous memory, not used lately", examples=["231708KiB"]
    )
    active_file: PictureSize | None = Field(
        None, description="page cache, used more than once", examples=["175160KiB"]
    )
    inactive_file: PictureSize | None = Field(
        None, description="page cache, used once", examples=["177736KiB"]
    )
    unevictable: PictureSize | None = Field(
        None, description="locked memory, which reclaim leaves alone", examples=["58772KiB"]
    )
    slab_reclaimable: PictureSize | None = Field(
        None, description="kernel objects with a shrinker: names of files, mostly", examples=["86704KiB"]
    )
    slab_unreclaimable: PictureSize | None = Field(
        None, description="all other kernel objects", examples=["327084KiB"]
    )
    pagetables: PictureSize | None = Field(None, description="page tables", examples=["133468KiB"])
    kernel_stack: PictureSize | None = Field(
        None, description="stacks of threads, 16 KiB each on arm64 and x86_64", examples=["84960KiB"]
    )
    shadow_call_stack: PictureSize | None = Field(
        None,
        description="second stacks of kernels with CONFIG_SHADOW_CALL_STACK; these kernels have none, so"
        " ordinary ones stand in for them",
        examples=["21340KiB"],
    )
    mapped: PictureSize | None = Field(
        None, description="page cache (of the lines above) that processes have mapped", examples=["337940KiB"]
    )
    shmem: PictureSize | None = Field(
        None,
        description="shared memory and tmpfs, which the anonymous lines count as well; only compared",
        examples=["17100KiB"],
    )
    free_cma: PictureSize | None = Field(
        None,
        description="free memory of the contiguous memory allocator, beside the free list; it needs a"
        " `device.cma` at least as large",
        examples=["44KiB"],
    )
    free_blocks: tuple[BlockCount, ...] | None = Field(
        None,
        min_length=1,
        max_length=11,
        description="free blocks of the node per order, order 0 first: `Normal: 3313*4kB 165*8kB ...`;"
        " orders that are not given have none",
        examples=[[3313, 165, 35, 15]],
    )
    watermarks: Watermarks | None = Field(
        None,
        description="set when the trigger starts; until then they stay low, so that nothing is reclaimed",
        examples=[{"min": "8MiB", "low": "42616KiB"}],
    )

    @property
    def accounted(self) -> int:
        """What all lines of the composition come to, in bytes; free memory is none of it."""
        return sum(
            size
            for name in COMPOSITION
            if name not in _COUNTED_ELSEWHERE and (size := getattr(self, name)) is not None
        )

    def free(self, page_bytes: int) -> int:
        """What the free list comes to, in bytes."""
        return sum((page_bytes * count) << order for order, count in enumerate(self.free_blocks or ()))

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> list[Cross]:
        found = []
        if all(getattr(self, name) is None for name in (*COMPOSITION, "free_blocks", "watermarks")):
            found.append(Cross((), "a picture needs at least one line"))
        # NR_FILE_MAPPED counts locked pages and shared memory, too.
        cache = sum(
            size or 0 for size in (self.active_file, self.inactive_file, self.unevictable, self.shmem)
        )
        if self.mapped is not None and self.mapped > cache:
            names = "active_file, inactive_file, unevictable and shmem"
            found.append(Cross(("mapped",), f"{names} come to {cache // KIB} KiB only"))
        anonymous = (self.active_anon or 0) + (self.inactive_anon or 0) + (self.unevictable or 0)
        if self.shmem is not None and self.shmem > anonymous:
            found.append(Cross(("shmem",), "more than the anonymous memory that counts it"))
        return found


def picture_problems(picture: Picture, *, memory: int, cma: int, page_bytes: int) -> list[Cross]:
    """What does not fit a device with `memory` and `cma` bytes; paths begin below the picture."""
    found = []
    sum_bytes = picture.accounted + picture.free(page_bytes)
    if sum_bytes >= memory:
        what = f"the lines come to {sum_bytes // KIB} KiB, the device has {memory // KIB} KiB"
        found.append(Cross((), what))
    if picture.free_cma is not None and picture.free_cma > cma:
        found.append(Cross(("free_cma",), f"more than the device's CMA of {format_size(cma)}"))
    marks = picture.watermarks
    if marks is not None and marks.low is not None:
        # vm.watermark_scale_factor is 3000 at most: kernel/sysctl.c, SYSCTL_THREE_THOUSAND
        most = memory * 3 // 10
        if marks.low - marks.min > most:
            what = f"at most {format_size(most // KIB * KIB)} above 'min' are possible on this device"
            found.append(Cross(("watermarks", "low"), what))
    return found
