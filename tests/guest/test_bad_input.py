# SPDX-License-Identifier: Apache-2.0
"""Input that only kernels, caches and guests can refuse, through the real command and its exit codes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode, HostError
from orchestrator.host.process import Completed, run
from orchestrator.kernels.debian.unpack import unpack_kernel
from orchestrator.paths import cache_dir
from orchestrator.record.journal import RunEnded, read_journal
from tests.guest.conftest import Oomlab, lay_out_index

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("environment")]

ONE = ("--set", "trials.blocks=1")
BRIEF = (*ONE, "--set", "fragmentation=null", "--set", "trigger={kind: command, command: 'true'}",
         "--set", "expectations={}")  # fmt: skip

OUTSIDE = """\
--- a/mm/slab.c
+++ b/mm/slab.c
@@ -1 +1 @@
-old
+new
"""
LINK = """\
diff --git a/drivers/android/link b/drivers/android/link
new file mode 120000
--- /dev/null
+++ b/drivers/android/link
@@ -0,0 +1 @@
+/etc/passwd
\\ No newline at end of file
"""
STALE = """\
--- a/drivers/android/binder_alloc.c
+++ b/drivers/android/binder_alloc.c
@@ -1,2 +1,2 @@
 // This line was never there
-nor was this one
+and this one never will be
"""
BREAKS = """\
--- a/drivers/android/Makefile
+++ b/drivers/android/Makefile
@@ -1,1 +1,2 @@
 # SPDX-License-Identifier: GPL-2.0-only
+$(error broken on purpose)
"""


def refused(done: Completed, code: ExitCode) -> str:
    """What a command said that ended with `code`, and printed no data."""
    text = done.stderr.decode()
    assert done.returncode == code, text
    assert done.stdout == b""
    assert "Traceback" not in text
    assert "\x1b" not in text
    return text


@pytest.fixture(scope="module")
def earlier(checkout: Path, environment: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short finished run, to be copied and spoilt."""
    oomlab = Oomlab(checkout, tmp_path_factory.mktemp("earlier"))
    done = oomlab("run", "binder-order3", "--out", "run", "--json", *BRIEF)
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    assert json.loads(done.stdout)["variants"]["kcalloc"]["outcomes"] == {"passed": 1}
    assert b"\x1b" not in done.stderr
    return oomlab.directory / "run"


@pytest.mark.parametrize(
    ("patch", "pieces"),
    [
        (OUTSIDE, ["mine.patch touches mm/slab.c, outside its scope drivers/android"]),
        (LINK, ["mine.patch makes drivers/android/link a symbolic link"]),
        (STALE, ["mine.patch does not apply to debian-6.1", "-nor was this one", "FAILED"]),
        (BREAKS, ["variant patched: binder_linux does not build", "broken on purpose"]),
    ],
    ids=["outside", "link", "stale", "breaks"],
)
def test_a_bad_patch_is_bad_input(oomlab: Oomlab, patch: str, pieces: list[str]) -> None:
    (oomlab.directory / "mine.patch").write_text(patch)
    text = refused(oomlab("run", "binder-order3", "--patch", "mine.patch"), ExitCode.BAD_INPUT)
    assert [piece for piece in pieces if piece not in text] == [], text
    assert not (oomlab.directory / "runs").exists()


def test_what_the_guest_refuses_is_bad_input_and_not_tried_again(oomlab: Oomlab) -> None:
    """Only the kernel knows which settings it has: no file says so before it boots."""
    text = refused(
        oomlab("run", "binder-order3", "--set", "device.sysctls={vm.no_such_setting: 1}", *BRIEF),
        ExitCode.BAD_INPUT,
    )
    assert "sysctl: vm.no_such_setting=1: No such file or directory" in text
    assert "attempt 2" not in text


def test_the_artefacts_of_an_earlier_run_are_used_again(oomlab: Oomlab, earlier: Path) -> None:
    done = oomlab("run", "binder-order3", "--artefacts-from", earlier, "--out", "again", *BRIEF)
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    before, after = (
        json.loads((path / "manifest.json").read_text())["artefacts"]
        for path in (earlier, oomlab.directory / "again")
    )
    assert before == after


