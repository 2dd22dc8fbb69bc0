# SPDX-License-Identifier: Apache-2.0
"""A base that is built or given: read, named, grouped, and refused in words where it cannot be meant."""

from __future__ import annotations

import gzip
from pathlib import Path

import jsonschema
import pytest

from orchestrator.bases import BASES, ConfigSpec, GivenImage, SourceBuild, TreeSpec
from orchestrator.plan import are_paired, plan_blocks, shares_boot
from orchestrator.run.observer import GuestLabel
from orchestrator.scenario.dump import to_yaml
from orchestrator.scenario.loading.loader import Repeat, load_text
from orchestrator.scenario.schema import scenario_schema
from orchestrator.units import KIB
from tests.unit.kernels.given import kernel_images
from tests.unit.scenario.conftest import Load, Refuse

HEAD = """\
name: example
device: {arch: arm64, memory: 256MiB}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
variants:
"""
BUILT = "{source: linux-source-6.12, config: small"


def variants(**bases: str) -> str:
    """A scenario of these variants; what follows a base's closing brace stands beside it."""
    return HEAD + "".join(f"  {name}: {{base: {base}}}\n" for name, base in bases.items())


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What scenarios name, beside them."""
    for folder in ("linux", "other/linux", "modules"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("linux-6.12.tar.xz", "my.config", "Image", "more.cpio.gz", "fix.patch"):
        (tmp_path / name).write_text("--- a/mm/page_alloc.c\n+++ b/mm/page_alloc.c\n")
    (tmp_path / "sixteen.config").write_text("CONFIG_ARM64_16K_PAGES=y\n")
    return tmp_path


@pytest.mark.parametrize(
    ("base", "tree", "config"),
    [
        (BUILT + "}", TreeSpec("linux-source-6.12"), ConfigSpec("small")),
        (
            "{source: linux-source, suite: sid, config: gki-like}",
            TreeSpec("linux-source", suite="sid"),
            ConfigSpec("gki-like"),
        ),
        ("{source: linux, config: debian-6.12}", TreeSpec(Path("linux")), ConfigSpec("debian-6.12")),
        (
            "{source: linux, revision: v6.12.3, config: debian-6.12-16k}",
            TreeSpec(Path("linux"), revision="v6.12.3"),
            ConfigSpec("debian-6.12-16k", 16 * KIB),
        ),
        (
            "{source: linux-6.12.tar.xz, config: ./my.config}",
            TreeSpec(Path("linux-6.12.tar.xz")),
            ConfigSpec(Path("my.config")),
        ),
        (
            "{source: linux, config: sixteen.config}",
            TreeSpec(Path("linux")),
            ConfigSpec(Path("sixteen.config"), 16 * KIB),
        ),
        (
            BUILT
            + ", page_size: 64KiB, options: {NUMA: y, COMPACTION: n, CMA_AREAS: 7, X: a\"b, Y: '0x1f'}}",
            TreeSpec("linux-source-6.12"),
            ConfigSpec(
                "small",
                64 * KIB,
                (
                    ("CMA_AREAS", "7"),
                    ("COMPACTION", "n"),
                    ("NUMA", "y"),
                    ("X", '"a\\"b"'),
                    ("Y", "0x1f"),
                ),
            ),
        ),
    ],
)
def test_a_built_base_says_tree_and_configuration(
    files: Path, load: Load, base: str, tree: TreeSpec, config: ConfigSpec
) -> None:
    scenario = load(variants(a=base)).scenario
    made = scenario.bases["a"].made_from
    assert isinstance(made, SourceBuild)
    assert _below(files, made.tree) == tree
    assert _below(files, made.config) == config
    assert scenario.bases["a"].page_size_bytes == config.page_size_bytes == scenario.variants["a"].page_bytes


def _below(folder: Path, spec: TreeSpec | ConfigSpec) -> TreeSpec | ConfigSpec:
    """With paths as the scenario has them."""

    def short(path: str | Path) -> str | Path:
        return path.relative_to(folder) if isinstance(path, Path) else path

    if isinstance(spec, TreeSpec):
        return TreeSpec(short(spec.source), spec.revision, spec.suite)
    return ConfigSpec(short(spec.name_or_path), spec.page_size_bytes, spec.options)


def test_a_given_base_says_its_files(files: Path, load: Load) -> None:
    base = "{image: ./Image, initramfs: more.cpio.gz, modules: modules}"
    made = load(variants(a=base)).scenario.variants["a"].made_from
    assert made == GivenImage(files / "Image", files / "more.cpio.gz", files / "modules")


@pytest.mark.parametrize(
    "base", [BUILT + ", options: {COMPACTION: n, A: 7, B: '7', C: 'yes'}}", "{image: Image}"]
)
def test_it_is_written_as_it_is_read(files: Path, load: Load, base: str) -> None:
    scenario = load(variants(a=base)).scenario
    text = to_yaml(scenario)
    assert load_text(text, Path("/nowhere/example.yaml")).scenario == scenario
    assert to_yaml(load_text(text, Path("/nowhere/example.yaml")).scenario) == text
    jsonschema.Draft202012Validator(scenario_schema()).validate(
        scenario.model_dump(mode="json", exclude_defaults=True)
    )


# The base; what stands at the column to blame; a piece of the message; the nearest word.
FAULTS = [
    (BUILT + ", optoins: {}}", "optoins", "unknown key 'optoins' in variants.a.base", "options"),
    (BUILT + ", image: Image}", "image", "'source' or booted as 'image', not both", None),
    ("{sorce: linux, config: small}", "sorce", "needs 'source' (it is built) or 'image'", "source"),
    ("{source: linux}", "base", "the key 'config' is missing", None),
    ("{source: lunix, config: small}", "lunix", "no such directory or tarball", "linux"),
    ("{source: ./lunix, config: small}", "./lunix", "no such directory or tarball", "linux"),
    ("{source: linux-6.12.tar.gz, config: small}", "linux-6.12", "no such directory", "linux-6.12.tar.xz"),
    ("{source: linux-sorce-6.1, config: small}", "linux-sorce", "nor a package", "linux-source-6.1"),
    ("{source: linux, config: smal}", "smal", "no such file, nor one of small, gki-like", "small"),
    ("{source: linux, config: ./my.confg}", "./my", "no such file", "my.config"),
    ("{source: linux, config: linux}", "linux}", "no such file", None),
    ("{source: linux-source, config: small}", "source", "needs a 'suite'", None),
    ("{source: linux, suite: sid, config: small}", "suite", "only a package comes from a suite", None),
    (BUILT + ", revision: v6.12}", "revision", "a package, which has no revisions", None),
    ("{source: linux, revision: --upload-pack=x, config: small}", "--upload", "not a revision", None),
    (BUILT + ", page_size: 8KiB}", "8KiB", "no kernel has pages of 8KiB: 4KiB, 16KiB, 64KiB", None),
    (BUILT + ", options: {CONFIG_NUMA: y}}", "CONFIG_NUMA", "named without CONFIG_: 'NUMA'", None),
    (BUILT + ", options: {numa: y}}", "numa", "not the name of a Kconfig option", None),
    (BUILT + ", options: {NUMA: true}}", "true", "'y', 'm', 'n', a number or a text, not true", None),
    (BUILT + ", options: {ARM64_16K_PAGES: y}}", "ARM64_16K", "is the key 'page_size'", None),
    ("{image: Imge}", "Imge", "no such kernel image: 'Imge'", "Image"),
    ("{image: Image, modules: modlues}", "modlues", "no such directory of modules", "modules"),
    ("{image: Image}, scope: drivers/android", "scope", "booted as it is: to change it, build it", None),
    ("{image: Image}, patches: [fix.patch]", "patches", "booted as it is: to change it, build it", None),
    ("{source: '', config: small}", "''", "must not be empty", None),
    ("{source: linux, config: ''}", "''", "must not be empty", None),
    ("{image: ''}", "''", "must not be empty", None),
    ("{image: Image, modules: ''}", "''", "must not be empty", None),
    ("debian-6.13", "debian-6.13", "must be one of debian-6.1", "debian-6.1"),
]


@pytest.mark.parametrize(("base", "at", "what", "near"), FAULTS)
def test_a_fault_is_told_with_its_place(
    files: Path, refuse: Refuse, base: str, at: str, what: str, near: str | None
) -> None:
    assert files.is_dir()
    text = variants(a=base)
    (problem,) = refuse(text)
    assert what in problem.what
    assert problem.line == 5
    assert problem.column is not None
    assert text.split("\n")[4][problem.column - 1 :].startswith(at)
    assert (problem.nearest or "").removeprefix("./").startswith(near or "")
    assert (near is None) == (problem.nearest is None)


def test_pages_that_the_architecture_lacks_are_refused(files: Path, refuse: Refuse) -> None:
    assert files.is_dir()
    text = variants(a=BUILT + ", page_size: 16KiB}").replace("arm64", "x86_64")
    (problem,) = refuse(text)
    assert (problem.what, problem.nearest) == ("x86_64 has pages of 4KiB, not of 16KiB", "4KiB")


def test_keys_of_a_base_can_be_set_on_the_command_line(files: Path, load: Load, refuse: Refuse) -> None:
    assert files.is_dir()
    text = variants(a=BUILT + "}", b="debian-6.1")
    scenario = load(
        text,
        [
            "variants.a.base.config=gki-like",
            "variants.a.base.options.NUMA=n",
            "variants.b.base={image: Image}",
        ],
    ).scenario
    assert scenario.bases["a"].name == "linux-source-6.12 gki-like NUMA=n"
    assert scenario.bases["b"].name == "Image"
    (problem,) = refuse(text, ["variants.a.base.confg=small"])
    assert problem.nearest == "variants.a.base.config"
    (problem,) = refuse(text, ["variants.b.base.config=small"])
    assert problem.what.startswith(
        "'variants.b.base' is 'debian-6.1', which has no keys: set all of it, to {KEY:"
    )


def test_names_are_as_short_as_they_can_be_told_apart(files: Path, load: Load) -> None:
    text = variants(
        a="{source: linux, config: small}",
        b="{source: other/linux, config: small}",
        c="{source: linux, config: small}",
    )
    bases = load(text).scenario.bases
    assert [bases[name].name for name in "ab"] == [f"{files.name}/linux small", "other/linux small"]
    assert bases["a"] == bases["c"]
    assert load(variants(a="{source: other/linux, config: small}")).scenario.bases["a"].name == "linux small"


def test_a_file_that_is_called_like_a_base_is_not_named_so(files: Path, load: Load) -> None:
    (files / "debian-6.1").touch()
    bases = load(variants(a="{image: ./debian-6.1}", b="debian-6.1")).scenario.bases
    assert bases["b"] is BASES["debian-6.1"]
    assert bases["a"].name == f"{files.name}/debian-6.1"


def test_pairs_are_those_that_run_one_kernel(files: Path, load: Load) -> None:
    assert files.is_dir()
    text = variants(
        base=BUILT + "}",
        again=BUILT + "}",
        patched=BUILT + "}, patches: [fix.patch]",
        other=BUILT + ", options: {COMPACTION: n}}",
        module=BUILT + "}, scope: drivers/android",
    )
    scenario = load(text).scenario
    assert shares_boot(scenario) == [("base", "again", "module"), ("patched",), ("other",)]
    assert are_paired(scenario, ["base", "module"])
    assert not are_paired(scenario, ["base", "patched"])
    labels = [GuestLabel(block, 1, 1).name for block in plan_blocks(scenario)]
    assert sorted(labels) == ["block 1 of base, again, module", "block 1 of other", "block 1 of patched"]


def test_a_patch_of_the_command_line_is_compiled_into_what_is_built_whole(files: Path, load: Load) -> None:
    text = variants(first=BUILT + "}")
    scenario = load(text, patches=[files / "fix.patch"]).scenario
    assert list(scenario.variants) == ["base", "patched"]
    assert {variant.scope for variant in scenario.variants.values()} == {None}
    assert scenario.variants["patched"].compiled_in == (files / "fix.patch",)
    assert not are_paired(scenario, scenario.variants)


def test_a_patch_of_the_command_line_cannot_change_what_is_given(files: Path, refuse: Refuse) -> None:
    problems = refuse(variants(first="{image: Image}"), patches=[files / "fix.patch"])
    assert any("to change it, build it, with 'source' as its base" in problem.what for problem in problems)


def test_a_twin_of_a_kernel_with_patches_is_no_module(files: Path) -> None:
    text = variants(module=BUILT + "}, scope: drivers/android", kernel=BUILT + "}, patches: [fix.patch]")
    loaded = load_text(text, files / "example.yaml", repeat=Repeat("kernel"))
    assert [variant.scope for variant in loaded.scenario.variants.values()] == [None, None]
    assert shares_boot(loaded.scenario) == [("kernel", "kernel-again")]


SIXTEEN = 0b1100
"""The flags of an arm64 kernel's header: pages of 16 KiB, anywhere in memory."""


