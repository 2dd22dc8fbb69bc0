# SPDX-License-Identifier: Apache-2.0
"""A report's memory picture and a guest's own beside each other, line by line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pydantic import Field

from orchestrator.memory.sample import MemorySample
from orchestrator.memory.tables import Table
from orchestrator.scenario.picture import Picture, Watermarks
from orchestrator.scenario.picture_demand import lines
from orchestrator.units import KIB

JUDGED_KB = 20_000
"""From this size on a line is held to `TOLERANCE_PERCENT`: below, the kernel's own share is too large."""
TOLERANCE_PERCENT = 10

# Where /proc/meminfo has the lines of a Mem-Info report (fs/proc/meminfo.c; lib/show_mem.c).
_MEMINFO = {
    "active_anon": "Active(anon)",
    "inactive_anon": "Inactive(anon)",
    "active_file": "Active(file)",
    "inactive_file": "Inactive(file)",
    "unevictable": "Unevictable",
    "slab_reclaimable": "SReclaimable",
    "slab_unreclaimable": "SUnreclaim",
    "pagetables": "PageTables",
    "kernel_stack": "KernelStack",
    "mapped": "Mapped",
    "shmem": "Shmem",
    "free": "MemFree",
    "free_cma": "CmaFree",
}
_US_PER_S = 1_000_000


class PictureLine(Table):
    """One line of the report, and what the guest had there."""

    name: str = Field(description="as in a Mem-Info report; `order N`: free blocks of that order")
    unit: Literal["kB", "blocks"] = Field(description="of the next three")
    wanted: int = Field(description="what the scenario's picture says")
    start: int | None = Field(None, description="the guest's own figure when the trigger started")
    later: int | None = Field(None, description="the same at the second look")
    start_percent: float | None = Field(None, description="how far off that was")
    later_percent: float | None = Field(None, description="the same at the second look")
    judged: bool = Field(description="to be within 10 %: min, low, and what comes to 20 MB")
    remark: str | None = Field(None, description="why a guest cannot have this line, or not as it is")


class PictureTable(Table):
    """A memory picture of a report and of a guest, for the whole node."""

    lines: tuple[PictureLine, ...] = Field(description="in the order of a report; below")
    later_s: float | None = Field(None, description="from the first look to the second, guest seconds")
    zones: tuple[str, ...] = Field(description="the guest's zones, which the figures sum up")
    worst: str | None = Field(
        None, description="of the judged lines the one that was furthest off when the trigger started"
    )
    worst_percent: float | None = Field(None, description="how far")

    @property
    def met(self) -> bool:
        """Every judged line was within a tenth when the trigger started."""
        return self.worst_percent is None or abs(self.worst_percent) <= TOLERANCE_PERCENT


def picture_table(picture: Picture, samples: Sequence[MemorySample]) -> PictureTable | None:
    """The table from a trial's memory samples; None where none was taken at the trigger's start."""
    by_moment = {sample.when: sample for sample in samples if sample.meminfo_kb is not None}
    start, later = by_moment.get("trigger"), by_moment.get("later")
    if start is None:
        return None
    made = tuple(_lines(picture, _Looks(start, later)))
    off = {line.name: line.start_percent for line in made if line.judged}
    worst = max(off, key=lambda name: abs(off[name] or 0), default=None)
    return PictureTable(
        lines=made,
        later_s=round((later.t_us - start.t_us) / _US_PER_S, 2) if later else None,
        zones=tuple(name.split()[-1] for name in start.zones),
        worst=worst,
        worst_percent=off[worst] if worst else None,
    )


@dataclass(frozen=True)
class _Looks:
    """The two moments, from which lines are made."""

    start: MemorySample
    later: MemorySample | None

    def line(
        self,
        name: str,
        wanted: int,
        figure: Callable[[MemorySample], int | None],
        *,
        unit: Literal["kB", "blocks"] = "kB",
        judged: bool = False,
        remark: str | None = None,
    ) -> PictureLine:
        start = figure(self.start)
        later = figure(self.later) if self.later is not None else None
        return PictureLine(
            name=name, unit=unit, wanted=wanted, start=start, later=later,
            start_percent=_percent(wanted, start), later_percent=_percent(wanted, later),
            judged=judged and start is not None, remark=remark,
        )  # fmt: skip


def _lines(picture: Picture, looks: _Looks) -> Iterator[PictureLine]:
    wanted_kb = {name: size // KIB for name, size in lines(picture).items()}
    if picture.free_blocks is not None:
        wanted_kb["free"] = picture.free(looks.start.page_size_bytes) // KIB
    for name, kb in wanted_kb.items():
        shadow = picture.shadow_call_stack if name == "kernel_stack" else None
        remark = f"with {shadow // KIB} kB of shadow_call_stack" if shadow is not None else None
        yield looks.line(name, kb, partial(_meminfo_kb, name), judged=kb >= JUDGED_KB, remark=remark)
        if shadow is not None:
            remark = "no CONFIG_SHADOW_CALL_STACK in these kernels: in kernel_stack"
            yield looks.line("shadow_call_stack", shadow // KIB, lambda _: None, remark=remark)
    if picture.watermarks is not None:
        yield from _watermarks(picture.watermarks, looks)
    for order, count in enumerate(picture.free_blocks or ()):
        yield looks.line(f"order {order}", count, partial(_blocks, order), unit="blocks")


def _watermarks(marks: Watermarks, looks: _Looks) -> Iterator[PictureLine]:
    for name, size in (("min", marks.min), ("low", marks.low), ("high", marks.high)):
        if size is not None:
            # min and low are set; high is what the kernel makes of them.
            remark = "as it falls: low + (low - min)" if name == "high" else None
            figure = partial(_mark_kb, name)
            yield looks.line(name, size // KIB, figure, judged=name != "high", remark=remark)


def _meminfo_kb(name: str, sample: MemorySample) -> int | None:
    return (sample.meminfo_kb or {}).get(_MEMINFO[name])


def _mark_kb(name: str, sample: MemorySample) -> int | None:
    return sum(getattr(zone, f"{name}_kb") for zone in sample.zones.values()) if sample.zones else None


def _blocks(order: int, sample: MemorySample) -> int | None:
    if sample.buddy_blocks is None:
        return None
    return sample.buddy_blocks[order] if order < len(sample.buddy_blocks) else 0


def _percent(wanted: int, found: int | None) -> float | None:
    return round((found - wanted) * 100 / wanted, 1) if found is not None and wanted else None
