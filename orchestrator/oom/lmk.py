# SPDX-License-Identifier: Apache-2.0
"""Kills of Android's low memory killers, and what each generation says of why.

- The kernel's (drivers/staging/android/lowmemorykiller.c, 2.6 to 4.11, vendors' until 4.19) prints one
  message of several lines: what is to be freed, for whom, the file cache against its limit, free memory.
- lmkd (system/core/lmkd, later system/memory/lmkd) logs one line, and up to Android 10 its limits in
  another; from Android 11 on "; reason: ", and in the event log `killinfo`, a list of numbers.
"""

from __future__ import annotations

import re

from orchestrator.oom.fields import pid_of
from orchestrator.oom.records import LowMemoryKill, MemoryEvent, Process
from orchestrator.oom.transport import LogLine

LMK = re.compile(
    r"^(?:lowmemorykiller: |lmkd: |simple_lmk: |lowmem_\w+: )*(?:"
    r"Kill(?:ing)? '(?P<comm>[^']{1,128})' \((?P<pid>\d+)\)(?:,? \(?tgid[ =]\d+\)?)?"
    r"(?:, uid -?\d+)?,? ?(?:(?:oom_(?:score_)?)?adj:? (?P<adj>-?\d+))?"
    r"|send sigkill to (?P<oldpid>\d+) \((?P<oldcomm>.{1,64}?)\),"
    r"(?: oom_adj -?\d+,)? (?:score_)?adj (?P<oldadj>-?\d+)"
    r"|Killing (?P<name>\S.{0,127}?) with adj (?P<nameadj>-?\d+) to free \d+ KiB"
    r"|lmkd watchdog killed process (?P<watchedpid>\d+), oom_score_adj (?P<watchedadj>-?\d+))"
)
LMK_DETAIL = re.compile(
    r"^(?:lowmemorykiller: +|lmkd: +)?(?:to free -?\d+ ?kB|cache -?\d+kB is below"
    r"|Free memory is -?\d+kB|Free CMA is|Slab \w+ is"
    r"|Total (?:reserve|free pages|file cache|zcache) is|GFP mask is 0x|Killing because cache -?\d+kB"
    r"|Reclaimed \d+kB|on behalf of '|Free (?:Swap|cma):)"
)
LMK_INFO = re.compile(r"^\[(?P<numbers>-?\d+(?:\.\d+)?(?:,-?\d+(?:\.\d+)?){6,80})\]?")
_REASONS = (
    "min watermark is breached even after kill",
    "device is not responding",
    "device is low on swap and thrashing",
    "watermark is breached and swap is low",
    "watermark is breached and thrashing",
    "device is in direct reclaim and thrashing",
    "watermark is breached and swap utilization is high",
    "filecache is low after thrashing",
    "watermark is breached",
)
"""enum kill_reasons of lmkd's statslog.h, in the words of its log line."""
_INFO_FREE, _INFO_CACHED, _INFO_SWAP_FREE, _INFO_SWAPPED = 6, 7, 13, 29

_FREED = re.compile(r"to free (-?\d{1,15}) ?(?:kB|KiB)")
_SWAP = re.compile(r"(\d{1,15})k[Bb] swap")
_BEHALF = re.compile(r"on behalf of '([^']{1,128})' \((\d{1,10})\)")
_LIMIT = re.compile(
    r"cache (-?\d{1,15})kB is below (?:limit )?(\d{1,15})kB for oom_(?:score_)?adj (-?\d{1,5})"
)
_FREE = re.compile(r"Free memory is (-?\d{1,15})kB (above|below) reserved")
_MINFREE = re.compile(
    r"cache\((-?\d{1,15})kB\) and free\((-?\d{1,15})kB\)-reserved\((-?\d{1,15})kB\) below min\((\d{1,15})kB\)"
    r" for oom_adj (-?\d{1,5})"
)
_PRESSURE = re.compile(r"because (system is under \w{1,16} memory pressure)(?:,? oom_adj (-?\d{1,5}))?")
_REASON = re.compile(r"; reason: (.{1,200})")
_SCORE_ADJ = re.compile(r"\badj -?\d{1,5}, score_adj (-?\d{1,5})\b")
_GFP = re.compile(r"(?:GFP mask is|\[gfp\() ?(0x[0-9a-f]{1,16})")
_PIECES = 12


