# SPDX-License-Identifier: Apache-2.0
"""Variants that run the same binary are told apart from those that differ."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.kernels.identical import same_binaries
from orchestrator.kernels.manifest import (
    ArtefactManifest,
    BuiltKernel,
    GivenKernel,
    PatchFile,
    VariantArtefacts,
)

FIX = PatchFile(name="fix.patch", sha256="f1")
OTHER = PatchFile(name="other.patch", sha256="f2")
NOTHING = "the patch changes nothing in the binary"


def made(name: str, *patches: PatchFile, module: str | None = None, **changes: Any) -> ArtefactManifest:
    variant = VariantArtefacts(
        name=name,
        scope=None,
        patches=patches,
        module_sha256=module,
        module_origin="built-in" if module is None else "built",
    )
    fields: dict[str, Any] = {
        "base": "debian-6.1", "arch": "arm64", "release": "6.1.0", "page_size_bytes": 4096, "packages": (),
        "kernel_sha256": "k" * 64, "busybox_sha256": "b", "agent_sha256": "a", "agent_compiler": "cc",
        "initramfs_sha256": name, "variants": (variant,),
    }  # fmt: skip
    return ArtefactManifest(**(fields | changes))


def test_a_tree_is_told_with_its_commit() -> None:
    fields = {"source_sha256": "s", "config": "small", "config_sha256": "c", "compiler": "cc"}
    clean = BuiltKernel(tree="linux", version="6.12.3", commit="0123456789abcdef", **fields)  # type: ignore[arg-type]
    assert clean.words == "linux 6.12.3, commit 0123456789ab"
    dirty = clean.model_copy(update={"dirty": True})
    assert dirty.words == "linux 6.12.3, commit 0123456789ab and changes that are not committed"
    assert clean.model_copy(update={"commit": None, "dirty": True}).words == "linux 6.12.3"


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (
            made("a", module="m" * 64),
            made("b", FIX, module="m" * 64),
            f"a and b run the same binder_linux.ko (SHA-256 {'m' * 16}...): {NOTHING}",
        ),
        (
            made("a"),
            made("b", FIX, base="debian-6.1 + fix.patch (f1)"),
            f"a and b run the same kernel 6.1.0 (SHA-256 {'k' * 16}...): {NOTHING}",
        ),
        (made("a"), made("b", FIX, OTHER), "the patches change nothing in the binary"),
        (
            made("a", FIX),
            made("b", OTHER),
            "what tells them apart in the scenario changes nothing in the binary",
        ),
        (
            made("a"),
            made("b", base="linux small COMPACTION=n"),
            "what tells them apart in the scenario changes",
        ),
        (
            made("a", FIX),
            made("b", FIX),
            "asks for one and the same twice (for a control, say so with `twin_of`)",
        ),
    ],
)
def test_what_is_the_same_is_said_with_file_and_checksum(
    one: ArtefactManifest, other: ArtefactManifest, words: str
) -> None:
    (same,) = same_binaries({"a": one, "b": other})
    assert same.variants == ("a", "b")
    assert words in same.words


@pytest.mark.parametrize(
    "other",
    [
        made("b", FIX, module="n"),
        made("b", FIX, module="m", kernel_sha256="other"),
        made("b", FIX, module="m", given=GivenKernel(image="I", image_sha256="i", initramfs_sha256="x")),
    ],
)
def test_what_differs_anywhere_is_not(other: ArtefactManifest) -> None:
    assert same_binaries({"a": made("a", module="m"), "b": other}) == []


def test_of_many_those_that_are_alike_are_named() -> None:
    found = same_binaries(
        {"a": made("a", module="m"), "b": made("b", FIX, module="n"), "c": made("c", OTHER, module="m")}
    )
    assert [same.variants for same in found] == [("a", "c")]


def test_other_settings_tell_the_same_binary_apart() -> None:
    manifests = {name: made(name, module="m") for name in ("a", "b", "c")}
    assert same_binaries(manifests, {"b": "vm.swappiness=1", "c": "vm.swappiness=2"}) == []
    (same,) = same_binaries(manifests, {"b": "vm.swappiness=1", "c": "vm.swappiness=1"})
    assert (same.variants, same.settings_differ) == (("b", "c"), False)


def test_a_patch_without_effect_is_told_beside_other_settings() -> None:
    (same,) = same_binaries({"a": made("a", module="m"), "b": made("b", FIX, module="m")}, {"b": "x=1"})
    assert same.settings_differ
    assert same.because == f"{NOTHING}; what a run shows is of their settings alone"
