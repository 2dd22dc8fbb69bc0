# SPDX-License-Identifier: Apache-2.0
"""Files for a guest: what each is, what it needs, and what cannot be there, before any boot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.guest_files.collected import Collected, GuestKind, collect
from orchestrator.units import MIB
from tests.unit.guest_files.elf_files import ARM, ARM64, X86_64, elf, write

LOADER = "/lib/ld-linux-aarch64.so.1"
PROGRAM = elf(interpreter=LOADER, needed=("libc.so.6",))


def _collect(
    files: dict[Path, str], root: Path, *, guest: GuestKind = "own", memory_bytes: int = 256 * MIB
) -> Collected:
    return collect(
        {str(here): there for here, there in files.items()},
        ARCHS["arm64"], memory_bytes=memory_bytes, guest=guest, root=root,
    )  # fmt: skip


def _only(found: Collected) -> str:
    (trouble,) = found.troubles
    return trouble.words


def _cross(root: Path) -> None:
    """The C library of a cross compiler, as Debian's packages have it, beside the host's own."""
    for name in ("ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6"):
        write(root / "usr/aarch64-linux-gnu/lib" / name, elf())
        write(root / "lib/x86_64-linux-gnu" / name, elf(X86_64))
        write(root / "lib" / name, elf(X86_64))


def test_libraries_come_from_where_the_cross_compiler_has_them(tmp_path: Path) -> None:
    _cross(tmp_path)
    found = _collect({write(tmp_path / "mytest", PROGRAM): "/mytest"}, tmp_path)
    assert not found.troubles
    assert [(each.guest, each.kind) for each in found.files] == [
        (LOADER, "library"),
        ("/lib/libc.so.6", "library"),
        ("/mytest", "program"),
    ]
    assert found.links["/lib64"] == "lib"


def test_a_native_program_s_come_from_multiarch_directories(tmp_path: Path) -> None:
    write(tmp_path / "lib/aarch64-linux-gnu/ld-linux-aarch64.so.1", elf())
    write(tmp_path / "usr/lib/aarch64-linux-gnu/libc.so.6", elf(needed=("libdeep.so",)))
    write(tmp_path / "usr/local/lib/libdeep.so", elf(needed=("libc.so.6",)))
    found = _collect({write(tmp_path / "mytest", PROGRAM): "/mytest"}, tmp_path)
    assert not found.troubles
    assert {each.guest for each in found.files} >= {"/lib/libdeep.so", "/lib/libc.so.6", LOADER}


def test_a_library_is_found_beside_the_program_that_says_so(tmp_path: Path) -> None:
    _cross(tmp_path)
    program = elf(interpreter=LOADER, needed=("libmine.so", "libc.so.6"), runpath="$ORIGIN/../lib")
    write(tmp_path / "my/lib/libmine.so", elf())
    found = _collect({write(tmp_path / "my/bin/mytest", program): "/opt/mytest"}, tmp_path)
    assert not found.troubles
    assert "/lib/libmine.so" in {each.guest for each in found.files}


def test_linker_scripts_and_other_machines_libraries_are_passed_over(tmp_path: Path) -> None:
    _cross(tmp_path)
    write(tmp_path / "lib/aarch64-linux-gnu/libc.so.6", b"/* GNU ld script */")
    found = _collect({write(tmp_path / "mytest", PROGRAM): "/mytest"}, tmp_path)
    sources = {each.guest: each.source for each in found.files}
    assert sources["/lib/libc.so.6"] == tmp_path / "usr/aarch64-linux-gnu/lib/libc.so.6"


def test_a_library_that_the_scenario_names_is_taken(tmp_path: Path) -> None:
    _cross(tmp_path)
    program = elf(interpreter=LOADER, needed=("libmine.so.1",))
    files = {
        write(tmp_path / "mytest", program): "/mytest",
        write(tmp_path / "libmine.so.1.2.3", elf(needed=("libm.so.6",))): "/lib/libmine.so.1",
    }
    found = _collect(files, tmp_path)
    assert not found.troubles
    assert {each.guest: each.kind for each in found.files} == {
        "/lib/ld-linux-aarch64.so.1": "library",
        "/lib/libm.so.6": "library",
        "/lib/libmine.so.1": "program",
        "/mytest": "program",
    }


def test_a_missing_library_is_named_with_who_needs_it_and_what_to_do(tmp_path: Path) -> None:
    _cross(tmp_path)
    write(tmp_path / "usr/aarch64-linux-gnu/lib/libc.so.6", elf(needed=("libgone.so.3",)))
    words = _only(_collect({write(tmp_path / "mytest", PROGRAM): "/mytest"}, tmp_path))
    assert words.startswith("libc.so.6 needs libgone.so.3, which is not on this host for arm64")
    assert "-static" in words
    assert "/lib/libgone.so.3" in words


def test_without_a_loader_there_is_none_to_start_it(tmp_path: Path) -> None:
    words = _only(_collect({write(tmp_path / "mytest", PROGRAM): "/mytest"}, tmp_path))
    assert "mytest needs ld-linux-aarch64.so.1" in words
    assert "libc6-arm64-cross" in words


@pytest.mark.parametrize(
    ("content", "machine"),
    [(elf(X86_64), "x86_64"), (elf(ARM, bits=32), "arm, 32 bits"), (elf(ARM64, big=True), "big endian")],
)
def test_a_program_for_another_architecture_is_refused(tmp_path: Path, content: bytes, machine: str) -> None:
    words = _only(_collect({write(tmp_path / "a", content): "/a"}, tmp_path))
    assert machine in words
    assert "the scenario's device is arm64" in words
    assert "aarch64-linux-gnu-gcc" in words


def test_objects_and_data_of_any_machine_are_data(tmp_path: Path) -> None:
    files = {write(tmp_path / "a.o", elf(X86_64, kind=1)): "/a.o", write(tmp_path / "t", b"x"): "/opt/t"}
    found = _collect(files, tmp_path)
    assert not found.troubles
    assert {each.kind for each in found.files} == {"data"}
    assert not found.links


@pytest.mark.parametrize("first", ["#!/bin/sh\n", "#! /bin/sh -e\n", "#!/bin/busybox sh\n"])
def test_a_script_of_the_guest_s_shell_runs(tmp_path: Path, first: str) -> None:
    (file,) = _collect({write(tmp_path / "a.sh", first.encode()): "/a.sh"}, tmp_path).files
    assert file.kind == "script"


@pytest.mark.parametrize("first", ["#!/bin/bash\n", "#!/usr/bin/env python3\n", "#!\n", "#!" + 300 * "x"])
def test_a_script_for_what_the_guest_has_not_is_refused(tmp_path: Path, first: str) -> None:
    script = write(tmp_path / "a.sh", first.encode())
    assert "#!/bin/sh" in _only(_collect({script: "/a.sh"}, tmp_path))
    assert not _collect({script: "/a.sh"}, tmp_path, guest="open").troubles


def test_a_script_s_interpreter_can_be_brought(tmp_path: Path) -> None:
    files = {
        write(tmp_path / "a.py", b"#!/opt/python3\n"): "/a.py",
        write(tmp_path / "python3", elf()): "/opt/python3",
    }
    assert not _collect(files, tmp_path).troubles


def test_links_are_followed_to_regular_files_and_to_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "real", elf())
    for name, target in (("link", "real"), ("zero", "/dev/zero"), ("loop", "loop"), ("gone", "nowhere")):
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    assert not _collect({tmp_path / "link": "/a"}, tmp_path).troubles
    for name, what in (
        ("zero", "is a device"), ("loop", "cannot be read"), ("gone", "cannot be read"),
        ("fifo", "is a named pipe"), ("directory", "is a directory"),
    ):  # fmt: skip
        assert what in _only(_collect({tmp_path / name: "/a"}, tmp_path)), name


def test_files_may_take_a_third_of_the_memory_all_together(tmp_path: Path) -> None:
    files = {tmp_path / name: f"/{name}" for name in ("a", "b")}
    for path in files:
        write(path, b"")
        os.truncate(path, 40 * MIB)
    assert not _collect(files, tmp_path).troubles
    os.truncate(tmp_path / "b", 46 * MIB)
    (trouble,) = _collect(files, tmp_path).troubles
    assert trouble.key is None
    for word in ("86.0 MiB", "256MiB", "85MiB", str(tmp_path / "b"), "46.0 MiB"):
        assert word in trouble.words


def test_one_of_an_endless_size_is_refused_without_reading_it(tmp_path: Path) -> None:
    write(tmp_path / "a", b"")
    os.truncate(tmp_path / "a", 1 << 40)
    assert "1048576.0 MiB" in _only(_collect({tmp_path / "a": "/a"}, tmp_path, memory_bytes=1 << 42))


def test_a_file_cannot_be_a_directory_too(tmp_path: Path) -> None:
    _cross(tmp_path)
    files = {write(tmp_path / "d", b"x"): "/lib", write(tmp_path / "mytest", PROGRAM): "/mytest"}
    assert "/lib in the guest cannot be a file and the directory of" in (
        _collect(files, tmp_path).troubles[0].words
    )


def test_what_android_loads_needs_an_android(tmp_path: Path) -> None:
    program = write(tmp_path / "bench", elf(interpreter="/system/bin/linker64", needed=("libbinder.so",)))
    found = _collect({program: "/data/local/tmp/bench"}, tmp_path, guest="android")
    assert [each.guest for each in found.files] == ["/data/local/tmp/bench"]
    assert "static_executable" in _only(_collect({program: "/bench"}, tmp_path))
    _cross(tmp_path)
    own = write(tmp_path / "mytest", PROGRAM)
    assert "-static" in _only(_collect({own: "/data/mytest"}, tmp_path, guest="android"))
