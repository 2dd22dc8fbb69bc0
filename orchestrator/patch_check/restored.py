# SPDX-License-Identifier: Apache-2.0
"""The patch of a message as a base kernel takes it, behind those of its branch that it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.bases import BASES, Base, SourceBuild
from orchestrator.errors import InputError
from orchestrator.mail.contents import read_contents
from orchestrator.patch_review.applicability import GOOD, Kind
from orchestrator.patch_review.bases import Checked
from orchestrator.patch_review.building import Way
from orchestrator.patch_review.review import Review, review

_SHOWN = 3


@dataclass(frozen=True)
class Restored:
    """Texts of patches: those that both kernels have, and the one under test; `why_not` where it is not run.

    `aside`: it makes no difference to a kernel.
    """

    before: tuple[str, ...] = ()
    patch: str = ""
    why_not: str = ""
    aside: bool = False


def restore(raw: bytes, base: Base, arch: str, longer: Iterable[bytes]) -> Restored:
    """The one patch in `raw` for a base; `longer` are series that end with it.

    A tree that somebody brought takes the patch as it is. InputError where `raw` holds none.
    """
    column = next((each.name for each in BASES.values() if each.source_name == base.source_name), None)
    if column is None:
        return Restored(patch=raw.decode(errors="surrogateescape"))
    whole = isinstance(base.made_from, SourceBuild)
    found = _of(raw, column, arch, whole=whole)
    if found.why_not and not found.aside:
        for series in longer:
            with_others = _of(series, column, arch, whole=whole)
            if not with_others.why_not:
                return with_others
    return found


def _of(raw: bytes, base: str, arch: str, *, whole: bool) -> Restored:
    reviewed = review(read_contents(raw), arch, _quiet, with_checkpatch=False)
    if not reviewed.patches:
        raise InputError(
            "there is no patch in what came on standard input",
            hint="give a message with a unified diff, as git format-patch writes it",
        )
    chain = _chain(reviewed, base)
    if not chain:
        why = "; ".join(reviewed.failures) or f"patches are not checked against {base}"
        return Restored(why_not=why)
    *before, last = chain
    if last.building.way is Way.NOTHING:
        return Restored(why_not="; ".join(last.building.remarks), aside=True)
    if last.building.way is Way.WHOLE and not whole:
        why = "it is to more than the driver; a scenario whose kernels are built whole would test it"
        return Restored(why_not=why)
    if last.verdict.kind is Kind.ALREADY:
        return Restored(why_not=f"already in {base}")
    for checked in chain:
        if checked.verdict.kind not in GOOD or not checked.verdict.text:
            remarks = "; ".join(checked.verdict.remarks[:_SHOWN])
            return Restored(why_not=f"on {base}: {checked.verdict.kind.value}: {remarks}".rstrip(": "))
    return Restored(tuple(checked.verdict.text for checked in before), last.verdict.text)


def _chain(reviewed: Review, base: str) -> list[Checked]:
    return [each for item in reviewed.patches for each in item.checked if each.base == base]


def _quiet(_text: str) -> None:
    """Whoever checks patches by b4 takes every word for a finding."""