class LmkDraft:
    """One kill, until everything that is said of it has come."""

    def __init__(self, line: LogLine) -> None:
        self.line = line
        self.idle_lines = 0
        self._info: list[str] = []
        self._pieces: list[str] = []
        match = LMK.match(line.text)
        self._match = match
        if match is None:
            self.info(line.text)
        else:
            self._pieces.append(line.text)

    @property
    def pid(self) -> int | None:
        """Who was killed."""
        match = self._match
        if match is None:
            return pid_of(self._info[0]) if self._info else None
        return pid_of(match["pid"] or match["oldpid"] or match["watchedpid"])

    def detail(self, text: str) -> None:
        """A further line of the message."""
        self.idle_lines = 0
        if len(self._pieces) < _PIECES:
            self._pieces.append(text)

    def info(self, text: str) -> bool:
        """The line of the event log; False where it is of another kill, or none."""
        match = LMK_INFO.match(text)
        if match is None:
            return False
        numbers = [number.partition(".")[0] for number in match["numbers"].split(",")]
        if self._pieces and pid_of(numbers[0]) != self.pid:
            return False
        self._info = numbers
        return True

    def also(self, line: LogLine) -> bool:
        """The log line of a kill that the event log has told; False where it is of another."""
        match = LMK.match(line.text)
        if self._match is not None or match is None or pid_of(match["pid"]) != self.pid:
            return False
        self._match = match
        self._pieces.append(line.text)
        return True

    def finish(self) -> MemoryEvent:
        """The record."""
        match = self._match
        comm = match and (match["comm"] or match["oldcomm"] or match["name"])
        adj = match and (match["adj"] or match["oldadj"] or match["nameadj"] or match["watchedadj"])
        if match is None:
            adj = self._info[2]
        text = " ".join(self._pieces)
        if both := _SCORE_ADJ.search(text):
            adj = both[1]  # the first one is of the scale of old
        gfp = _GFP.search(text)
        return MemoryEvent(
            type="lmk-kill",
            line=self.line.number,
            time_s=self.line.time_s,
            trigger=_behalf(text),
            gfp_mask=gfp[1] if gfp else None,
            victim=Process(comm=comm or "?", pid=self.pid),
            oom_score_adj_victim=int(adj) if adj is not None and len(adj) < 8 else None,
            outcome="killed",
            lmk=self._said(text),
        )

    def _said(self, text: str) -> LowMemoryKill | None:
        said = {**_info_said(self._info), **_text_said(text)}
        return LowMemoryKill.model_validate(said) if said else None


def _behalf(text: str) -> Process | None:
    match = _BEHALF.search(text)
    return Process(comm=match[1], pid=pid_of(match[2])) if match else None


def _text_said(text: str) -> dict[str, int | str]:
    """What the log line and its further lines say."""
    said: dict[str, int | str] = {}
    if match := _FREED.search(text):
        said["freed_kb"] = int(match[1])
    if match := _SWAP.search(text):
        said["swap_kb"] = int(match[1])
    if match := _LIMIT.search(text):
        said |= {"cache_kb": int(match[1]), "limit_kb": int(match[2]), "min_adj": int(match[3])}
    if match := _FREE.search(text):
        free_kb = int(match[1])
        said["free_kb"] = -abs(free_kb) if match[2] == "below" else free_kb
    if match := _MINFREE.search(text):
        said |= {
            "cache_kb": int(match[1]),
            "free_kb": int(match[2]) - int(match[3]),
            "limit_kb": int(match[4]),
            "min_adj": int(match[5]),
        }
    if match := _PRESSURE.search(text):
        said["reason"] = match[1]
        if match[2]:
            said["min_adj"] = int(match[2])
    if match := _REASON.search(text):
        said["reason"] = match[1].strip()
    return said


def _info_said(numbers: list[str]) -> dict[str, int | str]:
    """What the event log's list says; its first eight places are the same in every version."""
    values = [int(number) for number in numbers if len(number) <= 15]
    if len(values) < len(numbers) or len(values) < 7:
        return {}
    said: dict[str, int | str] = {"freed_kb": values[4], "min_adj": values[3]}
    if 0 <= values[5] < len(_REASONS):
        said["reason"] = _REASONS[values[5]]
    for name, place in (
        ("mem_free_kb", _INFO_FREE),
        ("cached_kb", _INFO_CACHED),
        ("swap_free_kb", _INFO_SWAP_FREE),
        ("swap_kb", _INFO_SWAPPED),
    ):
        if place < len(values):
            said[name] = values[place]
    return said
