# SPDX-License-Identifier: Apache-2.0
"""The patches of a mail held against a base kernel: by its source, with proof by patch(1)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.errors import InputError
from orchestrator.kernels.build.patch import apply_patch
from orchestrator.kernels.build.tree import Tree, TreeFile
from orchestrator.kernels.patch_file import Patch
from orchestrator.mail.diff import FoundPatch
from orchestrator.mail.series import Arranged, PatchGroup
from orchestrator.patch_review.applicability import GOOD, Applicability, Kind
from orchestrator.patch_review.building import (
    NO_PART,
    Building,
    Way,
    built_part,
    left_out,
    way_of,
    whole_building,
)
from orchestrator.patch_review.relocation import check_anywhere
from orchestrator.patch_review.sources import SCOPE, BaseSource, Column
from orchestrator.patch_review.tree_files import ChangedFiles, Files

_OTHERS_ARE_IN = "not in this base, although others of the series are"


@dataclass(frozen=True)
class Checked:
    """A verdict on one base; `follows`: the numbers of patches that were applied before it."""

    base: str
    verdict: Applicability
    follows: tuple[int, ...] = ()
    building: Building = field(default_factory=Building)


def check_all(arranged: Arranged, source: BaseSource) -> dict[int, Checked]:
    """The verdict on every patch by its number; the parts of a series each on top of those before it.

    Where the base has a whole series already, their reverses are for one after the other, from the last.
    """
    checked: dict[int, Checked] = {}
    for group in (*arranged.groups, *arranged.older):
        checked |= _group(group, arranged, source, checked)
    return checked


def check_column(arranged: Arranged, column: Column) -> dict[int, Checked]:
    """The same on a base: against its driver where nothing else is built, else against all of it."""
    checked: dict[int, Checked] = {}
    for group in (*arranged.groups, *arranged.older):
        way = way_of([patch for patch in group.patches if not patch.missing], SCOPE)
        source = column.driver() if way is Way.MODULE else column.whole()
        if source is None:
            continue
        checked |= _group(group, arranged, source, checked)
        aside = [n for n in group.numbers if _is_aside(arranged.patches[n])]
        if way is Way.MODULE and aside and (whole := column.whole()) is not None:
            checked |= _chain(aside, arranged, whole, whole.files)
    return checked


def _is_aside(patch: FoundPatch) -> bool:
    """Whether a patch makes no difference to a kernel."""
    return way_of([patch], SCOPE) is Way.NOTHING


def _group(
    group: PatchGroup, arranged: Arranged, source: BaseSource, checked: Mapping[int, Checked]
) -> dict[int, Checked]:
    chain = _chain(group.numbers, arranged, source, source.files)
    before = [n for n, _ in group.before if n not in checked or checked[n].verdict.kind in GOOD]
    if before and not _goes(chain.values()):
        longer = _chain((*before, *group.numbers), arranged, source, source.files)
        if _goes(longer.values()):
            chain = longer
    return {number: item for number, item in chain.items() if number not in checked}


def _goes(chain: Iterable[Checked]) -> bool:
    return all(item.verdict.kind in (*GOOD, Kind.ALREADY, Kind.ELSEWHERE) for item in chain)


def _chain(
    numbers: Sequence[int], arranged: Arranged, source: BaseSource, files: Files
) -> dict[int, Checked]:
    forward = _forward(numbers, arranged, source, files)
    kinds = {item.verdict.kind for item in forward.values()}
    if kinds <= {*GOOD, Kind.ELSEWHERE}:
        return forward
    backward = _backward(numbers, arranged, source, files)
    if _goes(backward.values()):
        return backward
    there = [number for number, item in forward.items() if item.verdict.kind is Kind.ALREADY]
    return forward | _backward(there, arranged, source, files)


def _forward(
    numbers: Sequence[int], arranged: Arranged, source: BaseSource, files: Files
) -> dict[int, Checked]:
    checked: dict[int, Checked] = {}
    applied: tuple[int, ...] = ()
    for number in numbers:
        patch = _of_source(arranged.patches[number], source)
        verdict = check_anywhere(patch, files, source.scope)
        if verdict.kind in GOOD:
            verdict = _proven(verdict, files, source.name, source.scope)
        elsewhere = verdict.kind is Kind.ELSEWHERE
        building = _building(arranged.patches[number], verdict, files, source)
        checked[number] = Checked(source.name, verdict, () if elsewhere else applied, building)
        if verdict.kind in GOOD:
            files, applied = verdict.result, (*applied, number)
    return checked


def _backward(
    numbers: Sequence[int], arranged: Arranged, source: BaseSource, files: Files
) -> dict[int, Checked]:
    """What a base has already, taken off from the last patch on; `follows` are those taken off before."""
    checked: dict[int, Checked] = {}
    taken: tuple[int, ...] = ()
    for number in reversed(numbers):
        patch = _of_source(arranged.patches[number], source)
        verdict = check_anywhere(patch, files, source.scope)
        if verdict.kind is Kind.ALREADY:
            verdict = _proven(verdict, files, source.name, source.scope)
        elif verdict.kind in GOOD:
            verdict = replace(verdict, kind=Kind.REFUSED, text="", remarks=(_OTHERS_ARE_IN,))
        building = _building(arranged.patches[number], verdict, files, source)
        checked[number] = Checked(source.name, verdict, taken, building)
        if verdict.kind is Kind.ALREADY:
            files, taken = verdict.result, (*taken, number)
    return {number: checked[number] for number in numbers}


def _of_source(patch: FoundPatch, source: BaseSource) -> FoundPatch:
    """A driver's source has no documentation beside it, and a module is made of none."""
    return built_part(patch) if source.scope else patch


def _building(patch: FoundPatch, verdict: Applicability, files: Files, source: BaseSource) -> Building:
    if _is_aside(patch):
        return NO_PART
    if source.scope:
        aside = left_out(patch)
        return Building(
            remarks=(f"left out, for nothing is built of it: {', '.join(aside)}",) if aside else ()
        )
    after = verdict.result if verdict.kind in GOOD else files
    return whole_building(patch, after, source.arch, source.package)


def _proven(verdict: Applicability, files: Files, target: str, scope: str = SCOPE) -> Applicability:
    """The same verdict after patch(1) has applied the restored patch with the expected result."""
    patch = Patch("restored.patch", verdict.text.encode(errors="surrogateescape"))
    paths = _touched(verdict, files)
    try:
        applied = apply_patch(patch, _tree(files, paths), scope, target=target)
    except InputError as error:
        return replace(verdict, kind=Kind.REFUSED, text="", remarks=(*verdict.remarks, error.message))
    if applied.tree != _tree(verdict.result, paths) or applied.remarks:
        remark = "patch(1) makes something else of the restored patch"
        return replace(verdict, kind=Kind.REFUSED, text="", remarks=(*verdict.remarks, remark))
    return verdict


def _touched(verdict: Applicability, files: Files) -> list[str]:
    """What a verdict changes, and one file more: a patch may consist of new files alone."""
    changed = verdict.result.changed if isinstance(verdict.result, ChangedFiles) else verdict.result
    return list(dict.fromkeys((*changed, *itertools.islice(files, 1))))


def _tree(files: Files, paths: Iterable[str]) -> Tree:
    return {
        path: TreeFile(files[path].text.encode(errors="surrogateescape")) for path in paths if path in files
    }
