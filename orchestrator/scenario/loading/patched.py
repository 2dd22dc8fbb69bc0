# SPDX-License-Identifier: Apache-2.0
"""What `--patch` tries and expects: the variants `base` and `patched` in place of a scenario's own. Pure.

The rule, for a file that expects something of a variant that exists: `base` is expected to end as the
file's unpatched variant of the same kernel, for that is what it is; without one, as the first variant
that is expected to fail. `patched` is expected to pass: as the first variant that is expected to,
another one than the first part of the rule took if there is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from pydantic import ValidationError

from orchestrator.kernels.modules import BINDER
from orchestrator.outcome import Outcome
from orchestrator.scenario.dump import yaml_text
from orchestrator.scenario.expectation import Expectation
from orchestrator.scenario.loading.overrides import AGAIN
from orchestrator.scenario.settings import settings_in
from orchestrator.scenario.triggers.kinds import ends_by_itself, request_of

BASE, PATCHED = "base", "patched"


@dataclass(frozen=True)
class Taken:
    """An expectation of `base` or `patched`, as data, and of which variant of the file it was."""

    data: dict[str, Any]
    source: str | None


def replace_variants(data: dict[str, Any], patches: Sequence[Path]) -> dict[str, Taken]:
    """Put `base` and `patched` (the base plus `patches`) in the place of the variants of `data`.

    Both are built from source, the driver alone or the whole kernel as the file has it, with the settings of
    the file's first variant, so that the patches are the only difference. Returns what is now
    expected of them, which is in `data`, too.
    """
    taken = dict(_expectations(data))
    variants = data.get("variants")
    first = next(iter(variants.values()), None) if isinstance(variants, dict) else None
    base = first.get("base") if isinstance(first, dict) else None
    # What is built whole has its patches compiled in, and no module is built against it.
    built: dict[str, Any] = {} if is_built(base) else {"scope": BINDER.scope}
    built |= settings_in(first)
    if base is not None:
        built["base"] = base
    files = [str(patch.absolute()) for patch in patches]
    data["variants"] = {BASE: dict(built), PATCHED: {**built, "patches": files}}
    if isinstance(data.get("expectations", {}), dict):
        data["expectations"] = {name: each.data for name, each in taken.items()}
    return taken


def keep_taken(data: dict[str, Any], taken: Mapping[str, Taken], said: Collection[str]) -> dict[str, Taken]:
    """Leave in `data` what holds of the expectations that were taken: a twin shares those of its variant.

    Where --set says something of a variant (its name is in `said`; "" is all of them), only that counts.
    """
    stated = data.get("expectations")
    if not taken or not isinstance(stated, dict):
        return {}
    kept = {
        name: taken[name.removesuffix(AGAIN)]
        for name in stated
        if name.removesuffix(AGAIN) in taken and not {"", name} & set(said)
    }
    data["expectations"] = {name: stated[name] for name in kept}
    return kept


def fit(data: dict[str, Any], taken: Mapping[str, Taken]) -> None:
    """Leave out what --set made impossible to judge; requests that are counted are all to succeed."""
    stated, variants = data.get("expectations"), data.get("variants")
    if not isinstance(stated, dict):
        return
    for name in taken:
        expectation = stated.get(name)
        if not isinstance(expectation, dict):
            continue
        for key, value in _impossible(data):
            if value in (None, expectation.get(key)):
                expectation.pop(key, None)
        if name.startswith(PATCHED) and request_of(_kind(data)) is not None:
            expectation.setdefault("requests_failed", 0)
        if not expectation or (isinstance(variants, dict) and name not in variants):
            del stated[name]


def _kind(data: dict[str, Any]) -> Any:
    trigger = data.get("trigger")
    return trigger.get("kind") if isinstance(trigger, dict) else None


def _impossible(data: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Keys of an expectation that this load cannot show, and with which value (None: any)."""
    if request_of(_kind(data)) is None:
        yield "requests_failed", None
    if not ends_by_itself(_kind(data)):
        yield from (("exit_status", None), ("signal", None))
    if data.get("bystanders") is None:
        yield "killed", "bystander"


def is_built(base: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a base, as data, is a kernel that is built whole."""
    return isinstance(base, dict) and "source" in base


def first_expected_to_pass(data: Mapping[str, Any]) -> str:
    """The variant that is expected to pass, the first of them; the first variant where none is."""
    variants, stated = data["variants"], data.get("expectations")
    expected = stated if isinstance(stated, dict) else {}
    read = {name: _read(expected[name]) for name in variants if isinstance(expected.get(name), dict)}
    passing = (name for name, each in read.items() if each is not None and _passes(each))
    return str(next(passing, next(iter(variants))))


def expectations_taken(
    expectations: Mapping[str, Expectation], taken: Mapping[str, str | None]
) -> Iterator[str]:
    """What is expected of the variants whose expectations were `taken`; a line each, for people."""
    for name, source in taken.items():
        data = expectations[name].model_dump(mode="json", exclude_defaults=True)
        whose = "to pass" if source is None else f"to end as {source} of the scenario"
        yield f"{name} is expected {whose}: {yaml_text(data, flow=True).strip()}"


def _expectations(data: dict[str, Any]) -> Iterator[tuple[str, Taken]]:
    variants, stated = data.get("variants"), data.get("expectations")
    if not isinstance(variants, dict) or not isinstance(stated, dict):
        return
    known = {name: each for name, each in stated.items() if name in variants and isinstance(each, dict)}
    if not known:
        return
    read = {name: _read(each) for name, each in known.items()}
    broken = next((name for name, each in read.items() if each is None), None)
    failing = [name for name, each in read.items() if each is not None and each.is_failure]
    passing = [name for name, each in read.items() if each is not None and _passes(each)]
    # Of one that is broken, validation says where and why.
    source = (
        broken
        or next((name for name in known if _is_base(variants, name)), None)
        or next(iter(failing), None)
    )
    if source is not None:
        yield BASE, Taken(dict(known[source]), source)
    other = next((name for name in passing if name != source), next(iter(passing), None))
    passes = {} if other is None else known[other]
    yield PATCHED, Taken({"outcome": str(Outcome.PASSED), **passes}, other)


def _read(data: dict[str, Any]) -> Expectation | None:
    try:
        return Expectation.model_validate(data)
    except ValidationError:
        return None


def _passes(expectation: Expectation) -> bool:
    return expectation.expected_outcome is Outcome.PASSED and not expectation.is_failure


def _is_base(variants: Mapping[str, Any], name: str) -> bool:
    """Whether a variant of the file is the kernel that `base` will be."""
    first, variant = next(iter(variants.values())), variants[name]
    return (
        isinstance(first, dict)
        and isinstance(variant, dict)
        and variant.get("base") == first.get("base")
        and not variant.get("patches")
        and settings_in(variant) == settings_in(first)
    )
