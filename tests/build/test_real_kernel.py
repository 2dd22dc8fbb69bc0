# SPDX-License-Identifier: Apache-2.0
"""The real kernel, built whole: from the user's cache where it is there, minutes of compiling where not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.kernels.base import CONFIG_FILE, IMAGE_FILE, Kernel
from orchestrator.kernels.given.image import read_image_file
from tests.guest.built_kernel import built_kernel, write_patch

pytestmark = pytest.mark.build

_PLACE = "mm/page_alloc.c"
_LINE = "int min_free_kbytes = 1024;"


@pytest.fixture(scope="module")
def base() -> Kernel:
    return built_kernel()


def _image(kernel: Kernel) -> bytes:
    return kernel.image.file(IMAGE_FILE).read_bytes()


def test_it_is_a_kernel_for_guests(base: Kernel) -> None:
    image = read_image_file(base.image.file(IMAGE_FILE))
    assert image.arch == "arm64"
    assert image.release == base.release
    assert image.page_size_bytes == base.page_size_bytes
    assert base.binder == "built-in"
    assert "CONFIG_ANDROID_BINDERFS=y" in base.image.file(CONFIG_FILE).read_text()
    assert "(oomlab@oomlab)" in image.banner
    assert "Thu Jan  1 00:00:00 UTC 1970" in image.banner


def test_one_line_of_the_allocator_changes_a_byte(base: Kernel, tmp_path: Path) -> None:
    """How much is compiled for it depends on what was built last of this tree in the user's cache.

    Tests with a cache of their own count that (test_whole_kernels.py).
    """
    patched = built_kernel(write_patch(tmp_path / "a.patch", _PLACE, (_LINE, _LINE.replace("1024", "1025"))))
    assert sum(_differing(_image(base), _image(patched))) == 1
    assert patched.release == base.release


def test_a_change_that_is_taken_back_gives_the_bytes_of_the_base(base: Kernel, tmp_path: Path) -> None:
    """The file was compiled twice, in a copy of the objects; the base was built from nothing."""
    there = write_patch(tmp_path / "there.patch", _PLACE, (_LINE, f"{_LINE} /* twice */"))
    back = tmp_path / "back.patch"
    back.write_text(_reversed(there.read_text()))
    assert _image(built_kernel(there, back)) == _image(base)


def _differing(one: bytes, other: bytes) -> Iterator[bool]:
    assert len(one) == len(other)
    return (left != right for left, right in zip(one, other, strict=True))


def _reversed(patch: str) -> str:
    swapped = {"-": "+", "+": "-"}
    header, hunks = patch.split("@@", 1)
    lines = [f"@@{hunks}".split("\n", 1)[0], *hunks.split("\n")[1:]]
    turned = [swapped.get(line[:1], line[:1]) + line[1:] for line in lines[1:]]
    # Of a changed line what is taken away stands before what is put in its place.
    for number in range(len(turned) - 1):
        if turned[number].startswith("+") and turned[number + 1].startswith("-"):
            turned[number], turned[number + 1] = turned[number + 1], turned[number]
    return header + "\n".join([lines[0], *turned])
