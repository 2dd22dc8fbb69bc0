# SPDX-License-Identifier: Apache-2.0
"""What guests get of a build's objects: the image with a fixed build id, modules in order, plain files."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.errors import InputError
from orchestrator.kernels.base import CONFIG_FILE, IMAGE_FILE, ORDER_FILE
from orchestrator.kernels.source_build.result import BUILD_ID, BuiltTree, with_fixed_build_id

_OWN = bytes(range(20))
_NOTE = b"\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0"
_IMAGE = b"code" + _NOTE + _OWN + b"more" + _NOTE + b"v" * 20


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    """A build with modules, of which null_blk needs configfs."""
    directory = tmp_path / "objects"
    files = {
        "arch/arm64/boot/Image": _IMAGE,
        "modules.order": b"fs/configfs/configfs.ko\ndrivers/block/null_blk/null_blk.ko\n"
        b"drivers/android/binder_linux.ko\ndrivers/net/dummy.ko\n",
        "fs/configfs/configfs.ko": b"\0depends=\0",
        "drivers/block/null_blk/null_blk.ko": b"\0depends=configfs\0",
        "drivers/android/binder_linux.ko": b"\0depends=\0",
        "drivers/net/dummy.ko": b"\0depends=\0",
    }
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return directory


def _stored(objects: Path, directory: Path) -> dict[str, bytes]:
    directory.mkdir()
    BuiltTree(objects, ARCHS["arm64"], _OWN).store("CONFIG_X=y\n", directory)
    files = (each for each in directory.rglob("*") if each.is_file())
    return {str(each.relative_to(directory)): each.read_bytes() for each in files}


def test_the_modules_that_guests_load_are_taken_with_what_they_need(objects: Path, tmp_path: Path) -> None:
    stored = _stored(objects, tmp_path / "entry")
    modules = {"modules/configfs.ko", "modules/null_blk.ko", "modules/binder_linux.ko"}
    assert stored.keys() == {IMAGE_FILE, CONFIG_FILE, ORDER_FILE, *modules}
    assert stored[ORDER_FILE] == b"configfs.ko\nnull_blk.ko\n"


def test_since_6_3_the_objects_of_modules_are_listed(objects: Path, tmp_path: Path) -> None:
    order = objects / "modules.order"
    order.write_text(order.read_text().replace(".ko", ".o"))
    assert "modules/binder_linux.ko" in _stored(objects, tmp_path / "entry")


def test_what_is_built_in_is_no_module(objects: Path, tmp_path: Path) -> None:
    (objects / "modules.order").unlink()
    stored = _stored(objects, tmp_path / "entry")
    assert stored.keys() == {IMAGE_FILE, CONFIG_FILE, ORDER_FILE}
    assert stored[ORDER_FILE] == b""


def test_the_kernels_own_build_id_is_fixed_and_no_other(objects: Path, tmp_path: Path) -> None:
    image = _stored(objects, tmp_path / "entry")[IMAGE_FILE]
    assert image == b"code" + _NOTE + BUILD_ID + b"more" + _NOTE + b"v" * 20
    assert with_fixed_build_id(_IMAGE, b"") == _IMAGE


@pytest.mark.parametrize("place", ["arch", "arch/arm64/boot/Image", "drivers/android/binder_linux.ko"])
def test_a_link_in_the_place_of_a_file_is_not_followed(objects: Path, tmp_path: Path, place: str) -> None:
    """Whoever wrote the objects may have meant a file of ours."""
    (objects / place).rename(tmp_path / "elsewhere")
    (objects / place).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="symbolic link"):
        _stored(objects, tmp_path / "entry")
