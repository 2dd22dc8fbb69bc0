# SPDX-License-Identifier: Apache-2.0
"""Kernel trees from the command line, put in the place of those that a scenario's variants are made from.

`--variant-tree NAME=DIR[@REV]`: the tree is that variant, whole, so that its scope and patches fall away.
`--base-tree DIR[@REV]`: the tree lies under the variants that are built from source; their patches stay.
A step of a bisection leaves one variant, which is the tree that is checked out, whole.
In every case a configuration stays as the variant has it; where it has none it is `small`, with pages as
large as the variant's kernel has them. All of it works on plain data, and looks at the disk for one thing:
where a path ends that has an `@` in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.bases import BASES
from orchestrator.errors import InputError
from orchestrator.scenario.kernel_base import is_package
from orchestrator.scenario.loading.overrides import Override
from orchestrator.scenario.loading.patched import first_expected_to_pass, is_built
from orchestrator.scenario.loading.problems import Problem
from orchestrator.scenario.settings import settings_in
from orchestrator.text.nearest import nearest
from orchestrator.units import USUAL_PAGE_BYTES, format_size

CONFIG = "small"
"""Of a variant that was no full build."""

_OF_THE_TREE = ("source", "revision", "suite")
"""Keys of a base that say which tree it is built from; the others say how."""


@dataclass(frozen=True)
class Tree:
    """A tree (a path or a package), its revision if one was given, and the option that named it."""

    source: str
    revision: str | None
    option: str

    @property
    def data(self) -> dict[str, Any]:
        """The keys of a base that it stands for."""
        revision = {} if self.revision is None else {"revision": self.revision}
        return {"source": self.source, **revision}


@dataclass(frozen=True)
class Trees:
    """What the command line says of trees: under all variants, or as single ones; by name, in order."""

    base: Tree | None = None
    variants: tuple[tuple[str, Tree], ...] = ()


@dataclass(frozen=True)
class TreeAlone:
    """One variant alone, which is this tree, whole: that of the name, or else the first expected to pass."""

    tree: Tree
    variant: str | None = None


@dataclass(frozen=True)
class Change:
    """What was put into the data, and what could not be."""

    applied: Sequence[Override] = ()
    problems: Sequence[Problem] = ()


def read_tree(text: str, option: str) -> Tree:
    """`DIR` or `DIR@REV`. Both may have an `@`: the longest path that exists is the directory."""
    cuts = [len(text), *(at for at in range(len(text) - 1, 0, -1) if text[at] == "@")]
    existing = next((cut for cut in cuts if _exists(text[:cut])), None)
    cut = existing if existing is not None else next((at for at in cuts[:0:-1]), len(text))
    source, revision = text[:cut], text[cut + 1 :] if cut < len(text) else None
    if existing is not None and is_package(source):
        source = f"./{source}"  # what lies here is meant, not Debian's
    return Tree(source, revision, option)


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # too long a name, or a directory that may not be looked into
        return False


def read_trees(base: str | None, variants: Sequence[str], *, patched: bool) -> Trees | None:
    """What the options say; None for nothing. InputError where one is not to be understood."""
    if variants and patched:
        raise InputError(
            "--variant-tree cannot be given with --patch, which makes variants of its own",
            hint="--base-tree DIR --patch FILE tries the patch on a tree",
        )
    found: dict[str, Tree] = {}
    for text in variants:
        name, equals, tree = text.partition("=")
        if not equals or not name or not tree:
            raise InputError(f"--variant-tree {text}: must look like NAME=DIR or NAME=DIR@REVISION")
        if name in found:
            raise InputError(f"--variant-tree {text}: '{name}' has a tree already: {found[name].option}")
        found[name] = read_tree(tree, f"--variant-tree {text}")
    if base is None and not found:
        return None
    return Trees(None if base is None else read_tree(base, f"--base-tree {base}"), tuple(found.items()))


def plant(data: dict[str, Any], trees: Trees | TreeAlone | None, *, everywhere: bool) -> Change:
    """Change the variants of `data` in place. `everywhere`: the base tree lies under every variant."""
    variants = data.get("variants")
    if trees is None or not isinstance(variants, dict) or not variants:
        return Change()  # validation says what is wrong
    if isinstance(trees, TreeAlone):
        return _leave_alone(data, variants, trees)
    return _plant(data, variants, trees, everywhere=everywhere)


def _plant(data: dict[str, Any], variants: dict[str, Any], trees: Trees, *, everywhere: bool) -> Change:
    applied: list[Override] = []
    if trees.base is not None:
        names = [name for name, variant in variants.items() if everywhere or _is_built(variant)]
        if not names:
            return Change(problems=[_nothing_built(trees.base, variants)])
        for name in names:
            variants[name] = _with_tree_under(variants[name], trees.base)
            applied += _blamed(name, trees.base)
    if trees.variants:
        change = _as_variants(data, variants, dict(trees.variants))
        return Change([*applied, *change.applied], change.problems)
    return Change(applied)


def _leave_alone(data: dict[str, Any], variants: dict[str, Any], alone: TreeAlone) -> Change:
    """Leave one variant in `data`, built from the tree, and what is expected of it."""
    name = alone.variant if alone.variant is not None else first_expected_to_pass(data)
    if name not in variants:
        return Change(problems=[_stranger(f"--variant {name}", str(name), variants)])
    data["variants"] = {name: {"base": _base(variants[name], alone.tree), **settings_in(variants[name])}}
    expectations = data.get("expectations")
    if isinstance(expectations, dict):
        data["expectations"] = {name: expectations[name]} if name in expectations else {}
    return Change(list(_blamed(name, alone.tree)))


def _as_variants(data: dict[str, Any], variants: dict[str, Any], trees: Mapping[str, Tree]) -> Change:
    known = [name for name in trees if name in variants]
    if not known:
        first = next(iter(variants.values()))
        data["variants"] = {
            name: {"base": _base(first, tree), **settings_in(first)} for name, tree in trees.items()
        }
        if isinstance(data.get("expectations"), dict):
            data["expectations"] = {}
        return Change([override for name, tree in trees.items() for override in _blamed(name, tree)])
    strangers = [name for name in trees if name not in variants]
    if strangers:
        return Change(problems=[_stranger(trees[name].option, name, variants) for name in strangers])
    applied: list[Override] = []
    for name, variant in list(variants.items()):
        twin_of = variant.get("twin_of") if isinstance(variant, dict) else None
        tree = trees.get(name) or trees.get(str(twin_of))
        if tree is not None:
            twin = {} if twin_of is None else {"twin_of": twin_of}
            variants[name] = {"base": _base(variant, tree), **settings_in(variant), **twin}
            applied += _blamed(name, tree)
    return Change(applied)


def _blamed(name: str, tree: Tree) -> Iterator[Override]:
    yield from (Override(("variants", name, "base", key), tree.option) for key in tree.data)


def _with_tree_under(variant: Any, tree: Tree) -> Any:
    """The variant on the tree. Patches stay; a scope does not, for the driver is built with the kernel."""
    if not isinstance(variant, dict):
        return variant
    kept = {key: value for key, value in variant.items() if key not in ("base", "scope")}
    return {"base": _base(variant, tree), **kept}


def _base(variant: Any, tree: Tree) -> dict[str, Any]:
    base = variant.get("base") if isinstance(variant, dict) else None
    if is_built(base):
        return {**tree.data, **{key: value for key, value in base.items() if key not in _OF_THE_TREE}}
    listed = BASES.get(base) if isinstance(base, str) else None
    other_pages = listed is not None and listed.page_size_bytes != USUAL_PAGE_BYTES
    pages = {"page_size": format_size(listed.page_size_bytes)} if listed is not None and other_pages else {}
    return {**tree.data, "config": CONFIG, **pages}


def _is_built(variant: Any) -> bool:
    return isinstance(variant, dict) and is_built(variant.get("base"))


def _nothing_built(tree: Tree, variants: Mapping[str, Any]) -> Problem:
    names = ", ".join(map(str, variants))
    what = f"no variant of the scenario is built from source ({names}), so none has a tree"
    first = next(iter(variants))
    return Problem(tree.option, None, None, what, f"--variant-tree {first}={tree.source}")


def _stranger(option: str, name: str, variants: Mapping[str, Any]) -> Problem:
    what = f"no variant is called '{name}'; there are: {', '.join(map(str, variants))}"
    return Problem(option, None, None, what, nearest(name, variants))