def other_kernel(artefacts: dict[str, Any]) -> None:
    artefacts["kernel_sha256"] = "0" * 64


def other_initramfs(artefacts: dict[str, Any]) -> None:
    artefacts["initramfs_sha256"] = "0" * 64


@pytest.mark.parametrize("change", [other_kernel, other_initramfs])
def test_artefacts_that_are_gone_are_no_claim_of_identity(oomlab: Oomlab, earlier: Path, change: Any) -> None:
    run_directory = Path(shutil.copytree(earlier, oomlab.directory / "earlier"))
    manifest = json.loads((run_directory / "manifest.json").read_text())
    change(manifest["artefacts"]["debian-6.1"])
    (run_directory / "manifest.json").write_text(json.dumps(manifest))
    text = refused(
        oomlab("run", "binder-order3", "--artefacts-from", "earlier", *BRIEF), ExitCode.COULD_NOT_RUN
    )
    assert "this would not be the same guest" in text
    assert "0" * 64 in text
    assert not (oomlab.directory / "runs").exists()


def test_a_lock_is_written_honoured_and_refused_to_another_scenario(oomlab: Oomlab) -> None:
    first = oomlab("run", "binder-order3", "--lock", "a.lock", "--out", "first", *BRIEF)
    assert first.returncode == ExitCode.MET, first.stderr.decode()
    text = (oomlab.directory / "a.lock").read_text()
    assert "linux-image-6.1" in text
    second = oomlab("run", "binder-order3", "--lock", "a.lock", "--out", "second", *BRIEF)
    assert second.returncode == ExitCode.MET, second.stderr.decode()
    assert (oomlab.directory / "a.lock").read_text() == text
    artefacts = [
        json.loads((oomlab.directory / name / "manifest.json").read_text())["artefacts"]
        for name in ("first", "second")
    ]
    assert artefacts[0] == artefacts[1]
    other = ("--set", "variants.other={base: debian-6.1}")
    refusal = refused(oomlab("run", "binder-order3", "--lock", "a.lock", *other, *BRIEF), ExitCode.BAD_INPUT)
    assert "variant 'other' is not in it" in refusal


def test_artefacts_of_other_variants_are_refused(oomlab: Oomlab, earlier: Path) -> None:
    arguments = ("--artefacts-from", earlier, "--set", "variants.other={base: debian-6.1}")
    text = refused(oomlab("run", "binder-order3", *arguments, *BRIEF), ExitCode.BAD_INPUT)
    assert "the earlier run had no variant 'other'" in text


def test_qemu_is_missed_before_anything_is_downloaded(oomlab: Oomlab) -> None:
    programs = oomlab.directory / "programs"
    programs.mkdir()
    oomlab.environment |= {"PATH": str(programs), "OOMLAB_CACHE": str(oomlab.directory / "cache")}
    text = refused(oomlab("run", "binder-order3"), ExitCode.COULD_NOT_RUN)
    assert "error: qemu-system-aarch64, " in text  # and all else that this PATH has not
    assert "apt-get install qemu-system-arm " in text
    assert "looking for packages" not in text
    program = programs / "qemu-system-aarch64"
    program.write_text("#!/bin/sh\necho 'QEMU emulator version 5.2.0 (Debian 1:5.2+dfsg-11)'\n")
    program.chmod(0o755)
    oomlab.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
    text = refused(oomlab("run", "binder-order3"), ExitCode.COULD_NOT_RUN)
    assert "is version 5.2.0, too old" in text
    assert "hint: install QEMU 7.2 or newer" in text
    assert "looking for packages" not in text


