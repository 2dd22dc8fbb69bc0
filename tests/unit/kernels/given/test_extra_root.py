# SPDX-License-Identifier: Apache-2.0
"""An initramfs that somebody brings: what kernels unpack, and what they do not."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.kernels.given.extra_root import read_extra_root

CPIO = b"070701" + b"0" * 104 + b"TRAILER!!!"
ALL = "\n".join(f"CONFIG_RD_{name}=y" for name in ("GZIP", "XZ", "ZSTD", "LZ4"))


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        CPIO,
        gzip.compress(CPIO),
        lzma.compress(CPIO),
        b"\x28\xb5\x2f\xfd...",
        b"\x02\x21\x4c\x18.",
        CPIO + b"1",
    ],
)
@pytest.mark.parametrize("config", [None, ALL])
def test_an_archive_is_padded_for_the_next_one(tmp_path: Path, content: bytes, config: str | None) -> None:
    read = read_extra_root(written(tmp_path / "a.cpio", content), config)
    assert read.startswith(content)
    assert len(read) % 4 == 0
    assert set(read[len(content) :]) <= {0}


def test_a_kernel_that_cannot_unpack_it_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.cpio.xz", lzma.compress(CPIO))
    with pytest.raises(InputError, match="compressed with xz, and CONFIG_RD_XZ is off"):
        read_extra_root(path, "CONFIG_RD_GZIP=y\n# CONFIG_RD_XZ is not set\n")


@pytest.mark.parametrize("content", [b"", b"hello", gzip.compress(b"hello"), b"\x1f\x8b broken"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"a\.cpio is no initramfs") as caught:
        read_extra_root(written(tmp_path / "a.cpio", content), None)
    assert "newc" in caught.value.hint


def test_the_newer_format_of_lz4_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="format of lz4 that kernels do not read"):
        read_extra_root(written(tmp_path / "a.cpio.lz4", b"\x04\x22\x4d\x18..."), None)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the initramfs .*nothing"):
        read_extra_root(tmp_path / "nothing", None)
