# SPDX-License-Identifier: Apache-2.0
"""Kernels that are built whole go through images, records, pins and locks as any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.bases import Base, GivenImage
from orchestrator.deadline import Deadline
from orchestrator.errors import InputError
from orchestrator.host.process import run
from orchestrator.kernels.images import GuestImages, prepare_images
from orchestrator.kernels.lock import lock_of
from orchestrator.kernels.modules import ALLOCATE
from orchestrator.kernels.pins import Pins
from orchestrator.kernels.planned import planned_commands
from orchestrator.kernels.variants import VariantRecipe, locked_variants
from tests.unit.kernels.built_source import BUILT, in_memory

SCOPE = "drivers/android"


@pytest.fixture(autouse=True)
def _built(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with in_memory(monkeypatch):
        yield


@pytest.fixture
def recipes(tmp_path: Path) -> list[VariantRecipe]:
    patch = tmp_path / "mm.patch"
    patch.write_text("--- a/mm/page_alloc.c\n+++ b/mm/page_alloc.c\n@@ -1 +1 @@\n-a\n+b\n")
    return [VariantRecipe("base", BUILT), VariantRecipe("patched", BUILT, None, (patch,))]


def prepare(recipes: list[VariantRecipe], pins: Pins | None = None) -> dict[str, GuestImages]:
    return prepare_images("arm64", recipes, progress=lambda _line: None, pins=pins)


def test_each_variant_boots_its_own_kernel(recipes: list[VariantRecipe]) -> None:
    made = prepare(recipes)
    assert made["base"].kernel.read_bytes() != made["patched"].kernel.read_bytes()
    assert [each.manifest.base.partition(" (")[0] for each in made.values()] == [
        "linux-source-6.12 small",
        "linux-source-6.12 small + mm.patch",
    ]
    patched = made["patched"].manifest
    assert patched.built is not None
    assert [patch.name for patch in patched.built.patches] == ["mm.patch"]
    assert [variant.name for variant in patched.variants] == ["patched"]
    assert [patch.name for patch in made["patched"].patches] == ["mm.patch"]


def test_a_driver_that_is_built_in_is_recorded_and_has_no_module(recipes: list[VariantRecipe]) -> None:
    guest = prepare(recipes)["patched"]
    (variant,) = guest.manifest.variants
    assert (variant.module_origin, variant.module_sha256, variant.compiler) == ("built-in", None, None)
    assert guest.binder == "built-in"
    listing = run(["cpio", "-t", "--quiet", "-F", guest.initramfs], deadline=Deadline.after(10, "cpio"))
    assert not [name for name in listing.stdout.decode().split() if "binder" in name or "patched" in name]


def test_a_module_of_a_driver_that_is_built_in_is_refused() -> None:
    with pytest.raises(InputError, match="has binder_linux built in: no module") as caught:
        prepare([VariantRecipe("a", BUILT, SCOPE)])
    assert "leave out `scope`" in caught.value.hint


@pytest.mark.parametrize("base", [BUILT, Base("mine", 4096, GivenImage(Path("/nowhere/Image")))])
def test_a_test_module_is_refused_where_no_headers_are_packaged(base: Base) -> None:
    with pytest.raises(InputError, match="oomlab_allocate, by which the trigger") as caught:
        prepare([VariantRecipe("a", base, test_module=ALLOCATE)])
    assert "debian-6.1, debian-6.12" in caught.value.hint


def test_a_driver_that_is_a_module_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    with in_memory(monkeypatch, has_module=True):
        guest = prepare([VariantRecipe("a", BUILT)])["a"]
    assert guest.binder == "module"
    assert guest.manifest.variants[0].module_origin == "distribution"


def test_the_very_kernels_of_a_run_are_found(recipes: list[VariantRecipe]) -> None:
    made = prepare(recipes)
    pins = Pins(tuple(each.manifest for each in made.values()))
    assert prepare(recipes, pins) == made
    with pytest.raises(InputError, match=r"did not use linux-source-6\.12 small on arm64"):
        prepare(recipes, Pins((made["patched"].manifest,)))


def test_a_lock_holds_each_kernel(recipes: list[VariantRecipe]) -> None:
    lock = lock_of([each.manifest for each in prepare(recipes).values()], "1")
    assert len(lock.bases) == 2
    assert all(each.built is not None for each in lock.bases.values())
    assert lock.variants == locked_variants("arm64", recipes)
    locked = prepare_images("arm64", recipes, progress=lambda _line: None, lock=lock)
    assert locked == prepare(recipes)


def test_a_plan_says_how_each_is_made(recipes: list[VariantRecipe]) -> None:
    plan = planned_commands("arm64", recipes)
    assert "make Image" in plan.commands
    assert "make Image mm.patch" in plan.commands
    assert plan.images["base"] != plan.images["patched"]
    assert not [line for line in plan.commands if "binder_linux" in line]