def test_too_little_space_for_the_download_is_told_before_it(oomlab: Oomlab) -> None:
    cache = oomlab.directory / "cache"
    shutil.copytree(cache_dir() / "bases", cache / "bases")
    lay_out_index(cache)
    record = cache / "bases/debian-6.1-arm64.json"
    content = json.loads(record.read_text())
    content["image"]["size_bytes"] = 10**16
    record.write_text(json.dumps(content))
    oomlab.environment["OOMLAB_CACHE"] = str(cache)
    text = refused(oomlab("run", "binder-order3"), ExitCode.COULD_NOT_RUN)
    assert "no space in the cache for debian-6.1 for arm64" in text
    assert "oomlab images prune" in text
    assert not list(cache.glob("tmp/*"))
    assert not list(cache.glob("store/*/*"))


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: a full disk; only root can mount a small one")
    mounting = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)]
    if run(mounting, deadline=Deadline.after(10, "mount"), check=False).returncode != 0:
        pytest.skip("NOT TESTED: a full disk; this root may not mount one")
    yield place
    run(["umount", place], deadline=Deadline.after(10, "umount"))


def test_a_disk_that_fills_up_ends_the_run_at_once(oomlab: Oomlab, tiny: Path) -> None:
    text = refused(
        oomlab("run", "binder-order3", "--verbose", "--out", tiny / "run", *ONE), ExitCode.COULD_NOT_RUN
    )
    assert "could not be recorded in" in text
    assert ": No space left on device" in text
    assert "choose another place with --out" in text
    assert text.count(": booting") == 1
    last = read_journal(tiny / "run/journal.jsonl")[-1]
    assert isinstance(last, RunEnded)
    assert last.reason == "failed"
    assert json.loads((tiny / "run/manifest.json").read_text())["scenario"]["name"] == "binder-order3"
    assert not list((tiny / "run").glob(".*"))


def test_a_full_disk_has_no_room_for_a_run(oomlab: Oomlab, tiny: Path) -> None:
    (tiny / "ballast").write_bytes(bytes(60 * 1024))
    text = refused(oomlab("run", "binder-order3", "--verbose", "--out", tiny / "run"), ExitCode.COULD_NOT_RUN)
    assert "manifest.json cannot be written: No space left on device" in text
    assert ": booting" not in text


def test_a_cache_on_a_full_disk_is_told(oomlab: Oomlab, tiny: Path) -> None:
    (tiny / "ballast").write_bytes(bytes(60 * 1024))
    for part in ("store", "bases", "apt"):
        (tiny / part).symlink_to(cache_dir() / part)
    oomlab.environment["OOMLAB_CACHE"] = str(tiny)
    text = refused(oomlab("run", "binder-order3", "--patch", stale(oomlab)), ExitCode.COULD_NOT_RUN)
    assert "no space" in text
    assert "oomlab images prune" in text


def stale(oomlab: Oomlab) -> str:
    """A patch that makes a build necessary."""
    (oomlab.directory / "stale.patch").write_text(STALE)
    return "stale.patch"


def test_a_directory_that_cannot_be_written_is_told(oomlab: Oomlab) -> None:
    oomlab.directory = Path("/sys")  # read-only even for root
    text = refused(oomlab("run", "binder-order3", *BRIEF), ExitCode.COULD_NOT_RUN)
    assert "the run directory cannot be made" in text
    assert "choose another with --out" in text


def test_a_kernel_package_without_the_driver_is_told(tmp_path: Path) -> None:
    root = tmp_path / "package"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        "Package: bare\nVersion: 1\nArchitecture: arm64\nMaintainer: tests\nDescription: tests\n"
    )
    (root / "boot").mkdir()
    (root / "boot/vmlinuz-1").write_text("kernel")
    modules = root / "lib/modules/1"
    modules.mkdir(parents=True)
    (modules / "modules.builtin").write_text(
        "".join(f"kernel/{name}.ko\n" for name in ("configfs", "null_blk", "zsmalloc", "zram"))
    )
    deb = tmp_path / "bare.deb"
    run(["dpkg-deb", "--build", root, deb], deadline=Deadline.after(30, "packing"))
    with pytest.raises(HostError, match=r"bare\.deb has no module binder_linux"):
        unpack_kernel([deb], tmp_path)
