# SPDX-License-Identifier: Apache-2.0
"""Patches of all kinds against the real kernel source.

Uses the user's cache: what is there is not downloaded again.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.bases import BASES, find_base
from orchestrator.deadline import Deadline
from orchestrator.errors import BuildBroken, InputError
from orchestrator.host.process import run, start
from orchestrator.kernels.base import KernelRequest
from orchestrator.kernels.build.module import module_tree
from orchestrator.kernels.build.patch import apply_patch, read_patch
from orchestrator.kernels.build.tree import read_tree
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.debian import fetch
from orchestrator.kernels.images import GuestImages, prepare_images, prepare_probe
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.patch_file import Patch
from orchestrator.kernels.sources import source_of
from orchestrator.kernels.variants import VariantRecipe
from orchestrator.kernels.verified import file_sha256
from orchestrator.paths import cache_dir, resource_dir
from tests.build.conftest import SCOPE, Workbench, quiet

pytestmark = pytest.mark.build

ALL_BASES = [
    ("debian-6.1", "arm64"),
    ("debian-6.12", "arm64"),
    ("debian-6.12-16k", "arm64"),
    ("debian-6.1", "x86_64"),
    ("debian-6.12", "x86_64"),
]


def shipped(base: str) -> Path:
    name = "binder-kvcalloc-6.1.patch" if base == "debian-6.1" else "binder-kcalloc-6.12.patch"
    return resource_dir("images") / "patches" / name


def prepare(base: str, arch: str) -> dict[str, GuestImages]:
    plain = VariantRecipe("plain", BASES[base])
    patched = VariantRecipe("patched", BASES[base], SCOPE, (shipped(base),))
    return prepare_images(arch, [plain, patched], progress=quiet)


def undefined_symbols(file: Path) -> set[str]:
    done = run(["readelf", "--wide", "--symbols", file], deadline=Deadline.after(30, "readelf"))
    return {line.split()[-1] for line in done.stdout.decode().splitlines() if " UND " in line}


@pytest.mark.parametrize(("base", "arch"), ALL_BASES)
def test_the_shipped_patches_build_for_every_base(base: str, arch: str) -> None:
    images = prepare(base, arch)
    manifest = images["patched"].manifest
    assert images["plain"] == images["patched"]
    assert [variant.module_origin for variant in manifest.variants] == ["built", "built"]
    cache = Cache(cache_dir())
    asked = {}
    for variant in manifest.variants:
        assert variant.module_sha256 is not None
        entry = cache.find_file("module", BINDER.file, variant.module_sha256)
        assert entry is not None
        asked[variant.name] = any("kvmalloc" in name for name in undefined_symbols(entry.file(BINDER.file)))
    assert asked == {"plain": base != "debian-6.1", "patched": base == "debian-6.1"}
    assert file_sha256(images["plain"].initramfs) == manifest.initramfs_sha256


@pytest.mark.parametrize("base", ["debian-6.1", "debian-6.12"])
def test_the_shipped_patches_apply_without_fuzz(base: str) -> None:
    found, arch = find_base(base, "arm64")
    kernel = source_of(found).obtain(Cache(cache_dir()), KernelRequest(found, arch, SCOPE), quiet)
    source = module_tree(kernel).source
    applied = apply_patch(read_patch(shipped(base)), read_tree(source.path, SCOPE), SCOPE, target=base)
    assert applied.remarks == ()


def test_a_warm_cache_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    first = prepare("debian-6.1", "arm64")
    monkeypatch.setattr("orchestrator.host.process.subprocess.Popen", refuse)
    assert prepare("debian-6.1", "arm64") == first


def test_the_layout_of_the_initramfs() -> None:
    images = prepare("debian-6.1", "arm64")["plain"]
    listing = run(["cpio", "-t", "--quiet", "-F", images.initramfs], deadline=Deadline.after(30, "cpio"))
    names = listing.stdout.decode().split()
    assert names == sorted(names)
    assert {"init", "bin/busybox", "modules/common/order", "modules/common/zram.ko"} <= set(names)
    assert {"modules/plain/binder_linux.ko", "modules/patched/binder_linux.ko"} <= set(names)


def test_the_probe_guest_has_no_variant() -> None:
    probe = prepare_probe("arm64", progress=quiet)
    assert probe.manifest.variants == ()
    assert probe.initramfs.stat().st_size > 1_000_000


def test_the_same_input_gives_the_same_module(bench: Workbench) -> None:
    manifest = prepare("debian-6.1", "arm64")["patched"].manifest
    recorded = {variant.name: variant.module_sha256 for variant in manifest.variants}
    assert file_sha256(bench.build(shipped("debian-6.1")) / BINDER.file) == recorded["patched"]


def test_a_patch_that_does_not_apply_shows_the_rejects(bench: Workbench) -> None:
    path = f"{SCOPE}/binder_alloc.c"
    text = bench.source[path].content.decode()
    elsewhere = text.replace("alloc", "elsewhere")
    patch = bench.patch(path, elsewhere.replace("kcelsewhere(", "kvcalloc("), old=elsewhere)
    with pytest.raises(
        InputError, match=r"test\.patch does not apply to debian-6\.1 \(linux-source-6"
    ) as caught:
        bench.build(patch)
    evidence = "\n".join(caught.value.evidence)
    assert "another base" in caught.value.hint
    assert "Hunk #1 FAILED" in evidence
    assert "+\telsewhere->pages = kvcalloc(" in evidence


def test_a_patch_that_is_in_already_says_so(bench: Workbench) -> None:
    with pytest.raises(BuildBroken, match=r"kcalloc-6\.12\.patch does not apply to debian-6\.1") as caught:
        bench.build(shipped("debian-6.12"))
    assert "already" in caught.value.hint
    assert "+\talloc->pages = kcalloc(alloc->buffer_size / PAGE_SIZE," in "\n".join(caught.value.evidence)


def test_a_compile_error_shows_the_compiler_s_words(bench: Workbench) -> None:
    path = f"{SCOPE}/binder_alloc.c"
    patch = bench.patch(path, bench.source[path].content.decode() + "int broken = no_such_name;\n")
    with pytest.raises(BuildBroken, match="binder_linux does not build") as caught:
        bench.build(patch)
    assert "no_such_name" in caught.value.evidence[0]


def test_a_new_file_in_the_scope_is_fine(bench: Workbench) -> None:
    bench.build(bench.tiny())


GIT_LINK = """diff --git a/drivers/android/link b/drivers/android/link
new file mode 120000
--- /dev/null
+++ b/drivers/android/link
@@ -0,0 +1 @@
+/etc/passwd
\\ No newline at end of file
"""
GIT_MODE = (
    "diff --git a/drivers/android/Kconfig b/drivers/android/Kconfig\nold mode 100644\nnew mode 100755\n"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GIT_LINK, "test.patch makes drivers/android/link a symbolic link"),
        (GIT_MODE, "test.patch changes the mode of drivers/android/Kconfig"),
        (
            GIT_LINK.replace("android/link", "base/link"),
            "test.patch touches drivers/base/link, outside its scope",
        ),
        (GIT_LINK.replace("120000", "100755"), "test.patch makes drivers/android/link with mode 755"),
        (
            "--- a/drivers/android/../../x\n+++ b/drivers/android/../../x\n@@ -0,0 +1 @@\n+x\n",
            "test.patch touches drivers/android/../../x, outside its scope",
        ),
        (
            "--- /etc/motd\n+++ /etc/motd\n@@ -0,0 +1 @@\n+x\n",
            "test.patch touches /etc/motd, outside its scope",
        ),
    ],
)
def test_patches_that_reach_too_far_are_refused_by_name(bench: Workbench, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        bench.build(bench.text(text))
    assert message in caught.value.message


@pytest.mark.parametrize("text", [GIT_LINK, GIT_MODE])
def test_the_tree_is_checked_even_if_the_headers_were_overlooked(
    bench: Workbench, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.kernels.build.patch.check_headers", lambda patch, scope: None)
    with pytest.raises(InputError, match=r"symbolic link|changes the mode"):
        apply_patch(Patch("test.patch", text.encode()), bench.source, SCOPE, target="debian-6.1")


TWO_AT_ONCE = """
import sys
from pathlib import Path
from orchestrator.bases import BASES
from orchestrator.kernels.images import VariantRecipe, prepare_images
recipe = VariantRecipe("a", BASES["debian-6.1"], "drivers/android", (Path(sys.argv[1]),))
prepare_images("arm64", [recipe], progress=print)
"""


def test_two_runs_at_once_build_once(bench: Workbench, tmp_path: Path, checkout: Path) -> None:
    patch = bench.patch(
        f"{SCOPE}/Kconfig", bench.source[f"{SCOPE}/Kconfig"].content.decode() + f"# {tmp_path}\n"
    )
    cache = tmp_path / "cache"
    shutil.copytree(cache_dir() / "bases", cache / "bases")
    base, arch = find_base("debian-6.1", "arm64")
    # Nothing is downloaded for this.
    fetched = fetch.fetch_base(Cache(cache_dir()), base, arch, scope=SCOPE, progress=quiet)
    for entry in (fetched.kernel, fetched.busybox, fetched.headers, fetched.source):
        assert entry is not None
        shutil.copytree(entry.path, cache / entry.path.relative_to(cache_dir()))
    with ExitStack() as stack:
        logs = [stack.enter_context((tmp_path / f"log{number}").open("w+b")) for number in range(2)]
        children = [
            stack.enter_context(
                start(
                    [sys.executable, "-u", "-c", TWO_AT_ONCE, patch],
                    env={"OOMLAB_CACHE": str(cache), "PYTHONPATH": str(checkout)},
                    stdout=log.fileno(),
                    stderr=log.fileno(),
                )
            )
            for log in logs
        ]
        codes = [child.wait(300) for child in children]
    text = "".join(path.read_text() for path in tmp_path.glob("log?"))
    assert codes == [0, 0], text
    assert text.count("building binder_linux") == 1
