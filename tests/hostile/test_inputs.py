# SPDX-License-Identifier: Apache-2.0
"""Inputs that do not end, or are far larger inside than outside: each is left at a bound that is said."""

from __future__ import annotations

import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode, InputError, OomlabError
from orchestrator.files.mails import load_mail
from orchestrator.files.reading import read_bounded
from orchestrator.kernels.build.patch import read_patch
from orchestrator.kernels.build.tree import OddFile, unpack
from orchestrator.logs import streams as files
from orchestrator.logs.streams import Reported
from orchestrator.reproduce.source import load_source
from orchestrator.scenario.loading.files import read_scenario_text
from orchestrator.units import MIB
from tests.conftest import CHECKOUT

DULL = b"Nov 30 12:00:00 host app: all is well\n" * 4096
OOM = (CHECKOUT / "tests/data/consoles/6.1-arm64-oom.txt").read_bytes()


class Events:
    """A sink that counts."""

    def __init__(self) -> None:
        self.found = 0

    def event(self, file: str, event: Reported) -> None:
        self.found += 1

    def file_done(self, file: str, events: int) -> None:
        pass

    def close(self) -> None:
        pass


@contextmanager
def endless(*pieces: bytes) -> Iterator[Path]:
    """A pipe in which the pieces come again and again."""
    read_end, write_end = os.pipe()

    def write() -> None:
        with os.fdopen(write_end, "wb", buffering=0) as pipe, suppress(BrokenPipeError):
            while True:
                for piece in pieces:
                    pipe.write(piece)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield Path(f"/proc/self/fd/{read_end}")
    finally:
        os.close(read_end)
        writer.join()


def problem_with(file: Path) -> tuple[str, int]:
    sink = Events()
    problems = files.read_files([str(file)], io.BytesIO(), sink)
    assert len(problems) <= 1
    return (problems[0].message if problems else "", sink.found)


READERS: list[Callable[[Path], object]] = [read_patch, load_mail, read_scenario_text]


@pytest.mark.parametrize("reader", [*READERS, lambda file: load_source([file])])
def test_a_device_that_never_ends_is_bad_input(reader: Callable[[Path], object]) -> None:
    with pytest.raises(InputError) as caught:
        reader(Path("/dev/zero"))
    assert caught.value.exit_code is ExitCode.BAD_INPUT


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_that_never_ends_is_bad_input_and_its_limit_is_said(reader: Callable[[Path], object]) -> None:
    with endless(DULL) as pipe, pytest.raises(InputError, match=r"larger than [0-9]+ [KM]iB"):
        reader(pipe)


def test_an_input_of_just_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(MIB))
    assert len(read_bounded(tmp_path / "file", MIB)) == MIB
    (tmp_path / "file").write_bytes(bytes(MIB + 1))
    with pytest.raises(InputError, match=r"the mail .* is larger than 1 MiB"):
        read_bounded(tmp_path / "file", MIB, what="mail")


@pytest.mark.parametrize("name", ["missing", ".", "a\0b"])
def test_what_cannot_be_read_is_said_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_bounded(tmp_path / name, MIB)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_without_text_is_left_early(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_NO_TEXT_BYTES", 2 * MIB)
    message, found = problem_with(Path(device))
    assert "nothing but white space or NUL" in message or "binary data" in message
    assert found == 0


def test_a_pipe_without_a_report_is_left_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_SILENT_BYTES", 16 * MIB)
    with endless(DULL) as pipe:
        message, _ = problem_with(pipe)
    assert message.endswith("16MiB were read without a report: given up")


def test_reports_keep_a_pipe_open_and_what_came_of_them_is_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is counted since the last report."""
    monkeypatch.setattr(files, "_SILENT_BYTES", 8 * MIB)
    read_end, write_end = os.pipe()
    log = (OOM + b"\n" + DULL * 32) * 4  # 5 MiB of silence after each

    def write() -> None:
        with os.fdopen(write_end, "wb", buffering=0) as pipe:
            pipe.write(log)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        message, found = problem_with(Path(f"/proc/self/fd/{read_end}"))
    finally:
        os.close(read_end)
        writer.join()
    assert len(log) > 16 * MIB
    assert (message, found >= 4) == ("", True)


def test_a_file_may_be_of_any_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_SILENT_BYTES", MIB)
    (tmp_path / "log").write_bytes(DULL * 32 + OOM)
    message, found = problem_with(tmp_path / "log")
    assert (message, found > 0) == ("", True)


def test_a_run_of_nul_before_a_log_is_no_reason_to_leave_it(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(bytes(8 * MIB) + b"\n" + OOM)
    assert problem_with(tmp_path / "log")[1] > 0


def test_a_sparse_file_out_of_the_sandbox_is_not_blown_up() -> None:
    member = tarfile.TarInfo("tree/x")
    member.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": str(1 << 50),
    }
    content = b"1\n0\n0\n".ljust(512, b"\0")
    member.size = len(content)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member, io.BytesIO(content))
    assert unpack(buffer.getvalue()) == {"tree/x": OddFile("special file")}


@pytest.mark.parametrize("content", [b"no archive", b"\xff" * 1024, b"x" * 512 + bytes(512)])
def test_what_is_no_archive_is_no_traceback(content: bytes) -> None:
    with pytest.raises(OomlabError, match="no archive"):
        unpack(content)
