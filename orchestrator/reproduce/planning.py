# SPDX-License-Identifier: Apache-2.0
"""From a text and the user's wishes to a drafted scenario: which report, which patch, and what is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.arch import DEFAULT_ARCH
from orchestrator.bases import DEFAULT_BASE, find_base
from orchestrator.errors import InputError
from orchestrator.host.programs import needs_of, require
from orchestrator.kernels.base import Progress
from orchestrator.mail.series import narrowed, numbers_of
from orchestrator.patch_review.review import Review, review
from orchestrator.reproduce.draft import Draft, Wishes, arch_of, make_draft
from orchestrator.reproduce.fact import Fact, unknown
from orchestrator.reproduce.patches import Patched, choose_patch, no_patch_words, refusal_facts
from orchestrator.reproduce.source import Chosen, Source, choose_event, headline, is_failure, why_not

_SCALE = re.compile(r"(?:1/)?([1-9][0-9]{0,3})")


@dataclass(frozen=True)
class Selection:
    """What of the text the user named: a report by its number, patches as `2`, `1-2` or `1,3`."""

    event: int | None = None
    patches: Sequence[str] = ()


def scale_divisor(text: str) -> int:
    """The number by which a device is divided: 8 for `1/8` and for `8`; InputError for other texts."""
    found = _SCALE.fullmatch(text)
    if found is None:
        raise InputError(f"--scale {text!r} is no scale", hint="such as 1/8, or 1 for the whole device")
    return int(found[1])


def check_wishes(wishes: Wishes) -> None:
    """InputError for a base or an architecture that there is not, before anything is read."""
    if wishes.base is not None or wishes.arch is not None:
        find_base(wishes.base or DEFAULT_BASE, wishes.arch or DEFAULT_ARCH)


def plan_draft(
    source: Source,
    selection: Selection,
    wishes: Wishes,
    progress: Progress,
    *,
    to_run: bool,
    here: bool = True,
    offline: bool = False,
) -> Draft:
    """The scenario that repeats a report, tries a patch, or both.

    Patches are held against every base, whose sources are fetched if need be, unless `offline`. With
    `to_run`, programs that the run lacks are told before that; none for booting, unless that is done
    `here`. Raises InputError where there is neither a report that a guest can repeat nor a patch that goes on
    a base, and HostError.
    """
    wanted = numbers_of(selection.patches)
    found = choose_event(source.contents, selection.event)
    arch = arch_of(found.event if found else None, wishes.arch, source.contents.text)
    chosen, beside = _repeatable(found, asked=selection.event is not None, source=source)
    if wanted:
        narrowed(source.contents.arranged, wanted)  # a wrong number is refused before sources are fetched
    if to_run and source.contents.patches:  # refused at once, and before a download
        require(needs_of(arch[0], *(("boot",) if here else ()), "compiler", "build", "patch"))
    reviewed = review(
        source.contents, arch[0], progress, with_checkpatch=False, wanted=wanted, offline=offline
    )
    patched = choose_patch(reviewed, wanted, wishes.base)
    if patched is not None and chosen is not None and is_failure(chosen.event):
        chosen, patched, more = _one_of_both(chosen, patched, asked=selection.event is not None)
        beside += more
    elif patched is None:
        others = [item.sentence for item in source.contents.leftovers]
        beside += _without_patch(reviewed, chosen, beside, others)
    return make_draft(source, chosen, patched, arch, wishes, beside)


def _repeatable(found: Chosen | None, *, asked: bool, source: Source) -> tuple[Chosen | None, list[Fact]]:
    """The report if a guest can repeat it; else none, and what is to be told.

    InputError where it was asked for, or where there is no patch to be tried without it.
    """
    obstacle = why_not(found.event) if found is not None else None
    if found is None or obstacle is None:
        return found, []
    if asked or not source.contents.patches:
        raise InputError(
            f"report {found.number} ({headline(found)}) {obstacle}",
            hint="`oomlab oom FILE` lists the reports; --event N takes another",
        )
    return None, [unknown("report", f"{headline(found)} left out", f"it {obstacle}")]


def _one_of_both(
    chosen: Chosen, patched: Patched, *, asked: bool
) -> tuple[Chosen | None, Patched | None, list[Fact]]:
    """A request that a test module makes does not come by a patched driver: one of them is left out."""
    why = "a test module makes the request of the report, which does not come by what the patch changes"
    if asked:
        names = ", ".join(patched.files)
        return chosen, None, [unknown("patch", f"{names} left out", f"{why}; without --event it is tried")]
    return None, patched, [unknown("report", f"{headline(chosen)} left out", f"{why}; --event takes it")]


def _without_patch(
    reviewed: Review, chosen: Chosen | None, beside: Sequence[Fact], others: Sequence[str]
) -> list[Fact]:
    """Why no patch is tried; InputError where there is no report either."""
    refusals = refusal_facts(reviewed) + [unknown("patch", "left out", text) for text in others]
    if chosen is None:
        raise InputError(
            f"no report that could be reproduced, and {no_patch_words(reviewed)}",
            evidence=[fact.why for fact in [*beside, *refusals]],
            hint="`oomlab mail FILE` says more",
        )
    return refusals
