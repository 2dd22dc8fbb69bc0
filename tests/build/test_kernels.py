# SPDX-License-Identifier: Apache-2.0
"""Patches and Makefiles of all kinds against the real kernel source, in the real sandbox.

Uses the user's cache: what is there is not downloaded again.
"""

from __future__ import annotations

import difflib
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError, InputError
from orchestrator.kernels import fetch, module
from orchestrator.kernels.bases import find_base
from orchestrator.kernels.cache import Cache, file_sha256
from orchestrator.kernels.images import GuestImages, VariantRecipe, prepare_images, prepare_probe
from orchestrator.kernels.module import MODULE_FILE, ModuleRecipe
from orchestrator.kernels.patch import Patch, apply_patch, read_patch
from orchestrator.kernels.sandbox import Sandbox, run_sandboxed
from orchestrator.kernels.toolchain import find_compiler
from orchestrator.kernels.tree import TreeFile, read_tree
from orchestrator.paths import cache_dir, resource_dir
from orchestrator.process import run, start

pytestmark = pytest.mark.build

SCOPE = "drivers/android"
MAKEFILE = f"{SCOPE}/Makefile"
TINY = '#include <linux/module.h>\nMODULE_LICENSE("GPL");\n'
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


def quiet(_: str) -> None:
    """Progress nobody reads."""


@dataclass(frozen=True)
class Workbench:
    """debian-6.1 for arm64, unpacked and ready to build modules."""

    cache: Cache
    fetched: fetch.FetchedBase
    headers: Path
    source: dict[str, TreeFile]
    scratch: Path

    def patch(self, path: str, new: str | None, *, old: str | None = None) -> Path:
        """A patch file that replaces the text of a source file."""
        if old is None:
            old = self.source[path].content.decode() if path in self.source else ""
        lines = difflib.unified_diff(
            old.splitlines(keepends=True),
            (new or "").splitlines(keepends=True),
            f"a/{path}" if old else "/dev/null",
            f"b/{path}" if new is not None else "/dev/null",
        )
        return self.text("".join(lines))

    def text(self, text: str) -> Path:
        """A patch file of this text."""
        file = self.scratch / "test.patch"
        file.write_text(text)
        return file

    def tiny(self, *makefile: str) -> Path:
        """A patch that makes the driver a tiny module, quickly built, and adds lines to its Makefile."""
        old = self.source[MAKEFILE].content.decode()
        new = "\n".join(["obj-m += binder_linux.o", "binder_linux-y := tiny.o", *makefile, ""])
        text = self.patch(MAKEFILE, new, old=old).read_text()
        return self.text(text + self.patch(f"{SCOPE}/tiny.c", TINY).read_text())

    def build(self, patch: Path) -> Path:
        """Build the module with a patch, in a cache of its own; the directory of module and log."""
        base, arch = find_base("debian-6.1", "arm64")
        recipe = ModuleRecipe("test", base, arch, SCOPE, (read_patch(patch),))
        cache = Cache(self.scratch / "cache")
        compiler = find_compiler(arch, base.compiler_major)
        return module.build_module(cache, self.fetched, recipe, compiler, self.headers, quiet).path


@pytest.fixture(scope="session")
def shared() -> Iterator[Workbench]:
    cache = Cache(cache_dir())
    base, arch = find_base("debian-6.1", "arm64")
    fetched = fetch.fetch_base(cache, base, arch, scope=SCOPE, progress=quiet)
    assert fetched.source is not None
    with ExitStack() as stack:
        headers = stack.enter_context(module.headers_tree(cache, fetched))
        scratch = stack.enter_context(cache.scratch())
        yield Workbench(cache, fetched, headers, read_tree(fetched.source.path, SCOPE), scratch)


@pytest.fixture
def bench(shared: Workbench, tmp_path: Path) -> Workbench:
    return replace(shared, scratch=tmp_path)


