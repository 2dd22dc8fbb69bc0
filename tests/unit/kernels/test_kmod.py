# SPDX-License-Identifier: Apache-2.0
"""Module names, dependencies and load order."""

from __future__ import annotations

import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kernels.kmod import decompress, depends, is_module, load_order, module_name


@pytest.mark.parametrize("path", ["kernel/a/null-blk.ko", "null_blk.ko.xz", "x/null-blk.ko.xz"])
def test_names_use_underscores(path: str) -> None:
    assert is_module(path)
    assert module_name(path) == "null_blk"


@pytest.mark.parametrize("path", ["modules.order", "a.ko.txt", "a.kop", "ko"])
def test_other_files_are_no_modules(path: str) -> None:
    assert not is_module(path)


def test_dependencies_are_read_from_modinfo() -> None:
    module = b"\x7fELF...license=GPL\0depends=lz4-compress,lz4hc_compress\0name=zram\0"
    assert depends(module) == ("lz4_compress", "lz4hc_compress")
    assert depends(b"\0depends=\0name=x\0") == ()


def test_only_compressed_modules_are_decompressed() -> None:
    assert decompress("a.ko.xz", lzma.compress(b"x")) == b"x"
    assert decompress("a.ko", b"x") == b"x"


def test_built_in_modules_are_not_missed() -> None:
    assert load_order(["zram"], {"zram": ["zsmalloc"]}, ["zsmalloc"]) == (["zram"], set())


def test_missing_modules_are_named() -> None:
    order, missing = load_order(["zram", "binder_linux"], {"zram": ["zsmalloc"]}, [])
    assert (order, missing) == (["zram"], {"zsmalloc", "binder_linux"})


@given(st.integers(1, 12), st.data())
def test_every_module_comes_after_what_it_depends_on(count: int, data: st.DataObject) -> None:
    names = [f"m{number}" for number in range(count)]
    dependencies = {
        name: data.draw(st.lists(st.sampled_from(names[:number]), unique=True)) if number else []
        for number, name in enumerate(names)
    }
    order, missing = load_order(data.draw(st.permutations(names)), dependencies, [])
    assert not missing
    assert sorted(order) == sorted(names)
    assert all(order.index(needed) < order.index(name) for name in names for needed in dependencies[name])
