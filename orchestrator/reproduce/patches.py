# SPDX-License-Identifier: Apache-2.0
"""Which patch of a text is tried, on which base, and the two variants that follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.errors import InputError
from orchestrator.mail.bases import Checked
from orchestrator.mail.review import Review, Reviewed, file_name, patch_files
from orchestrator.mail.verdict import Kind
from orchestrator.oom.explain import visible
from orchestrator.reproduce.fact import Fact, inferred, read, unknown

_FORWARD = (Kind.APPLIES, Kind.ADAPTED)
_SHOWN = 3
_WHITE_SPACE = "white space rebuilt"


@dataclass(frozen=True)
class Patched:
    """A base kernel, and the patch files (name and text) that each of the two variants takes.

    Where the base has the change already its reverse makes the variant `base`.
    """

    base: str
    base_files: tuple[tuple[str, str], ...]
    patched_files: tuple[tuple[str, str], ...]
    facts: tuple[Fact, ...]

    @property
    def files(self) -> dict[str, str]:
        """All patch files by name."""
        return dict([*self.base_files, *self.patched_files])


def choose_patch(review: Review, wanted: int | None, base: str | None) -> Patched | None:
    """The variants of patch `wanted` (from 1), or of the first that goes on a base; None without patches.

    `base` leaves one base only. InputError for a number or base that no patch has, and where
    a patch was asked for that cannot be built.
    """
    if wanted is not None and not any(item.number == wanted for item in review.patches):
        there = f"there are {len(review.patches)}" if review.patches else "there is none"
        raise InputError(f"--patch {wanted}: no such patch; {there}", hint="they are numbered from 1")
    items = [item for item in review.patches if wanted in (None, item.number)]
    for kinds in (_FORWARD, (Kind.ALREADY,)):
        for item in items:
            for checked in item.checked:
                if checked.verdict.kind in kinds and checked.verdict.text and base in (None, checked.base):
                    return _patched(review, item, checked, wanted)
    if items and (wanted is not None or base is not None):
        which = "no patch of the text goes" if wanted is None else f"--patch {wanted} goes not"
        raise InputError(
            f"{which} on {base or 'any base kernel'}",
            evidence=list(_refusals(items)),
            hint="`oomlab mail FILE` says more",
        )
    return None


def refusal_facts(review: Review) -> list[Fact]:
    """What stands against every patch of the text."""
    facts = [unknown("patch", "left out", text) for text in _refusals(review.patches)]
    return facts + [unknown("base", "not looked at", failure) for failure in review.failures]


def _refusals(items: Sequence[Reviewed]) -> Iterator[str]:
    for item in items:
        for checked in item.checked[:_SHOWN]:
            why = "; ".join(checked.verdict.remarks[:_SHOWN])
            yield visible(
                f"patch {item.number}, {checked.base}: {checked.verdict.kind.value}: {why}".strip(": ")
            )


def _patched(review: Review, item: Reviewed, checked: Checked, wanted: int | None) -> Patched:
    texts = dict(patch_files(review))
    back = checked.verdict.kind is Kind.ALREADY
    before = () if back else checked.follows
    chain = [*(review.patches[number - 1] for number in before), item]
    files = [
        (name, texts[name])
        for each in chain
        for other in each.checked
        if other.base == checked.base and (name := file_name(each, other)) in texts
    ]
    facts = [
        read("patch", item.patch.subject or "without a subject", _which(review, item, wanted)),
        inferred("base", checked.base, _base_why(item, checked)),
        *_adapted(checked),
        *(unknown("patch", "a doubt", note) for note in item.notes),
        *(unknown("base", "not looked at", failure) for failure in review.failures),
    ]
    return Patched(checked.base, tuple(files) if back else (), () if back else tuple(files), tuple(facts))


def _adapted(checked: Checked) -> Iterator[Fact]:
    remarks = [remark.rsplit("/", 1)[-1] for remark in checked.verdict.remarks]
    if remarks:
        told = [remark for remark in remarks if _WHITE_SPACE not in remark]
        spaced = len(remarks) - len(told)
        told += [f"{_WHITE_SPACE} from the base's lines in {spaced} hunks"] if spaced else []
        yield inferred("patch", "adapted to the base", "; ".join(told))


def _which(review: Review, item: Reviewed, wanted: int | None) -> str:
    place = f"line {item.patch.line}, patch {item.number} of {len(review.patches)}"
    if wanted is not None:
        return f"{place}, asked for with --patch"
    return (
        f"{place}, the first that goes on a base; --patch N takes another"
        if len(review.patches) > 1
        else place
    )


def _base_why(item: Reviewed, checked: Checked) -> str:
    others = [
        f"{other.base}: {other.verdict.kind.value}" for other in item.checked if other.base != checked.base
    ]
    beside = f" ({'; '.join(others)})" if others else ""
    if checked.verdict.kind is Kind.ALREADY:
        return f"it has the patch already, so its reverse makes the variant 'base'{beside}"
    return f"the patch goes on it: {checked.verdict.kind.value}{beside}"
