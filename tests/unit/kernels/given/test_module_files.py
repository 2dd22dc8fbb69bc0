# SPDX-License-Identifier: Apache-2.0
"""A directory of modules: found, checked against the image, put in order."""

from __future__ import annotations

import gzip
import lzma
import os
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.kernels.given import module_files
from orchestrator.kernels.given.module_files import GivenModules, fingerprint, look
from tests.unit.kernels.given.kernel_images import RELEASE, VERMAGIC


def module(depends: str = "", vermagic: str = VERMAGIC) -> bytes:
    """What stands in .modinfo, which is all that is read of a module."""
    return f"\x7fELF\0license=GPL\0depends={depends}\0vermagic={vermagic} \0".encode()


def lay(root: Path, **files: bytes) -> Path:
    for name, content in files.items():
        path = root / "kernel" / name.replace("__", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name + ".ko").write_bytes(content)
    return root


def take(root: Path, *wanted: str, vermagic: str | None = VERMAGIC, builtin: str = "") -> GivenModules:
    known = frozenset(builtin.split())
    return module_files.take(look(root, RELEASE), wanted, known, vermagic, RELEASE)


def test_modules_come_with_what_they_need_and_in_that_order(tmp_path: Path) -> None:
    lay(
        tmp_path,
        zram=module("zsmalloc,lz4-comp"),
        zsmalloc=module(),
        lz4__comp=module("deep"),
        deep=module(),
    )
    lay(tmp_path, unrelated=b"never read")
    taken = take(tmp_path, "zram")
    assert set(taken.order) == {"zram", "zsmalloc", "lz4_comp", "deep"} == set(taken.contents)
    assert taken.order[-1] == "zram"
    assert taken.order.index("deep") < taken.order.index("lz4_comp")
    assert not taken.missing


@pytest.mark.parametrize("inside", [".", RELEASE, f"lib/modules/{RELEASE}", f"usr/lib/modules/{RELEASE}"])
def test_the_directory_may_be_that_of_the_release_or_one_above(tmp_path: Path, inside: str) -> None:
    lay(tmp_path / inside, null_blk=module())
    if inside != ".":
        lay(tmp_path / inside / "../6.1.0-other", null_blk=module(vermagic="6.1.0-other SMP"))
    assert take(tmp_path, "null_blk").order == ("null_blk",)


def test_compressed_modules_are_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.ko.xz").write_bytes(lzma.compress(module("b")))
    (tmp_path / "b.ko.gz").write_bytes(gzip.compress(module()))
    assert take(tmp_path, "a").contents == {"b": module(), "a": module("b")}


def test_what_is_built_in_is_not_missed(tmp_path: Path) -> None:
    lay(tmp_path, zram=module("zsmalloc,configfs"))
    (tmp_path / "modules.builtin").write_text("kernel/mm/zsmalloc.ko\n")
    taken = take(tmp_path, "zram", "zsmalloc", "null_blk", builtin="configfs")
    assert taken.order == ("zram",)
    assert taken.missing == {"null_blk"}


def test_a_module_that_needs_one_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    lay(tmp_path, zram=module("zsmalloc"))
    with pytest.raises(InputError, match="need others that are not there: zsmalloc") as caught:
        take(tmp_path, "zram")
    assert "modules.builtin" in caught.value.hint


@pytest.mark.parametrize("vermagic", ["6.6.31 SMP preempt mod_unload aarch64", f"{RELEASE} SMP aarch64"])
def test_a_module_of_another_kernel_is_refused_before_it_is_booted(tmp_path: Path, vermagic: str) -> None:
    lay(tmp_path, binder_linux=module(vermagic=vermagic))
    with pytest.raises(InputError, match=r"binder_linux\.ko is of another kernel") as caught:
        take(tmp_path, "binder_linux")
    assert vermagic in caught.value.message
    assert VERMAGIC in caught.value.message


def test_with_checksums_of_symbols_the_release_may_differ_as_the_kernel_has_it(tmp_path: Path) -> None:
    lay(tmp_path, binder_linux=module(vermagic="6.6.31 SMP modversions aarch64"))
    assert take(tmp_path, "binder_linux", vermagic=f"{RELEASE} SMP modversions aarch64").order
    with pytest.raises(InputError):
        take(tmp_path, "binder_linux", vermagic=f"{RELEASE} SMP preempt modversions aarch64")


def test_a_kernel_that_does_not_say_what_it_asks_is_known_by_its_release(tmp_path: Path) -> None:
    lay(tmp_path, binder_linux=module())
    assert take(tmp_path, "binder_linux", vermagic=None).order
    lay(tmp_path, binder_linux=module(vermagic="6.6.31 SMP preempt mod_unload aarch64"))
    with pytest.raises(InputError):
        take(tmp_path, "binder_linux", vermagic=None)


def test_a_file_that_is_no_module_is_told(tmp_path: Path) -> None:
    lay(tmp_path, binder_linux=b"something else")
    with pytest.raises(InputError, match=r"binder_linux\.ko is no kernel module"):
        take(tmp_path, "binder_linux")
    (tmp_path / "x.ko.xz").write_bytes(b"\xfd7zXZ\0 broken")
    with pytest.raises(InputError, match=r"x\.ko\.xz cannot be unpacked as xz"):
        take(tmp_path, "x")


@pytest.mark.parametrize(("name", "message"), [("file", "is no directory"), ("nothing", "does not exist")])
def test_what_is_no_directory_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=message):
        look(tmp_path / name, RELEASE)


def test_a_directory_without_modules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no module below"):
        look(tmp_path, RELEASE)


def test_the_configuration_beside_the_modules_is_found(tmp_path: Path) -> None:
    lay(tmp_path, a=module())
    assert look(tmp_path, RELEASE).config is None
    (tmp_path / "config").write_text("CONFIG_X=y\n")
    assert look(tmp_path, RELEASE).config == "CONFIG_X=y\n"


def test_links_are_not_followed(tmp_path: Path) -> None:
    lay(tmp_path / "modules", a=module())
    lay(tmp_path / "source", b=module())
    (tmp_path / "modules/build").symlink_to(tmp_path / "source")
    assert list(look(tmp_path / "modules", RELEASE).files) == ["a"]


def test_the_fingerprint_changes_with_any_module(tmp_path: Path) -> None:
    lay(tmp_path, a=module(), b=module())
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before
    os.utime(tmp_path / "kernel/b.ko", (0, 0))
    assert fingerprint(tmp_path) != before
    with pytest.raises(OSError, match="nothing"):
        fingerprint(tmp_path / "nothing")


def test_the_checksum_is_that_of_what_was_taken(tmp_path: Path) -> None:
    lay(tmp_path, a=module(), b=module())
    first = take(tmp_path, "a").sha256
    (tmp_path / "kernel/b.ko").write_bytes(b"another")
    assert take(tmp_path, "a").sha256 == first is not None
    assert take(tmp_path).sha256 is None


def test_what_is_no_file_is_no_module(tmp_path: Path) -> None:
    lay(tmp_path, a=module())
    os.mkfifo(tmp_path / "b.ko")
    (tmp_path / "c.ko").symlink_to(tmp_path / "nothing")
    (tmp_path / "d.ko").mkdir()
    assert list(look(tmp_path, RELEASE).files) == ["a"]
    assert fingerprint(tmp_path)
