# SPDX-License-Identifier: Apache-2.0
"""Recipes are checked before anything is fetched, and a plan starts nothing."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from orchestrator.bases import BASES
from orchestrator.errors import HostError, InputError
from orchestrator.kernels import images
from orchestrator.kernels.images import image_needs, prepare_images
from orchestrator.kernels.planned import planned_commands
from orchestrator.kernels.variants import VariantRecipe, check_variants
from orchestrator.paths import cache_dir, resource_dir

SCOPE = "drivers/android"
SHIPPED = resource_dir("images") / "patches" / "binder-kvcalloc-6.1.patch"
BASE = BASES["debian-6.1"]
PLAIN = VariantRecipe("kcalloc", BASE)
PATCHED = VariantRecipe("kvcalloc", BASE, SCOPE, (SHIPPED,))


@pytest.fixture(autouse=True)
def _no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("orchestrator.host.process.subprocess.Popen", refuse)


def test_an_unpatched_variant_is_built_like_the_patched_one_beside_it() -> None:
    assert [item.build_scope for item in check_variants("arm64", [PLAIN, PATCHED])] == [SCOPE, SCOPE]


def test_alone_it_is_the_distribution_s_own() -> None:
    assert [item.build_scope for item in check_variants("arm64", [PLAIN])] == [None]


def test_a_scope_without_patches_is_built() -> None:
    recipe = VariantRecipe("rebuilt", BASE, SCOPE)
    assert [item.build_scope for item in check_variants("arm64", [recipe])] == [SCOPE]


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (VariantRecipe("a", BASE, "mm"), "scope 'mm'"),
        (VariantRecipe("a", BASE, None, (SHIPPED,)), "patches but no scope"),
        (
            VariantRecipe("a", BASE, SCOPE, (Path("none.patch"),)),
            "cannot read the patch none.patch",
        ),
        (VariantRecipe("../a", BASE), "cannot be used as the name"),
        (VariantRecipe("common", BASE), "cannot be used as the name"),
    ],
)
def test_bad_recipes_are_refused_before_anything_is_fetched(recipe: VariantRecipe, message: str) -> None:
    with pytest.raises(InputError) as caught:
        prepare_images("arm64", [recipe], progress=print)
    assert message in caught.value.message
    assert not cache_dir().joinpath("store").exists()


def test_a_plan_can_be_pasted_line_by_line() -> None:
    plan = planned_commands("arm64", [PLAIN, PATCHED])
    assert all("\n" not in line and shlex.split(line) for line in plan.commands)
    text = "\n".join(plan.commands)
    for word in ("apt-get -c", "linux-image-arm64:arm64", "patch -p1", "bwrap --unshare-all", "cpio -o"):
        assert word in text
    assert plan.images["kcalloc"] == plan.images["kvcalloc"]
    assert not cache_dir().joinpath("planned").exists()


def test_a_plan_without_scope_builds_no_module() -> None:
    text = "\n".join(planned_commands("x86_64", [PLAIN]).commands)
    assert "linux-image-amd64:amd64" in text
    assert "make" not in text
    assert "linux-source" not in text


@pytest.mark.parametrize("name", ["binder-kvcalloc-6.1.patch", "binder-kcalloc-6.12.patch"])
def test_shipped_patches_say_their_licence_and_stay_in_scope(name: str) -> None:
    file = SHIPPED.with_name(name)
    assert file.read_text().startswith("SPDX-License-Identifier: GPL-2.0\n")
    base = "debian-6.12" if "6.12" in name else "debian-6.1"
    check_variants("arm64", [VariantRecipe("a", BASES[base], SCOPE, (file,))])


@pytest.fixture
def _no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("_no_programs")
def test_all_programs_that_are_missing_are_told_at_once() -> None:
    with pytest.raises(HostError) as caught:
        prepare_images("arm64", [PLAIN, PATCHED], progress=print)
    for name in ("aarch64-linux-gnu-gcc", "bwrap", "make", "patch", "cpio", "apt-get", "dpkg-deb"):
        assert name in caught.value.message
    assert "bubblewrap" in caught.value.hint
    assert not cache_dir().joinpath("apt").exists()


@pytest.mark.usefixtures("_no_programs")
def test_what_is_not_needed_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "bwrap" not in {need.name for need in image_needs("arm64", [PLAIN])}, "nothing is built"
    monkeypatch.setattr(images, "cached_images", lambda *_: object())
    cached = {need.name for need in image_needs("arm64", [PLAIN, PATCHED])}
    assert cached == {"aarch64-linux-gnu-gcc"}, "its checksum names what is in the cache"