@pytest.mark.parametrize(
    ("content", "pages"),
    [
        (kernel_images.arm64_image(flags=SIXTEEN), 16 * KIB),
        (gzip.compress(kernel_images.arm64_image(flags=SIXTEEN)), 16 * KIB),
        (kernel_images.zboot(gzip.compress(kernel_images.arm64_image(flags=SIXTEEN))), 16 * KIB),
        (kernel_images.elf(183, kernel_images.arm64_image(flags=0b1110), kind=3), 64 * KIB),
        # A header of before Linux 4.6 does not say it, its configuration does.
        (
            kernel_images.arm64_image(kernel_images.ikconfig("CONFIG_ARM64_16K_PAGES=y\n"), flags=0),
            16 * KIB,
        ),
        (kernel_images.bzimage(kernel_images.packed(kernel_images.x86_vmlinux())), 4 * KIB),
        # What is no kernel is refused by who boots it; a scenario is checked with the usual size.
        (b"", 4 * KIB),
        (gzip.compress(b"no kernel"), 4 * KIB),
        (gzip.compress(kernel_images.arm64_image(flags=SIXTEEN))[:12], 4 * KIB),
    ],
)
def test_a_given_image_is_checked_with_its_own_pages(
    files: Path, load: Load, content: bytes, pages: int
) -> None:
    (files / "Image").write_bytes(content)
    scenario = load(variants(a="{image: Image}")).scenario
    assert scenario.variants["a"].page_bytes == pages
    assert load_text(to_yaml(scenario), Path("/nowhere/example.yaml")).scenario == scenario


def test_orders_of_a_given_image_are_counted_in_its_pages(files: Path, load: Load) -> None:
    """As those of a kernel that is built: what is said of a scenario does not wait for its run."""
    (files / "Image").write_bytes(gzip.compress(kernel_images.arm64_image(flags=SIXTEEN)))
    given, built = (
        load(variants(a=base)).warnings for base in ("{image: Image}", BUILT + ", page_size: 16KiB}")
    )
    usual = load(variants(a=BUILT + "}")).warnings
    assert [warning.what for warning in given] == [warning.what for warning in built]
    assert [warning.what for warning in given] != [warning.what for warning in usual]


def test_a_page_size_that_the_image_has_not_is_refused(files: Path, load: Load, refuse: Refuse) -> None:
    (files / "Image").write_bytes(kernel_images.arm64_image(flags=SIXTEEN))
    assert load(variants(a="{image: Image, page_size: 16KiB}")).scenario.variants["a"].page_bytes == 16 * KIB
    (problem,) = refuse(variants(a="{image: Image, page_size: 4KiB}"))
    assert (problem.what, problem.nearest) == ("Image is a kernel with pages of 16KiB", "16KiB")
