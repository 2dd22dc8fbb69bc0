# SPDX-License-Identifier: Apache-2.0
"""Kernel images that only programs unpack, in the real sandbox."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.bases import find_base
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.host.process import run
from orchestrator.kernels.base import CONFIG_FILE, IMAGE_FILE, KernelRequest
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.given.contents import MARKS
from orchestrator.kernels.given.image import read_image, read_image_file
from orchestrator.kernels.sources import source_of
from orchestrator.paths import cache_dir
from tests.unit.kernels.given import kernel_images as images

pytestmark = pytest.mark.build

PACKERS = {
    "zstd": ("zstd", "-qc"),
    "lz4, the old format": ("lz4", "-lqc"),
    "lz4": ("lz4", "-qc"),
    "lzo": ("lzop", "-qc"),
}


def pack(name: str, content: bytes) -> bytes:
    program = PACKERS[name]
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    return run(program, input_bytes=content, deadline=Deadline.after(60, "packing")).stdout


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("with_size", [False, True])
def test_an_image_comes_out_of_every_format_with_and_without_its_size_behind(
    name: str, with_size: bool
) -> None:
    image = images.arm64_image(images.ikconfig(), images.C_MESSAGE * 5000)
    packed = pack(name, image) + (struct.pack("<I", len(image)) if with_size else b"")
    found = read_image(packed, "Image.packed")
    assert found.boot == image
    assert found.what.startswith("arm64 Image, compressed with ")


@pytest.mark.parametrize("name", PACKERS)
def test_the_kernel_comes_out_of_a_bzimage_of_every_format(name: str) -> None:
    kernel = images.x86_vmlinux(images.ikconfig())
    found = read_image(images.bzimage(pack(name, kernel) + struct.pack("<I", len(kernel))), "bzImage")
    assert found.boot == kernel


@pytest.mark.parametrize("name", PACKERS)
def test_a_broken_one_is_refused_in_the_programs_words(name: str) -> None:
    packed = pack(name, images.arm64_image(images.C_MESSAGE * 5000))
    with pytest.raises(InputError, match=r"Image.packed cannot be unpacked as \w+: \S+"):
        read_image(packed[: len(packed) // 2], "Image.packed")


def test_without_the_program_the_user_is_told_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="zstd is not installed") as caught:
        read_image(b"\x28\xb5\x2f\xfd" + bytes(20), "Image.zst")
    assert "apt-get install zstd" in caught.value.hint


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("base", ["debian-6.1", "debian-6.12"])
def test_what_an_image_says_by_its_words_is_what_it_was_configured_as(base: str, arch: str) -> None:
    request = KernelRequest(*find_base(base, arch))
    kernel = source_of(request.base).obtain(Cache(cache_dir()), request, print)
    found = read_image_file(kernel.image.file(IMAGE_FILE))
    config = kernel.image.file(CONFIG_FILE).read_text().splitlines()
    assert found.marks == {option for option in MARKS if f"CONFIG_{option}=y" in config}
    assert (found.arch, found.release, found.page_size_bytes) == (arch, kernel.release, 4096)
    assert found.vermagic is not None
    assert found.btf is not None
    assert found.config is None, "Debian's kernels have none in them"
