# SPDX-License-Identifier: Apache-2.0
"""QEMU that is missing, too old or strange is told with what to do; the host's facts are plain."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import CommandFailed, ExitCode, HostError
from orchestrator.host.facts import host_facts, qemu_version

PROGRAM = "qemu-system-aarch64"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    qemu_version.cache_clear()
    yield
    qemu_version.cache_clear()


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a QEMU on PATH that prints a text when, and only when, asked for its version."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def install(text: str, status: int = 0) -> None:
        program = tmp_path / PROGRAM
        program.write_text(
            f'#!/bin/sh\n[ "$*" = --version ] || exit 64\nprintf "%s" "{text}"\nexit {status}\n'
        )
        program.chmod(0o755)

    return install


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", "7.2.22"),
        ("QEMU emulator version 7.2.0", "7.2.0"),
        ("QEMU emulator version 10.1", "10.1"),
        ("QEMU emulator version 9.0.50 (v9.0.0-1-gabc)", "9.0.50"),
    ],
)
def test_new_enough(qemu: Callable[[str], None], text: str, version: str) -> None:
    qemu(text)
    assert qemu_version(PROGRAM) == version


@pytest.mark.parametrize("version", ["7.1.9", "6.2.0", "2.12.1", "0.15"])
def test_too_old(qemu: Callable[[str], None], version: str) -> None:
    qemu(f"QEMU emulator version {version}")
    with pytest.raises(HostError, match=f"is version {version}, too old") as caught:
        qemu_version(PROGRAM)
    assert "install QEMU 7.2 or newer" in caught.value.hint
    assert caught.value.exit_code is ExitCode.COULD_NOT_RUN


@pytest.mark.parametrize("text", ["", "Segmentation fault", "version seven"])
def test_no_version(qemu: Callable[[str], None], text: str) -> None:
    qemu(text)
    with pytest.raises(HostError, match="does not report its version") as caught:
        qemu_version(PROGRAM)
    assert caught.value.evidence == (text,)
    assert "7.2" in caught.value.hint


def test_a_qemu_that_cannot_even_start(qemu: Callable[[str, int], None]) -> None:
    qemu("error while loading shared libraries: libslirp.so.0", 127)
    with pytest.raises(CommandFailed, match="status 127") as caught:
        qemu_version(PROGRAM)
    assert "libslirp" in caught.value.output_tail


def test_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="qemu-system-aarch64 is not installed") as caught:
        qemu_version(PROGRAM)
    assert "qemu-system-arm" in caught.value.hint


def test_the_facts_of_this_host() -> None:
    facts = host_facts()
    assert facts.cpus == len(os.sched_getaffinity(0))
    assert facts.memory_kb > 64 * 1024
    assert facts.kernel == os.uname().release
    assert facts.system
    assert facts.cpu_model