def prepare(base: str, arch: str) -> dict[str, GuestImages]:
    plain = VariantRecipe("plain", base)
    patched = VariantRecipe("patched", base, SCOPE, (shipped(base),))
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
        entry = cache.find_file("module", MODULE_FILE, variant.module_sha256)
        assert entry is not None
        asked[variant.name] = any("kvmalloc" in name for name in undefined_symbols(entry.file(MODULE_FILE)))
    assert asked == {"plain": base != "debian-6.1", "patched": base == "debian-6.1"}
    assert file_sha256(images["plain"].initramfs) == manifest.initramfs_sha256


@pytest.mark.parametrize("base", ["debian-6.1", "debian-6.12"])
def test_the_shipped_patches_apply_without_fuzz(base: str) -> None:
    found, arch = find_base(base, "arm64")
    fetched = fetch.fetch_base(Cache(cache_dir()), found, arch, scope=SCOPE, progress=quiet)
    assert fetched.source is not None
    applied = apply_patch(
        read_patch(shipped(base)), read_tree(fetched.source.path, SCOPE), SCOPE, target=base
    )
    assert applied.remarks == ()


def test_a_warm_cache_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    first = prepare("debian-6.1", "arm64")
    monkeypatch.setattr("orchestrator.process.subprocess.Popen", refuse)
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
    assert file_sha256(bench.build(shipped("debian-6.1")) / MODULE_FILE) == recorded["patched"]


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
    with pytest.raises(InputError, match=r"kcalloc-6\.12\.patch does not apply to debian-6\.1") as caught:
        bench.build(shipped("debian-6.12"))
    assert "already" in caught.value.hint
    assert "+\talloc->pages = kcalloc(alloc->buffer_size / PAGE_SIZE," in "\n".join(caught.value.evidence)


def test_a_compile_error_shows_the_compiler_s_words(bench: Workbench) -> None:
    path = f"{SCOPE}/binder_alloc.c"
    patch = bench.patch(path, bench.source[path].content.decode() + "int broken = no_such_name;\n")
    with pytest.raises(InputError, match="binder_linux does not build") as caught:
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
    monkeypatch.setattr("orchestrator.kernels.patch.check_headers", lambda patch, scope: None)
    with pytest.raises(InputError, match=r"symbolic link|changes the mode"):
        apply_patch(Patch("test.patch", text.encode()), bench.source, SCOPE, target="debian-6.1")


@dataclass(frozen=True)
class Escape:
    """What a Makefile that tried to get out of the sandbox had to say, and where it tried."""

    places: list[str]
    secrets: list[str]
    said: dict[str, str]
    connected: bool


