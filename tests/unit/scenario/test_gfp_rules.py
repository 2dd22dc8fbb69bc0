# SPDX-License-Identifier: Apache-2.0
"""Requests that no kernel takes are refused, with one that it does."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from orchestrator.oom.gfp import names_of
from orchestrator.paths import resource_dir
from orchestrator.scenario.gfp_rules import Api, Objection, Request, objections, unknown_flag
from orchestrator.scenario.triggers.allocate import Allocate

NAMES = names_of("6.12")
MODULE = "guest/module/allocate/oomlab_allocate.c"


def accepted(request: Request) -> bool:
    return unknown_flag(request.gfp) is None and not list(objections(request))


def mended(request: Request, found: Objection) -> Request:
    changed: dict[str, Any] = {found.key: int(found.instead) if found.key == "order" else found.instead}
    return replace(request, **changed)


@pytest.mark.parametrize(
    ("gfp", "instead"),
    [
        ("GFP_KERNAL", "GFP_KERNEL"),
        ("GFP_ATOMIC|__GFP_NOWRAN", "GFP_ATOMIC|__GFP_NOWARN"),
        ("__GFP_WAIT|__GFP_IO", "__GFP_RECLAIM|__GFP_IO"),
        ("GFP_KERNEL|__GFP_NOTRACK", "GFP_KERNEL"),
        ("__GFP_COLD", "GFP_KERNEL"),
        ("GFP_KERNEL;", "GFP_KERNEL"),
        ("0xcc0", "GFP_KERNEL"),
        ("GFP_KERNEL|", "GFP_KERNEL|GFP_KERNEL"),
    ],
)
def test_a_name_that_is_no_flag_is_refused_with_the_nearest_that_is(gfp: str, instead: str) -> None:
    found = unknown_flag(gfp)
    assert found is not None
    assert found.instead == instead


@pytest.mark.parametrize(
    ("request_", "key"),
    [
        (Request("kvmalloc", 5, "GFP_ATOMIC"), "api"),
        (Request("kvmalloc", 5, "GFP_NOWAIT|__GFP_NOWARN"), "api"),
        (Request("alloc_pages", 2, "GFP_KERNEL|__GFP_NOFAIL"), "order"),
        (Request("kmalloc", 5, "GFP_KERNEL|__GFP_NOFAIL"), "order"),
        (Request("alloc_pages", 0, "GFP_ATOMIC|__GFP_NOFAIL"), "gfp"),
        (Request("alloc_pages", 0, "GFP_KERNEL|__GFP_NOFAIL", in_reclaim=True), "in_reclaim"),
        (Request("alloc_pages", 0, "GFP_DMA|GFP_DMA32"), "gfp"),
        (Request("alloc_pages", 0, "GFP_HIGHUSER|GFP_DMA"), "gfp"),
        (Request("alloc_pages", 0, "GFP_HIGHUSER_MOVABLE|__GFP_RECLAIMABLE"), "gfp"),
        (Request("alloc_pages", 0, "GFP_KERNEL|GFP_ATOMIC"), "gfp"),
        (Request("kmalloc", 0, "GFP_HIGHUSER"), "api"),
        (Request("kvmalloc", 3, "GFP_KERNEL|__GFP_DMA32"), "api"),
        (Request("dma_alloc_coherent", 0, "GFP_KERNEL|GFP_DMA"), "gfp"),
        (Request("dma_alloc_coherent", 0, "GFP_KERNEL|__GFP_COMP"), "gfp"),
        (Request("dma_alloc_coherent", 0, "GFP_TRANSHUGE"), "gfp"),
    ],
)
def test_what_a_kernel_would_warn_of_is_refused(request_: Request, key: str) -> None:
    assert key in [each.key for each in objections(request_)]


@pytest.mark.parametrize(
    "request_",
    [
        Request("alloc_pages", 10, "GFP_ATOMIC|__GFP_NOWARN"),
        Request("kvmalloc", 5, "GFP_KERNEL|__GFP_NOFAIL"),
        Request("alloc_pages", 1, "GFP_KERNEL|__GFP_NOFAIL"),
        Request("kmalloc", 4, "GFP_NOFS|__GFP_COMP"),
        Request("alloc_pages", 9, "GFP_TRANSHUGE"),
        Request("alloc_pages", 0, "GFP_NOFS|__GFP_COMP|__GFP_NOMEMALLOC", in_reclaim=True),
    ],
)
def test_what_a_driver_may_ask_is_taken(request_: Request) -> None:
    assert accepted(request_)


def test_what_is_offered_instead_is_taken() -> None:
    pairs = {f"{one}|{two}" for one, two in product(NAMES, NAMES)}
    for api, order, gfp in product(get_args(Api), (0, 5), (*NAMES, *sorted(pairs))):
        request = Request(api, order, gfp)
        for _ in range(4):
            found = next(objections(request), None)
            if found is None:
                break
            request = mended(request, found)
        assert accepted(request), (api, order, gfp, request)


def test_the_module_knows_every_name_that_a_scenario_may_have() -> None:
    source = (resource_dir("images") / MODULE).read_text()
    assert set(re.findall(r"\bFLAG\((\w+)\),", source)) == set(NAMES)


def test_a_scenario_with_such_a_request_names_the_key_and_what_would_do() -> None:
    with pytest.raises(ValidationError) as caught:
        Allocate.model_validate({"kind": "allocate", "order": 3, "count": 1, "gfp": "GFP_ATOMICS"})
    (error,) = caught.value.errors()
    (problem,) = error["ctx"]["problems"]
    assert (problem.path, problem.nearest) == (("gfp",), "GFP_ATOMIC")
