# SPDX-License-Identifier: Apache-2.0
"""The patches of a mail held against every base kernel: sources from the cache, proof by patch(1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from orchestrator.arch import ARCHS, Arch
from orchestrator.bases import BASES, Base, DebianPackages
from orchestrator.errors import HostError, InputError, OomlabError
from orchestrator.host.programs import Need, Stage, needs_of, require
from orchestrator.kernels.base import KernelRequest, Progress, SourceTree
from orchestrator.kernels.build.module import module_tree
from orchestrator.kernels.build.patch import apply_patch
from orchestrator.kernels.build.tree import Tree, TreeFile, read_tree
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.patch_file import Patch
from orchestrator.kernels.sources import source_of
from orchestrator.mail.series import Arranged
from orchestrator.patch_review.applicability import Applicability, Files, Kind, check
from orchestrator.patch_review.source_file import SourceFile

SCOPE = BINDER.scope

_GOOD = (Kind.APPLIES, Kind.ADAPTED)

_OTHERS_ARE_IN = "not in this base, although others of the series are"


@dataclass(frozen=True)
class BaseSource:
    """The source of a base below `SCOPE`: its files as patches see them, and where they came from."""

    name: str
    tree: SourceTree
    files: Files


@dataclass(frozen=True)
class Checked:
    """A verdict on one base; `follows`: the numbers of patches that were applied before it."""

    base: str
    verdict: Applicability
    follows: tuple[int, ...] = ()


def load_sources(cache: Cache, arch_name: str, progress: Progress) -> tuple[list[BaseSource], list[str]]:
    """Every base's source, and why others could not be had. Bases of one source package count once."""
    if arch_name not in ARCHS:
        raise InputError(f"unknown architecture '{arch_name}'", hint=f"known: {', '.join(ARCHS)}")
    bases = _bases(arch_name)
    try:
        require(_needs(cache, bases, ARCHS[arch_name]))
    except HostError as error:
        return [], [f"{error.message}: {error.hint}"]
    sources: list[BaseSource] = []
    failures: list[str] = []
    for base in bases:
        try:
            sources.append(_load(cache, base, ARCHS[arch_name], progress))
        except OomlabError as error:
            failures.append(f"{base.name}: {error.message}")
    return sources, failures


def _bases(arch_name: str) -> list[Base]:
    """The bases of an architecture that patches are for; of those that share a source package the first."""
    first: dict[str, Base] = {}
    for base in BASES.values():
        if arch_name in base.archs and not _is_shipped(base):
            first.setdefault(base.source_name, base)
    return list(first.values())


def _is_shipped(base: Base) -> bool:
    """Whether its kernels are run as they are: their source is large, and a different one every week."""
    return isinstance(base.made_from, DebianPackages) and base.made_from.shipped


def _needs(cache: Cache, bases: Sequence[Base], arch: Arch) -> tuple[Need, ...]:
    """What proving patches needs, and what having sources does unless all of them are there."""
    stages: dict[Stage, None] = {"patch": None}
    for base in bases:
        source = source_of(base)
        if source.known_source(cache, KernelRequest(base, arch, SCOPE)) is None:
            stages |= dict.fromkeys(source.stages)
    return needs_of(arch.name, *stages)


def _load(cache: Cache, base: Base, arch: Arch, progress: Progress) -> BaseSource:
    request = KernelRequest(base, arch, SCOPE)
    tree = source_of(base).known_source(cache, request)
    if tree is None:
        kernel = source_of(base).obtain(cache, request, progress)
        tree = module_tree(kernel).source
    files = {
        path: SourceFile(path, file.content.decode(errors="surrogateescape"))
        for path, file in read_tree(tree.path, SCOPE).items()
    }
    return BaseSource(base.name, tree, files)


def check_all(arranged: Arranged, source: BaseSource) -> dict[int, Checked]:
    """The verdict on every patch by its number; the parts of a series each on top of those before it.

    Where the base has a whole series already, their reverses are for one after the other, from the last.
    """
    checked: dict[int, Checked] = {}
    for group in (*arranged.groups, *arranged.older):
        chain = _chain(group.numbers, arranged, source, source.files)
        before = [n for n, _ in group.before if n not in checked or checked[n].verdict.kind in _GOOD]
        if before and not _goes(chain.values()):
            longer = _chain((*before, *group.numbers), arranged, source, source.files)
            if _goes(longer.values()):
                chain = longer
        checked |= {number: item for number, item in chain.items() if number not in checked}
    return checked


def _goes(chain: Iterable[Checked]) -> bool:
    return all(item.verdict.kind in (*_GOOD, Kind.ALREADY, Kind.ELSEWHERE) for item in chain)


def _chain(
    numbers: Sequence[int], arranged: Arranged, source: BaseSource, files: Files
) -> dict[int, Checked]:
    forward = _forward(numbers, arranged, source, files)
    kinds = {item.verdict.kind for item in forward.values()}
    if kinds <= {*_GOOD, Kind.ELSEWHERE}:
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
        verdict = check(arranged.patches[number], files, SCOPE)
        if verdict.kind in _GOOD:
            verdict = _proven(verdict, files, source.name)
        elsewhere = verdict.kind is Kind.ELSEWHERE
        checked[number] = Checked(source.name, verdict, () if elsewhere else applied)
        if verdict.kind in _GOOD:
            files, applied = verdict.result, (*applied, number)
    return checked


def _backward(
    numbers: Sequence[int], arranged: Arranged, source: BaseSource, files: Files
) -> dict[int, Checked]:
    """What a base has already, taken off from the last patch on; `follows` are those taken off before."""
    checked: dict[int, Checked] = {}
    taken: tuple[int, ...] = ()
    for number in reversed(numbers):
        verdict = check(arranged.patches[number], files, SCOPE)
        if verdict.kind is Kind.ALREADY:
            verdict = _proven(verdict, files, source.name)
        elif verdict.kind in _GOOD:
            verdict = replace(verdict, kind=Kind.REFUSED, text="", remarks=(_OTHERS_ARE_IN,))
        checked[number] = Checked(source.name, verdict, taken)
        if verdict.kind is Kind.ALREADY:
            files, taken = verdict.result, (*taken, number)
    return {number: checked[number] for number in numbers}


def _proven(verdict: Applicability, files: Files, target: str) -> Applicability:
    """The same verdict after patch(1) has applied the restored patch with the expected result."""
    patch = Patch("restored.patch", verdict.text.encode(errors="surrogateescape"))
    try:
        applied = apply_patch(patch, _tree(files), SCOPE, target=target)
    except InputError as error:
        return replace(verdict, kind=Kind.REFUSED, text="", remarks=(*verdict.remarks, error.message))
    if applied.tree != _tree(verdict.result) or applied.remarks:
        remark = "patch(1) makes something else of the restored patch"
        return replace(verdict, kind=Kind.REFUSED, text="", remarks=(*verdict.remarks, remark))
    return verdict


def _tree(files: Files) -> Tree:
    return {path: TreeFile(file.text.encode(errors="surrogateescape")) for path, file in files.items()}
