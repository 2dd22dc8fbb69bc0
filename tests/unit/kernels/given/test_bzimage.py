# SPDX-License-Identifier: Apache-2.0
"""Kernels out of x86 images."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kernels.given.bzimage import unpacked

PVH_NOTE = struct.pack("<III", 4, 8, 18) + b"Xen\0" + struct.pack("<Q", 0x1000)
KERNEL = b"\x7fELF" + b"code" * 100 + PVH_NOTE


def bzimage(payload: bytes, *, version: int = 0x20F, setup_sects: int = 2) -> bytes:
    """Boot sector and setup code, 16 bytes of decompressor, the payload, some more."""
    image = bytearray(512 * ((setup_sects or 4) + 1))
    image[0x1F1] = setup_sects
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, version)
    struct.pack_into("<II", image, 0x248, 16, len(payload))
    return bytes(image) + b"decompressor    " + payload + b"end"


def packed(kernel: bytes, compress: Callable[[bytes], bytes] = lzma.compress) -> bytes:
    return compress(kernel) + struct.pack("<I", len(kernel))


@pytest.mark.parametrize("setup_sects", [0, 2, 39])
@pytest.mark.parametrize(
    "compress",
    [
        lzma.compress,
        lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
        gzip.compress,
        bz2.compress,
    ],
)
def test_the_kernel_comes_out(compress: Callable[[bytes], bytes], setup_sects: int) -> None:
    assert unpacked(bzimage(packed(KERNEL, compress), setup_sects=setup_sects)) == KERNEL


@pytest.mark.parametrize(
    "image",
    [
        bzimage(packed(KERNEL.replace(PVH_NOTE, b""))),
        bzimage(packed(b"no ELF" + PVH_NOTE)),
        bzimage(b"\x28\xb5\x2f\xfd zstd"),
        bzimage(packed(KERNEL)[:-1]),
        bzimage(packed(KERNEL)[:40]),
        bzimage(packed(KERNEL), version=0x207),
        b"MZ an arm64 image",
    ],
    ids=["no entry", "no ELF", "unknown format", "wrong size", "cut", "too old", "no bzImage"],
)
def test_what_cannot_be_started_unpacked_stays(image: bytes) -> None:
    assert unpacked(image) == image


@given(st.binary(max_size=2000))
def test_any_bytes_come_out_as_they_are(image: bytes) -> None:
    assert unpacked(image) == image