@pytest.fixture(scope="session")
def escape(shared: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Escape:
    tmp_path = tmp_path_factory.mktemp("escape")
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    roots = ["/usr", "/usr/src", "/etc", "/root", "/home", "", "/dev", str(tmp_path), str(Path.home())]
    places = [f"{root}/oomlab-was-here" for root in roots]
    secrets = ["/etc/passwd", "/etc/hostname", "/root", "/home", "/var", "/proc/1/root/etc/passwd"]
    secrets += [str(secret), str(cache_dir()), str(Path.home())]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"/dev/tcp/127.0.0.1/{listener.getsockname()[1]}"
        tries = {"inside": "echo x >/build/inside", "network": f"bash -c 'echo x >{address}'"}
        tries |= {f"write {place}": f"echo x >{place}" for place in places}
        tries |= {f"read {place}": f"ls -d {place}" for place in secrets}
        lines = [
            f"$(info tried {name}: $(shell ({command}) >/dev/null 2>&1 && echo worked || echo failed))"
            for name, command in tries.items()
        ]
        log = (
            replace(shared, scratch=tmp_path).build(shared_tiny(shared, tmp_path, lines)) / "build.log"
        ).read_text()
        listener.settimeout(0.1)
        connected = True
        try:
            listener.accept()[0].close()
        except TimeoutError:
            connected = False
    words = [
        line.removeprefix("tried ").rpartition(": ") for line in log.splitlines() if line.startswith("tried ")
    ]
    return Escape(places, secrets, {name: outcome for name, _, outcome in words}, connected)


def shared_tiny(shared: Workbench, tmp_path: Path, lines: list[str]) -> Path:
    return replace(shared, scratch=tmp_path).tiny(*lines)


def test_a_makefile_can_write_into_its_own_tree(escape: Escape) -> None:
    assert escape.said["inside"] == "worked"


def test_a_makefile_cannot_write_outside(escape: Escape) -> None:
    assert {escape.said[f"write {place}"] for place in escape.places} == {"failed"}
    assert not any(_exists(Path(place)) for place in escape.places)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # then nothing of ours could be there either
        return False


def test_a_makefile_sees_no_home_and_no_host_files(escape: Escape) -> None:
    assert {escape.said[f"read {place}"] for place in escape.secrets} == {"failed"}


def test_a_makefile_cannot_reach_the_network(escape: Escape) -> None:
    assert escape.said["network"] == "failed"
    assert not escape.connected


def test_a_makefile_cannot_pass_a_link_off_as_the_module(bench: Workbench) -> None:
    link = f"$(shell ln -s /etc/ld.so.cache /build/{SCOPE}/binder_linux.ko)"
    with pytest.raises(InputError, match="does not build"):
        bench.build(bench.tiny("obj-m :=", link))


@pytest.mark.parametrize(
    "script",
    [
        "cat /dev/zero",
        "cat /dev/zero >&2",
        "cat /dev/zero >/tmp/x; cat /dev/zero >/tmp/y; cat /dev/zero >/build/z",
    ],
)
def test_output_and_scratch_are_limited(script: str) -> None:
    limits = replace(Sandbox().limits, file_bytes=1_000_000, scratch_bytes=1_000_000)
    deadline = Deadline.after(60, "the sandbox")
    done = run_sandboxed(Sandbox(limits=limits).command(script), input_bytes=b"", deadline=deadline)
    assert done.returncode != 0
    assert len(done.stdout) + len(done.stderr) < 1_100_000


def test_a_build_that_hangs_is_ended_with_all_its_processes() -> None:
    marker = "98765.4321"
    argv = Sandbox().command(f"setsid sleep {marker} & exec sleep {marker}")
    with pytest.raises(DeadlinePassed):
        run_sandboxed(argv, input_bytes=b"", deadline=Deadline.after(1, "the sandbox"))
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if marker in _read(path)]


def _read(path: Path) -> str:
    try:
        return path.read_text().replace("\0", " ")
    except OSError:
        return ""


@pytest.mark.skipif(os.geteuid() == 0, reason="the kernel holds only ordinary users to RLIMIT_NPROC")
def test_a_fork_bomb_ends_at_the_limit() -> None:
    limits = replace(Sandbox().limits, processes=32)
    argv = Sandbox(limits=limits).command("for i in $(seq 200); do sleep 30 & done; wait")
    done = run_sandboxed(argv, input_bytes=b"", deadline=Deadline.after(20, "the sandbox"))
    assert b"ork" in done.stderr


TWO_AT_ONCE = """
import sys
from pathlib import Path
from orchestrator.kernels.images import VariantRecipe, prepare_images
recipe = VariantRecipe("a", "debian-6.1", "drivers/android", (Path(sys.argv[1]),))
prepare_images("arm64", [recipe], progress=print)
"""


def test_two_runs_at_once_build_once(bench: Workbench, tmp_path: Path, checkout: Path) -> None:
    patch = bench.patch(
        f"{SCOPE}/Kconfig", bench.source[f"{SCOPE}/Kconfig"].content.decode() + f"# {tmp_path}\n"
    )
    cache = tmp_path / "cache"
    shutil.copytree(cache_dir() / "bases", cache / "bases")
    fetched = bench.fetched  # nothing is downloaded for this
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


def test_a_sandbox_that_cannot_be_set_up_is_the_host_s_fault() -> None:
    argv = Sandbox(read_only={Path("/no/such/directory"): "/x"}).command("true")
    with pytest.raises(HostError, match="sandbox"):
        run_sandboxed(argv, input_bytes=b"", deadline=Deadline.after(10, "the sandbox"))
