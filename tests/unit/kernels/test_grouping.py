# SPDX-License-Identifier: Apache-2.0
"""Variants share a kernel exactly if the requests for it are equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.bases import BASES, Base, ConfigSpec, GivenImage, SourceBuild, TreeSpec, unlisted_bases
from orchestrator.errors import InputError
from orchestrator.kernels.base import KernelRequest
from orchestrator.kernels.build.patch import read_patch
from orchestrator.kernels.sources import source_of
from orchestrator.kernels.variants import VariantRecipe, by_kernel, locked_variants

SMALL = SourceBuild(TreeSpec("linux-source-6.12"), ConfigSpec("small"))
OTHER = SourceBuild(TreeSpec("linux-source-6.12"), ConfigSpec("small", options=(("COMPACTION", "n"),)))
UNLISTED = unlisted_bases([SMALL, OTHER])
BUILT, COMPACTLESS = UNLISTED[SMALL], UNLISTED[OTHER]
SCOPE = "drivers/android"


@pytest.fixture
def patch(tmp_path: Path) -> Path:
    return written(tmp_path / "mm.patch", "mm/page_alloc.c")


def written(file: Path, touched: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"--- a/{touched}\n+++ b/{touched}\n@@ -1 +1 @@\n-a\n+b\n")
    return file


def groups(*recipes: VariantRecipe) -> dict[str, list[str]]:
    return {
        group.request.name: [item.recipe.name for item in group.variants]
        for group in by_kernel("arm64", recipes)
    }


def test_patches_without_scope_are_part_of_the_kernel(patch: Path) -> None:
    plain, patched = VariantRecipe("base", BUILT), VariantRecipe("patched", BUILT, None, (patch,))
    bare, compiled = by_kernel("arm64", [plain, patched])
    assert bare.request == KernelRequest(BUILT, ARCHS["arm64"])
    assert compiled.request == KernelRequest(BUILT, ARCHS["arm64"], patches=(read_patch(patch),))
    assert compiled.variants[0].build_scope is None
    assert compiled.request.name == f"linux-source-6.12 small + mm.patch ({read_patch(patch).sha256[:8]})"


def test_those_with_equal_requests_share_it_and_no_others(patch: Path, tmp_path: Path) -> None:
    namesake = written(tmp_path / "other/mm.patch", "mm/vmscan.c")
    made = groups(
        VariantRecipe("a", BUILT),
        VariantRecipe("b", BUILT),
        VariantRecipe("c", BUILT, None, (patch,)),
        VariantRecipe("d", BUILT, None, (patch,)),
        VariantRecipe("e", BUILT, None, (namesake,)),
        VariantRecipe("f", COMPACTLESS),
        VariantRecipe("g", BASES["debian-6.12"]),
    )
    assert list(made.values()) == [["a", "b"], ["c", "d"], ["e"], ["f"], ["g"]]
    assert len(made) == 5, "each kernel has a name of its own"


def test_a_scope_builds_modules_against_the_kernel_without_patches(patch: Path, tmp_path: Path) -> None:
    driver = written(tmp_path / "driver.patch", f"{SCOPE}/binder.c")
    shared, own = by_kernel(
        "arm64",
        [
            VariantRecipe("plain", BUILT),
            VariantRecipe("module", BUILT, SCOPE, (driver,)),
            VariantRecipe("kernel", BUILT, None, (patch,)),
        ],
    )
    assert shared.request == KernelRequest(BUILT, ARCHS["arm64"], SCOPE)
    assert [item.build_scope for item in (*shared.variants, *own.variants)] == [SCOPE, SCOPE, None]
    assert own.request.scope is None


def test_a_patch_that_leaves_the_tree_is_refused_by_its_headers(tmp_path: Path) -> None:
    out = written(tmp_path / "out.patch", "../../etc/passwd")
    with pytest.raises(InputError, match=r"touches \.\./\.\./etc/passwd, outside of the kernel's source"):
        by_kernel("arm64", [VariantRecipe("a", BUILT, None, (out,))])


def test_a_lock_names_the_kernel_with_its_patches(patch: Path) -> None:
    wanted = locked_variants("arm64", [VariantRecipe("a", BUILT), VariantRecipe("b", BUILT, None, (patch,))])
    assert wanted["a"].base == "linux-source-6.12 small"
    assert wanted["b"].base.startswith("linux-source-6.12 small + mm.patch (")


def test_requests_can_be_keys() -> None:
    assert len({KernelRequest(base, ARCHS["arm64"]) for base in (*BASES.values(), BUILT)}) == len(BASES) + 1


def test_every_kind_of_base_has_a_source() -> None:
    given, built = unlisted_bases([GivenImage(Path("/nowhere/Image")), SMALL]).values()
    assert len({id(source_of(base)) for base in (given, built, BASES["debian-6.1"])}) == 3


@pytest.mark.parametrize(
    ("base", "words"),
    [
        (BASES["debian-6.1"], "To build the whole kernel with it, add `--base-tree linux-source-6.1`, or"),
        (BASES["debian-6.1"], "`base: {source: linux-source-6.1, config: small}` and no scope for every"),
        (BASES["debian-6.12-16k"], "{source: linux-source-6.12, page_size: 16KiB, config: small}"),
        (BASES["debian-sid"], "write `base: {source: linux-source, suite: sid, config: small}` and no scope"),
        (BUILT, "Without `scope` patches are compiled into the kernel, and may touch anything"),
    ],
)
def test_a_patch_that_a_module_cannot_hold_is_told_where_it_can_go(
    patch: Path, base: Base, words: str
) -> None:
    with pytest.raises(InputError, match=f"touches mm/page_alloc.c, outside its scope {SCOPE}") as caught:
        by_kernel("arm64", [VariantRecipe("a", base, SCOPE, (patch,))])
    assert words in caught.value.hint
