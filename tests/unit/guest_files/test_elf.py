# SPDX-License-Identifier: Apache-2.0
"""What the header of a program says, whatever was done to it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.guest_files.elf import BadElf, Elf, read_elf
from tests.unit.guest_files.elf_files import ARM, ARM64, RISCV, X86_64, elf, write

DYNAMIC = elf(
    interpreter="/lib/ld-linux-aarch64.so.1", needed=("libm.so.6", "libc.so.6"), runpath="$ORIGIN:/opt/lib"
)


def _read(path: Path, content: bytes) -> Elf | None:
    write(path, content)
    with path.open("rb") as file:
        return read_elf(file)


def test_a_static_program_needs_nothing(tmp_path: Path) -> None:
    found = _read(tmp_path / "a", elf())
    assert found == Elf("program", "arm64")
    assert found.is_static


def test_a_dynamic_one_names_loader_libraries_and_where_they_are_looked_for(tmp_path: Path) -> None:
    found = _read(tmp_path / "a", DYNAMIC)
    assert found == Elf(
        "program", "arm64", "/lib/ld-linux-aarch64.so.1", ("libm.so.6", "libc.so.6"), ("$ORIGIN", "/opt/lib")
    )


@pytest.mark.parametrize(
    ("content", "machine"),
    [
        (elf(X86_64), "x86_64"),
        (elf(ARM, bits=32), "arm, 32 bits"),
        (elf(X86_64, bits=32), "x32"),
        (elf(RISCV), "riscv64"),
        (elf(ARM64, big=True), "arm64, big endian"),
        (elf(22, big=True), "s390x"),
        (elf(4711), "machine 4711, 64 bits"),
    ],
)
def test_machines_are_told_apart(tmp_path: Path, content: bytes, machine: str) -> None:
    found = _read(tmp_path / "a", content)
    assert found is not None
    assert found.machine == machine


def test_an_object_is_no_program(tmp_path: Path) -> None:
    found = _read(tmp_path / "a.o", elf(kind=1))
    assert found is not None
    assert found.type == "other"


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELS", b"text"])
def test_what_is_no_elf_file_is_none(tmp_path: Path, content: bytes) -> None:
    assert _read(tmp_path / "a", content) is None


def _either(file: BinaryIO) -> None:
    with suppress(BadElf):
        read_elf(file)


@pytest.mark.parametrize("length", range(4, len(DYNAMIC) - 40, 7))
def test_one_that_was_cut_is_no_program(tmp_path: Path, length: int) -> None:
    with pytest.raises(BadElf):
        _read(tmp_path / "a", DYNAMIC[:length])


@given(st.lists(st.tuples(st.integers(4, len(DYNAMIC) - 1), st.integers(0, 255)), max_size=12))
def test_forged_headers_end_in_an_answer(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    forged = bytearray(DYNAMIC)
    for place, value in changes:
        forged[place] = value
    path = write(tmp_path_factory.getbasetemp() / "forged", bytes(forged))
    with path.open("rb") as file:
        _either(file)
