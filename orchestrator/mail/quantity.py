# SPDX-License-Identifier: Apache-2.0
"""Units in tables of measurements, and whether more or less of something is better. Pure."""

from __future__ import annotations

import re
from typing import Literal

Better = Literal["less", "more"]

_TIMES = r"(?:n|u|µ|μ|m)?s(?:ecs?|econds?)?|(?:nano|micro|milli)?sec(?:ond)?s?|min(?:utes?)?"
_COSTS = r"[kKMG]?(?:cycles|instructions|instrs?|insns?|clocks|ticks|jiffies|faults|misses)"
_SIZES = r"[kKMGT]?i?(?:B|bytes?)|[kKMGT]B|pages"
_RATES = (
    r"[kKMGT]?i?(?:B|b|bits?|bytes?)/(?:s|sec)|[kKMG]?bps|[kKMG]?[pr]ps|[tq]ps|[kKM]?i?ops|[kKM]?IOPS"
    r"|[A-Za-z]{1,20}/(?:s|sec|second|min)"
)
UNIT = rf"(?:{_RATES}|{_TIMES}|{_COSTS}|{_SIZES}|%|x)"
_LESS = re.compile(rf"(?:{_TIMES}|{_COSTS}|(?:{_TIMES}|{_COSTS})/\w{{1,20}})")
_MORE = re.compile(_RATES)
_WHOLE = re.compile(UNIT)

_LESS_WORDS = re.compile(
    r"latenc|\btimes?\b|\bduration|\belapsed|\breal\b|\buser\b|\bsys(?:tem)?\b|\bcosts?\b|\boverhead|\bdelay|\bstall"
    r"|\bp\d{2,3}\b|percentile|\bfault|\bmiss|\bfail|\bkill|\boom|\bjank|\bdrop|\bmemory\b|\brss\b|\bslab\b|\bfootprint",
    re.IGNORECASE,
)
_MORE_WORDS = re.compile(
    r"throughput|bandwidth|\bops\b|\biops\b|\brate\b|\bscore|\bspeed\b|\bbogo|\btransactions\b|\brequests\b|\bhits?\b",
    re.IGNORECASE,
)
_LESS_SUBJECT = re.compile(
    r"\b(?:reduc|decreas|lower|shorten|shrink|cut|sav(?:e|ing)|minimi[sz]|avoid)\w*", re.IGNORECASE
)
_MORE_SUBJECT = re.compile(r"\b(?:increas|rais|boost|maximi[sz])\w*", re.IGNORECASE)
_PRAISE = re.compile(r"\b(?:improv|optimi[sz]|speed|fast|enhanc|accelerat)\w*", re.IGNORECASE)
_SAID = re.compile(
    r"\b(?:(lower|less|smaller|fewer|shorter)|higher|more|larger|bigger|greater)\s+(?:is|are|=|means)\s+better",
    re.IGNORECASE,
)


def is_unit(text: str) -> bool:
    """Whether a text is a unit and nothing else."""
    return _WHOLE.fullmatch(text) is not None


def better_by_unit(unit: str) -> Better | None:
    """Times and costs are better small, rates large; a size or a percentage says nothing by itself."""
    if _MORE.fullmatch(unit):
        return "more"
    return "less" if _LESS.fullmatch(unit) else None


def better_by_name(name: str) -> Better | None:
    """What a row or a column is called: `p99 latency`, `throughput`."""
    less, more = _LESS_WORDS.search(name), _MORE_WORDS.search(name)
    return None if bool(less) == bool(more) else "less" if less else "more"


def better_as_said(text: str) -> Better | None:
    """`lower is better`, `higher = better`."""
    found = _SAID.search(text)
    return None if found is None else "less" if found[1] else "more"


def better_by_subject(subject: str, *, fell: bool) -> tuple[Better | None, str]:
    """What the subject claims, and its words: a reduction, a rise, or an improvement in the direction found.

    Who writes "improve" means that the numbers do, be they times or rates; `fell` says where they went.
    """
    less, more = _LESS_SUBJECT.search(subject), _MORE_SUBJECT.search(subject)
    claimed = less or more
    if claimed is not None and not (less and more):
        return ("less" if less else "more"), claimed[0]
    praise = _PRAISE.search(subject)
    if praise is None:
        return None, ""
    return better_by_name(_PRAISE.sub("", subject)) or ("less" if fell else "more"), praise[0]
