# SPDX-License-Identifier: Apache-2.0
"""Trees from the command line: what they take the place of, what stays, and whom a mistake is blamed on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.outcome import Outcome
from orchestrator.scenario.kernel_base import SourceBase
from orchestrator.scenario.loading.loader import LoadedScenario, Repeat, load_text
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.scenario.loading.trees import Tree, TreeAlone, Trees, read_tree, read_trees
from orchestrator.units import KIB
from tests.unit.scenario.conftest import GOOD

BUILT = """\
name: example
device: {arch: arm64, memory: 256MiB}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
variants:
  old: {base: {source: linux-source-6.12, config: small, options: {COMPACTION: n}}}
  new: {base: {source: linux-source-6.12, config: small}, patches: [mine.patch]}
  packaged: {base: debian-6.12}
expectations:
  old: {outcome: oom}
  new: {outcome: passed}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user is: two trees and a patch."""
    for folder in ("one", "two", "odd@name", "linux-source-6.12"):
        (tmp_path / folder).mkdir()
    (tmp_path / "mine.patch").write_text("--- a\n+++ b\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str, *variants: str, base: str | None = None, patches: Sequence[Path] = ()) -> LoadedScenario:
    trees = read_trees(base, variants, patched=bool(patches))
    return load_text(text, Path("example.yaml"), patches=patches, trees=trees)


def built(loaded: LoadedScenario, name: str) -> SourceBase:
    base = loaded.scenario.variants[name].base
    assert isinstance(base, SourceBase)
    return base


def told(*variants: str, text: str = GOOD, base: str | None = None) -> list[str]:
    with pytest.raises(ScenarioInvalid) as caught:
        load(text, *variants, base=base)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "source", "revision"),
    [
        ("one", "one", None),
        ("one@v6.12.3", "one", "v6.12.3"),
        ("one@HEAD@{1}", "one", "HEAD@{1}"),
        ("odd@name", "odd@name", None),
        ("odd@name@v6.12", "odd@name", "v6.12"),
        ("nowhere@v6.12@x", "nowhere", "v6.12@x"),
        ("one@", "one", ""),
        ("linux-source-6.12", "./linux-source-6.12", None),
        ("linux-source-6.1", "linux-source-6.1", None),
        ("x" * 5000, "x" * 5000, None),
    ],
)
def test_a_path_may_have_an_at_sign_in_it(text: str, source: str, revision: str | None) -> None:
    assert read_tree(text, "--base-tree") == Tree(source, revision, "--base-tree")


def test_names_of_its_own_replace_the_scenario_s_variants(place: Path) -> None:
    loaded = load(GOOD, "base=one", "patched=two@v6.12.3")
    assert list(loaded.scenario.variants) == ["base", "patched"]
    assert built(loaded, "base") == SourceBase(source=str(place / "one"), config="small")
    assert built(loaded, "patched").revision == "v6.12.3"
    assert not loaded.scenario.expectations
    assert all(variant.scope is None for variant in loaded.scenario.variants.values())


def test_new_names_are_configured_as_the_first_variant_is() -> None:
    assert built(load(BUILT, "base=one"), "base").options == {"COMPACTION": "n"}


def test_a_variant_of_that_name_is_the_tree_and_keeps_what_is_expected_of_it() -> None:
    loaded = load(GOOD, "kvcalloc=two")
    assert list(loaded.scenario.variants) == ["kcalloc", "kvcalloc"]
    assert loaded.scenario.variants["kcalloc"].base == "debian-6.1"
    kvcalloc = loaded.scenario.variants["kvcalloc"]
    assert (kvcalloc.scope, kvcalloc.patches) == (None, ())
    assert built(loaded, "kvcalloc").config == "small"
    assert loaded.scenario.expectations["kvcalloc"].outcome is Outcome.PASSED


def test_a_twin_goes_with_its_variant() -> None:
    loaded = load(
        GOOD.replace("fragmentation:", "  again: {base: debian-6.1, twin_of: kcalloc}\nfragmentation:"),
        "kcalloc=one",
    )
    assert loaded.scenario.variants["again"].base == loaded.scenario.variants["kcalloc"].base


def test_pages_stay_as_large_as_they_were() -> None:
    text = GOOD.replace("kcalloc: {base: debian-6.1}", "kcalloc: {base: debian-6.12-16k}")
    assert built(load(text, "kcalloc=one"), "kcalloc").page_bytes == 16 * KIB


def test_a_base_tree_lies_under_what_is_built_from_source_and_patches_stay(place: Path) -> None:
    loaded = load(BUILT, base="one@v6.12")
    for name in ("old", "new"):
        base = built(loaded, name)
        assert (base.source, base.revision) == (str(place / "one"), "v6.12")
    assert built(loaded, "old").options == {"COMPACTION": "n"}
    assert [patch.name for patch in loaded.scenario.variants["new"].patches] == ["mine.patch"]
    assert loaded.scenario.variants["packaged"].base == "debian-6.12"


def test_a_patch_is_tried_on_a_base_tree(place: Path) -> None:
    for text in (GOOD, BUILT):
        loaded = load(text, base="one", patches=[place / "mine.patch"])
        assert list(loaded.scenario.variants) == ["base", "patched"]
        for name, variant in loaded.scenario.variants.items():
            assert built(loaded, name).source == str(place / "one")
            assert variant.scope is None
        assert loaded.scenario.variants["patched"].patches == (place / "mine.patch",)


def test_a_patch_for_a_kernel_that_is_built_whole_is_compiled_in(place: Path) -> None:
    variants = load(BUILT, patches=[place / "mine.patch"]).scenario.variants
    assert [variant.scope for variant in variants.values()] == [None, None]
    assert variants["base"].base == variants["patched"].base == load(BUILT).scenario.variants["old"].base


def test_trees_can_be_held_against_themselves() -> None:
    trees = read_trees(None, ["new=one"], patched=False)
    loaded = load_text(BUILT, Path("example.yaml"), repeat=Repeat("new"), trees=trees)
    assert loaded.scenario.variants["new-again"].base == loaded.scenario.variants["new"].base


def test_the_revision_in_a_file_does_not_outlive_its_tree(place: Path) -> None:
    text = BUILT.replace(
        "source: linux-source-6.12, config: small}", "source: two, revision: v1, config: small}"
    )
    base = built(load(text, base="one"), "new")
    assert (base.source, base.revision) == (str(place / "one"), None)


def test_mistakes_are_blamed_on_the_option() -> None:
    (problem,) = told("kcalloc=one", "kvcaloc=two")
    assert problem == (
        "--variant-tree kvcaloc=two: no variant is called 'kvcaloc'; there are: kcalloc, kvcalloc"
        " (did you mean 'kvcalloc'?)"
    )
    (problem,) = told("kcalloc=on")
    assert problem.startswith("--variant-tree kcalloc=on: no such directory")
    assert problem.endswith("(did you mean 'one'?)")
    (problem,) = told("kcalloc=one@")
    assert problem.startswith("--variant-tree kcalloc=one@: ")
    assert "revision" in problem
    (problem,) = told(base="one")
    assert "no variant of the scenario is built from source (kcalloc, kvcalloc)" in problem


def test_options_that_cannot_be_understood_are_refused() -> None:
    for text in ("one", "=one", "base="):
        with pytest.raises(InputError, match="NAME=DIR"):
            read_trees(None, [text], patched=False)
    with pytest.raises(InputError, match="has a tree already: --variant-tree base=one"):
        read_trees(None, ["base=one", "base=two"], patched=False)
    with pytest.raises(InputError, match="--patch"):
        read_trees(None, ["base=one"], patched=True)
    assert read_trees(None, [], patched=True) is None
    assert read_trees("one", [], patched=True) == Trees(Tree("one", None, "--base-tree one"))


def alone(text: str, variant: str | None = None) -> LoadedScenario:
    tree = TreeAlone(Tree(str(Path("one").absolute()), None, "--tree one"), variant)
    return load_text(text, Path("example.yaml"), trees=tree)


def test_a_bisection_leaves_the_variant_that_a_good_kernel_would_pass_and_it_is_the_tree() -> None:
    for text, name in ((GOOD, "kvcalloc"), (BUILT, "new")):
        loaded = alone(text)
        (variant,) = loaded.scenario.variants.items()
        assert variant[0] == name
        assert (variant[1].scope, variant[1].patches) == (None, ())
        assert list(loaded.scenario.expectations) == [name]
    assert list(alone(BUILT, "old").scenario.variants) == ["old"]
    assert built(alone(BUILT, "old"), "old").options == {"COMPACTION": "n"}
    assert built(alone(BUILT, "packaged"), "packaged").config == "small"
    with pytest.raises(ScenarioInvalid, match="--variant od: no variant is called 'od'"):
        alone(BUILT, "od")


def test_without_expectations_the_first_variant_is_left() -> None:
    assert list(alone(GOOD.partition("expectations:")[0]).scenario.variants) == ["kcalloc"]


def test_settings_of_a_variant_outlive_its_kernel(place: Path) -> None:
    """The kernel is what a tree, a patch or a bisection is about."""
    text = BUILT.replace("new: {base:", "new: {sysctls: {vm.swappiness: 1}, command_line: [nosmp], base:")
    for loaded in (load(text, "new=one"), alone(text, "new")):
        new = loaded.scenario.variants["new"]
        assert (new.sysctls, new.command_line) == ({"vm.swappiness": 1}, ("nosmp",))
    first = BUILT.replace("old: {base:", "old: {sysctls: {vm.swappiness: 1}, base:")
    tried = load(first, patches=[place / "mine.patch"]).scenario.variants
    assert [each.sysctls for each in tried.values()] == [{"vm.swappiness": 1}] * 2
