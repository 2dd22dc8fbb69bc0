# SPDX-License-Identifier: Apache-2.0
"""Whole kernels: only what changed is compiled, two builds give the same bytes, no patch gets into a base.

On a tree of three files; the real one is in test_real_kernel.py.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS, Arch
from orchestrator.bases import Base, ConfigSpec, SourceBuild, TreeSpec
from orchestrator.deadline import Deadline
from orchestrator.errors import BuildBroken, OomlabError
from orchestrator.host.process import witnessed
from orchestrator.kernels.base import CONFIG_FILE, IMAGE_FILE, Kernel, KernelRequest, Progress
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.debian.source import DebianSource
from orchestrator.kernels.debian.trees import PackagedTrees
from orchestrator.kernels.manifest import Package
from orchestrator.kernels.patch_file import Patch
from orchestrator.kernels.source_build import worktree
from orchestrator.kernels.source_build.result import BUILD_ID
from orchestrator.kernels.source_build.source import WholeBuilds
from orchestrator.units import USUAL_PAGE_BYTES
from tests.build import mini_kernel
from tests.build.conftest import quiet

pytestmark = pytest.mark.build

_ONE_LINE = mini_kernel.patch_of("mm/page_alloc.c", "1024", "1025")
_WHOLE_IN_HEADER = mini_kernel.patch_of("include/limits.h", "3", "4")


class _Packages(PackagedTrees):
    """Busybox is not what is tested: one that is there without a download."""

    def known_busybox(self, cache: Cache, arch: Arch) -> tuple[CacheEntry, Package] | None:
        entry = cache.find("busybox", {"fake": arch.name})
        return (entry, _package()) if entry else None

    def busybox(
        self, cache: Cache, arch: Arch, progress: Progress, *, recorded: Package | None = None
    ) -> tuple[CacheEntry, Package]:
        progress(f"busybox {recorded}")

        def make(directory: Path) -> dict[str, str]:
            (directory / "busybox").write_bytes(b"busybox")
            return {}

        deadline = Deadline.after(10.0, "busybox")
        entry = cache.obtain("busybox", {"fake": arch.name}, make, what="b", need_bytes=0, deadline=deadline)
        return entry, _package()


def _package() -> Package:
    return Package(name="busybox-static", version="1", architecture="arm64", sha256="0" * 64, size_bytes=1)


_BUILDS = WholeBuilds(_Packages(), DebianSource())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return mini_kernel.make_tree(tmp_path)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def _request(tree: Path, *patches: bytes, **options: str) -> KernelRequest:
    source = SourceBuild(TreeSpec(tree), ConfigSpec("small", options=tuple(sorted(options.items()))))
    named = tuple(Patch(f"{number}.patch", content) for number, content in enumerate(patches))
    return KernelRequest(Base(source.words(1), USUAL_PAGE_BYTES, source), ARCHS["arm64"], None, named)


def _build(cache: Cache, request: KernelRequest, progress: Progress = quiet) -> Kernel:
    return _BUILDS.obtain(cache, request, progress)


def _compiled(kernel: Kernel) -> int:
    return int(kernel.image.meta.facts["objects"])


def _image(kernel: Kernel) -> bytes:
    return kernel.image.file(IMAGE_FILE).read_bytes()


def _state(path: Path) -> dict[str, tuple[int, str]]:
    return {
        str(each.relative_to(path)): (each.stat().st_mtime_ns, hashlib.sha256(each.read_bytes()).hexdigest())
        for each in sorted(path.rglob("*"))
        if each.is_file()
    }


@pytest.fixture
def kept(cache: Cache, tree: Path) -> worktree.WorkTree:
    """What is kept of the tree, once it was built."""
    _build(cache, _request(tree))
    with worktree.opened(cache, str(tree)) as kept:
        return kept


def test_a_warm_cache_needs_no_process(cache: Cache, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.kernels.source_build.directory._TICK_NS", 0)
    built = _build(cache, _request(tree))
    started: list[str] = []
    with witnessed(lambda _, program: started.append(program), {}):
        known = _BUILDS.known(cache, _request(tree))
        again = _build(cache, _request(tree))
    assert started == []
    assert known is not None
    assert known.image.path == again.image.path == built.image.path
    assert (known.built, known.packages) == (built.built, built.packages)
    assert built.release == "6.12.3"


def test_only_what_changed_is_compiled_and_gives_the_bytes_of_a_build_from_nothing(
    cache: Cache, tree: Path, tmp_path: Path
) -> None:
    assert _compiled(_build(cache, _request(tree))) == 3
    (tree / "mm/slub.c").write_text(mini_kernel.FILES["mm/slub.c"].replace("+ 1", "+ 2"))
    changed = _build(cache, _request(tree))
    assert _compiled(changed) == 1
    from_nothing = _build(Cache(tmp_path / "second"), _request(tree))
    assert _compiled(from_nothing) == 3
    assert _image(changed) == _image(from_nothing)


def test_a_patch_compiles_its_file_alone_and_changes_its_bytes_alone(cache: Cache, tree: Path) -> None:
    base, patched = _build(cache, _request(tree)), _build(cache, _request(tree, _ONE_LINE))
    assert _compiled(patched) == 1
    differing = [
        where
        for where, pair in enumerate(zip(_image(base), _image(patched), strict=True))
        if len(set(pair)) > 1
    ]
    assert len(differing) == 1
    assert BUILD_ID in _image(base)
    assert (tree / "mm/page_alloc.c").read_text() == mini_kernel.FILES["mm/page_alloc.c"]


def test_a_build_with_patches_leaves_nothing_where_builds_without_look(
    cache: Cache, tree: Path, kept: worktree.WorkTree
) -> None:
    places = (kept.source, kept.objects("arm64"), kept.store)
    before = [_state(place) for place in places]
    _build(cache, _request(tree, _ONE_LINE, _WHOLE_IN_HEADER))
    assert [_state(place) for place in places] == before
    assert len(list((kept.path / "patched").iterdir())) == 1


def test_a_patch_that_means_harm_can_write_to_nothing_but_its_own(
    cache: Cache, tree: Path, kept: worktree.WorkTree
) -> None:
    lines = [
        "\t-touch /usr/src/linux/harm /build/compiled-before/harm /usr/harm /etc/harm",
        "\t-rm -r /build/objects/arch && ln -s /etc /build/objects/arch",
        "\t-rm -rf /usr/src/linux /build/compiled-before",
    ]
    harm = mini_kernel.patch_of("Makefile", "kernelrelease:\n", "\n".join(["kernelrelease:", *lines, ""]))
    before = [_state(place) for place in (kept.source, kept.objects("arm64"), kept.store)]
    with pytest.raises(OomlabError):  # the link in the place of the image's directory is not followed
        _build(cache, _request(tree, harm))
    assert [_state(place) for place in (kept.source, kept.objects("arm64"), kept.store)] == before
    assert not Path("/usr/harm").exists()


def test_what_was_compiled_before_is_taken_from_the_store(
    cache: Cache, tree: Path, kept: worktree.WorkTree
) -> None:
    """After the objects are gone, say by an interrupt, the preprocessor is all that runs."""
    (kept.path / "whole-arm64").unlink()
    stored = _state(kept.store)
    cache.prune(keep_bytes=10**12)
    for entry in cache.entries():
        if entry.meta.kind == "kernel":
            (entry.path / "meta.json").unlink()
    assert _compiled(_build(cache, _request(tree))) == 3
    assert _state(kept.store).keys() == stored.keys()


def test_an_interrupted_build_trusts_no_object_afterwards(
    cache: Cache, tree: Path, kept: worktree.WorkTree
) -> None:
    (tree / "mm/slub.c").write_text("int slub = 7;\n")

    def interrupt(text: str) -> None:
        if "configuring" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _build(cache, _request(tree), interrupt)
    assert not (kept.path / "whole-arm64").exists()
    assert _compiled(_build(cache, _request(tree))) == 3
    assert (kept.path / "whole-arm64").exists()


def test_a_build_of_the_same_tree_elsewhere_is_waited_for_and_told(cache: Cache, tree: Path) -> None:
    told: list[str] = []
    held = cache.lock(f"tree-{hashlib.sha256(str(tree).encode()).hexdigest()}", Deadline.after(1.0, "test"))
    held.__enter__()

    def tell(text: str) -> None:
        told.append(text)
        if text.startswith("waiting"):
            held.__exit__(None, None, None)

    _build(Cache(cache.root), _request(tree), tell)
    assert f"waiting for another build of {tree}" in told


def test_a_broken_tree_is_told_by_file_and_line_and_costs_no_objects(
    cache: Cache, tree: Path, kept: worktree.WorkTree
) -> None:
    (tree / "mm/slub.c").write_text("int slub(void) { return nothing; }\n")
    with pytest.raises(BuildBroken) as caught:
        _build(cache, _request(tree))
    evidence = "\n".join(caught.value.evidence)
    assert "mm/slub.c:1:25: error: " in evidence
    (log,) = (kept.path / "logs").iterdir()
    assert f"the whole log: {log}" in evidence
    assert "return nothing" in log.read_text()
    (tree / "mm/slub.c").write_text("int slub(void) { return 9; }\n")
    assert _compiled(_build(cache, _request(tree))) == 1


def test_a_broken_patch_is_blamed_and_one_that_does_not_apply(cache: Cache, tree: Path) -> None:
    with pytest.raises(BuildBroken, match=r"with 0\.patch does not build") as caught:
        _build(cache, _request(tree, mini_kernel.patch_of("mm/slub.c", "+ 1", "+ nothing")))
    assert caught.value.hint == "the patch may need another base"
    with pytest.raises(BuildBroken, match=r"0\.patch does not apply"):
        _build(cache, _request(tree, _ONE_LINE.replace(b"min_free", b"max_free")))


def test_a_tree_that_needs_its_patch_is_built_with_it(cache: Cache, tree: Path) -> None:
    (tree / "mm/slub.c").write_text(mini_kernel.FILES["mm/slub.c"].replace("+ 1", "+ ONE"))
    mend = mini_kernel.patch_of("include/limits.h", "3\n", "3\n#define ONE 1\n")
    assert _compiled(_build(cache, _request(tree, mend))) >= 1


def test_patches_may_make_files_and_take_them_away(cache: Cache, tree: Path) -> None:
    made = mini_kernel.patch_of("mm/new.c", "", "int added;\n")
    used = mini_kernel.patch_of("Makefile", "$(O)/mm/slub.o", "$(O)/mm/slub.o $(O)/mm/new.o")
    assert _compiled(_build(cache, _request(tree, made, used))) == 1


def test_an_option_that_does_not_come_out_is_named(cache: Cache, tree: Path) -> None:
    with pytest.raises(BuildBroken, match="CONFIG_NEVER_THERE=y was asked for and is not set"):
        _build(cache, _request(tree, NEVER_THERE="y"))


def test_a_wrong_option_costs_no_objects(cache: Cache, tree: Path, kept: worktree.WorkTree) -> None:
    with pytest.raises(BuildBroken):
        _build(cache, _request(tree, NEVER_THERE="y"))
    assert (kept.path / "whole-arm64").exists()


def test_options_are_in_the_configuration_that_is_kept(cache: Cache, tree: Path) -> None:
    kernel = _build(cache, _request(tree, CMA_AREAS="9"))
    assert "CONFIG_CMA_AREAS=9" in kernel.image.file(CONFIG_FILE).read_text()
    assert kernel.built is not None
    assert kernel.built.config == "small CMA_AREAS=9"
