# SPDX-License-Identifier: Apache-2.0
"""Kernel images of all kinds: what is read of them, what is started, and what is refused how."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.errors import HostError, InputError
from orchestrator.kernels.given.image import BinderDriver, KernelImage, read_image, read_image_file
from tests.unit.kernels.given import kernel_images as images

ARM64 = images.arm64_image(images.ikconfig(), images.btf())
X86 = images.x86_vmlinux(images.ikconfig())

ALL_KINDS = {
    "arm64 Image": ARM64,
    "arm64 Image, compressed with gzip": gzip.compress(ARM64),
    "arm64 Image, compressed with xz": lzma.compress(ARM64),
    "arm64 Image, compressed with lzma": lzma.compress(ARM64, format=lzma.FORMAT_ALONE),
    "arm64 Image, compressed with bzip2": bz2.compress(ARM64),
    "arm64 Image, in an Android boot image": images.android(ARM64),
    "arm64 Image, compressed with gzip, in an Android boot image": images.android(
        gzip.compress(ARM64), version=2
    ),
    "arm64 Image, compressed with gzip, in an EFI zboot image": images.zboot(gzip.compress(ARM64)),
    "arm64 Image, in a unified kernel image": images.unified(ARM64),
    "arm64 Image, in a U-Boot image": images.uimage(ARM64),
    "vmlinux": images.arm64_vmlinux(images.ikconfig(), images.btf(), more=b"symbols" * 100),
}


@pytest.fixture(autouse=True, scope="module")
def _no_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What only programs unpack is for the build tests: here none is found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))
        yield


def read(content: bytes) -> KernelImage:
    return read_image(content, "a-file")


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_kind_of_arm64_kernel_is_started_as_the_same_image(kind: str) -> None:
    image = read(ALL_KINDS[kind])
    assert image.boot == ARM64
    assert image.what == kind


def test_an_image_says_what_it_is() -> None:
    image = read(ARM64)
    assert (image.arch, image.release, image.page_size_bytes) == ("arm64", images.RELEASE, 4096)
    assert image.banner == images.BANNER.strip()
    assert image.config == images.CONFIG
    assert image.btf == images.btf()
    assert image.vermagic == images.VERMAGIC
    assert image.binder == (BinderDriver("c", "built in", "its IKCONFIG"),)


@pytest.mark.parametrize(("bits", "size"), [(1, 4096), (2, 16384), (3, 65536), (0, None)])
def test_the_header_tells_the_page_size_of_an_arm64_kernel(bits: int, size: int | None) -> None:
    assert read(images.arm64_image(flags=bits << 1)).page_size_bytes == size


def test_where_the_header_tells_no_page_size_the_configuration_may() -> None:
    config = images.ikconfig("CONFIG_ARM64_16K_PAGES=y\n# CONFIG_ARM64_4K_PAGES is not set\n")
    assert read(images.arm64_image(config, flags=0)).page_size_bytes == 16384


def test_an_x86_kernel_is_started_unpacked_where_qemu_can() -> None:
    image = read(images.bzimage(images.packed(X86)))
    assert (image.what, image.arch, image.page_size_bytes) == ("bzImage", "x86_64", 4096)
    assert image.boot == X86
    assert image.config == images.CONFIG


def test_an_x86_kernel_without_that_entry_is_started_as_it_is() -> None:
    file = images.bzimage(images.packed(images.x86_vmlinux(pvh=False)))
    image = read(file)
    assert image.boot == file
    assert image.release == images.RELEASE


def test_symbols_of_an_x86_kernel_are_left_out() -> None:
    image = read(images.x86_vmlinux(more=b"symbols" * 1000))
    assert len(image.boot) == len(images.x86_vmlinux())
    assert struct.unpack_from("<QHH", image.boot[40:48] + image.boot[60:64]) == (0, 0, 0)
    assert b"symbols" not in image.boot


@pytest.mark.parametrize(
    ("parts", "binder"),
    [
        ([images.C_MESSAGE], (BinderDriver("c", "built in", "its messages"),)),
        ([images.RUST_MESSAGE], (BinderDriver("rust", "built in", "its messages"),)),
        ([], None),
        ([b"\0binder: impersonate"], None),
        ([images.C_MESSAGE, images.ikconfig("CONFIG_X=y\n")], ()),
        (
            [images.ikconfig("CONFIG_ANDROID_BINDER_IPC=m\nCONFIG_ANDROID_BINDER_IPC_RUST=y\n")],
            (BinderDriver("c", "module", "its IKCONFIG"), BinderDriver("rust", "built in", "its IKCONFIG")),
        ),
    ],
)
def test_the_binder_driver_is_told_by_the_configuration_else_by_its_messages_else_unknown(
    parts: list[bytes], binder: tuple[BinderDriver, ...] | None
) -> None:
    assert read(images.arm64_image(*parts)).binder == binder


def test_what_an_image_does_not_say_is_unknown() -> None:
    image = read(images.arm64_image(flags=0))
    assert (image.config, image.btf, image.page_size_bytes, image.binder) == (None, None, None, None)


def test_a_broken_configuration_is_none() -> None:
    assert read(images.arm64_image(images.ikconfig()[:-20])).config is None


def test_the_numbered_line_is_the_banner() -> None:
    first = images.BANNER.replace("#3 SMP", "# SMP")
    assert "#3 SMP" in read(images.arm64_image(images.BANNER.encode(), banner=first)).banner


REFUSED = {
    "zip": (b"PK\x03\x04" + bytes(100), "is a zip archive", "unzip"),
    "empty": (b"", "is empty", "expected Image"),
    "text": (b"hello\n", "is a text file", "expected Image"),
    "noise": (bytes(range(256)) * 20, "is no kernel image", "expected Image"),
    "ext4": (bytes(0x438) + b"\x53\xef" + bytes(3000), "ext4 file system", "/boot"),
    "tar.gz": (gzip.compress(bytes(257) + b"ustar" + bytes(500)), "a-file, unpacked, is a tar", "tar -x"),
    "initramfs": (gzip.compress(b"070701" + bytes(100)), "cpio archive", "initramfs:"),
    "deb": (b"!<arch>\ndebian-binary", "a Debian package", "dpkg-deb"),
    "sparse": (b"\x3a\xff\x26\xed" + bytes(50), "sparse", "simg2img"),
    "vendor boot": (b"VNDRBOOT" + bytes(100), "vendor_boot", "boot.img"),
    "zImage": (bytes(0x24) + b"\x18\x28\x6f\x01" + bytes(99), "32-bit arm", "arm64 and x86_64"),
    "riscv": (bytes(56) + b"RSC\x05" + bytes(99), "riscv", "arm64 and x86_64"),
    "ppc": (images.elf(21, images.content()), "no guest here can run", "arm64 and x86_64"),
    "module": (images.elf(183, b"", kind=1), "kernel module", "`modules:`"),
    "program": (images.elf(183, images.content(), kind=3), "an ELF program", "expected Image"),
    "no entry": (images.x86_vmlinux(pvh=False), "no PVH entry", "bzImage"),
    "i386": (images.bzimage(images.packed(X86), flags=0), "32-bit x86", "arm64 and x86_64"),
    "big endian": (images.arm64_image(flags=0b1011), "big-endian", "little-endian"),
    "no Linux": (images.arm64_image(banner="U-Boot 2026.01"), "no version of Linux", "Image"),
    "cut gzip": (gzip.compress(ARM64)[:-30], "cannot be unpacked as gzip", "whole"),
    "broken xz": (lzma.compress(ARM64)[:40] + bytes(50), "cannot be unpacked as xz", "whole"),
    "cut boot.img": (images.android(ARM64)[:4200], "promises", "whole"),
    "boot.img of nothing": (images.android(b""), "no kernel in it", "whole"),
    "boot.img header alone": (b"ANDROID!", "ends within its header", "whole"),
    "cut bzImage": (images.bzimage(images.packed(X86))[:-40], "ends before", "whole"),
    "wrong size": (images.bzimage(lzma.compress(X86) + b"\1\2\3\4"), "not the size", "whole"),
    "cut vmlinux": (images.arm64_vmlinux()[:-10], "ends before", "whole"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_kernel_is_refused_with_what_it_is_and_what_to_do(case: str) -> None:
    content, message, hint = REFUSED[case]
    with pytest.raises(InputError) as caught:
        read(content)
    assert message in caught.value.message
    assert "a-file" in caught.value.message
    assert hint in caught.value.hint


def test_segments_far_apart_are_no_kernel() -> None:
    one = bytearray(images.elf(183, ARM64, kind=3))
    second = struct.pack("<IIQQQQQQ", 1, 5, 176, 1 << 60, 1 << 60, 16, 16, 4096)
    struct.pack_into("<H", one, 56, 2)
    with pytest.raises(InputError, match="too far apart"):
        read(bytes(one[:120]) + second + bytes(one[120:]))


def test_nothing_unpacks_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.kernels.compression.LIMIT_BYTES", 1000)
    with pytest.raises(InputError, match="cannot be unpacked as gzip: it unpacks to more than"):
        read(gzip.compress(bytes(100_000)))


def test_nothing_is_unwrapped_without_end() -> None:
    content = ARM64
    for _ in range(9):
        content = gzip.compress(content)
    with pytest.raises(InputError, match="more often than any kernel"):
        read(content)


def test_a_directory_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory"):
        read_image_file(tmp_path)
    with pytest.raises(InputError, match="cannot read"):
        read_image_file(tmp_path / "Image")


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "Image.gz"
    path.write_bytes(gzip.compress(ARM64))
    assert read_image_file(path).release == images.RELEASE


@given(st.binary(max_size=3000))
def test_any_bytes_are_refused_in_order(content: bytes) -> None:
    with pytest.raises((InputError, HostError)):
        read(content)


def test_a_table_of_segments_beyond_every_file_is_damage() -> None:
    vmlinux = bytearray(next(image for image in ALL_KINDS.values() if image.startswith(b"\x7fELF")))
    vmlinux[32:40] = b"\xff" * 8  # e_phoff
    with pytest.raises((InputError, HostError)):
        read(bytes(vmlinux))


WHOLE = [*ALL_KINDS.values(), X86, images.bzimage(images.packed(X86))]


@given(st.sampled_from(WHOLE), st.data())
def test_damage_ends_in_an_image_or_in_an_error_of_the_users(content: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(content)))
    place = data.draw(st.integers(0, max(0, cut - 1)))
    noise = data.draw(st.binary(max_size=16))
    damaged = content[:place] + noise + content[place + len(noise) : cut]
    try:
        assert read(damaged).release
    except InputError as error:
        named = error.message
    except HostError as error:
        named = error.message.replace(" is not installed", " for a-file")
    else:
        named = "a-file"
    assert "a-file" in named


@given(st.binary(max_size=200), st.binary(max_size=200))
@example(b"IKCFG_ST\x1f\x8b", b"\x9f\xeb\x01\0\x18\0\0\0")
def test_noise_around_configuration_and_types_changes_nothing(before: bytes, after: bytes) -> None:
    image = read(images.arm64_image(before, images.ikconfig(), images.btf(), after))
    assert image.config in (images.CONFIG, None) if b"IKCFG_ST" in before else image.config == images.CONFIG
    assert image.release == images.RELEASE
