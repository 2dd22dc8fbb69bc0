# SPDX-License-Identifier: Apache-2.0
"""What setting up another machine would do, told from what was seen of it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from orchestrator.errors import HostError
from orchestrator.remote.setup import (
    Program,
    SetupPlan,
    missing_packages,
    plan_setup,
    plan_words,
    this_program,
)
from orchestrator.remote.setup_steps import program_tar
from orchestrator.remote.survey import Survey, parse_survey

FRESH = (
    "system Debian GNU/Linux 12 (bookworm)",
    "machine x86_64",
    "uid 1000",
    "user me",
    "cores 2",
    "memory_kb 4000000",
    "free_kb 20000000",
    "program apt-get",
    "root yes",
    "sudo yes",
    "kills false",
)
PYTHON = ("python python3 3.11", "venv yes")
QEMU = ("program qemu-system-aarch64", "program qemu-system-x86_64")
PACKAGES = ("python3", "python3-venv", "qemu-system-arm", "qemu-system-x86")


def _seen(*lines: str, without: Iterable[str] = ()) -> Survey:
    kept = [line for line in FRESH if line.partition(" ")[0] not in without]
    return parse_survey([*kept, *lines])


@pytest.fixture
def program(tmp_path: Path) -> Program:
    lock = tmp_path / "requirements.lock"
    lock.write_text("a==1 \\\n    --hash=sha256:00\n")
    return Program("5" * 64, lock, libraries=1, size_bytes=2_000_000)


def _set_up(program: Program, *, source: str = "", key: str = "") -> Survey:
    key = key or program.key("3.11")
    return _seen(*PYTHON, *QEMU, f"source {source or program.source}", f"program_is programs/{key}")


def test_a_fresh_machine_needs_everything(program: Program) -> None:
    plan = plan_setup(_seen(), program)
    assert plan == SetupPlan(PACKAGES, program=True, libraries=True)
    told = list(plan_words(_seen(), plan, program, "/home/me/.local/share/oomlab"))
    assert told[0].startswith("install with apt-get, as root, by sudo: python3 python3-venv qemu-system-arm ")
    assert told[1] == "put this oomlab there, 2.0 MB, below /home/me/.local/share/oomlab"
    assert told[2].startswith("install 1 Python library beside it with pip, by checksum")


def test_what_is_there_is_not_installed_again(program: Program) -> None:
    assert plan_setup(_set_up(program), program).nothing
    assert missing_packages(_seen(*PYTHON, QEMU[0])) == ("qemu-system-x86",)
    assert missing_packages(_seen(*PYTHON[:1], *QEMU)) == PACKAGES[:2]  # Debian's python3 comes without venv


def test_another_source_leaves_the_libraries_and_another_lock_or_python_does_not(program: Program) -> None:
    older = _set_up(program, source="4" * 64, key=f"4444-{program.libraries_key('3.11')}")
    assert plan_setup(older, program) == SetupPlan((), program=True, libraries=False)
    upgraded = _set_up(program, key=program.key("3.13"))
    assert plan_setup(upgraded, program) == SetupPlan((), program=True, libraries=True)
    program.lock.write_text("a==2\n")
    assert plan_setup(older, program) == SetupPlan((), program=True, libraries=True)


@pytest.mark.parametrize(
    ("without", "lines", "words"),
    [
        (("program",), (), "no apt-get"),
        (("root",), (), "sudo asks for a password there"),
        (("root", "sudo"), (), "the user there is not root and has no sudo"),
        (("free_kb",), ("free_kb 1000000",), "976 MiB free"),
    ],
)
def test_what_cannot_be_had_is_told_before_anything_is_done(
    program: Program, without: tuple[str, ...], lines: tuple[str, ...], words: str
) -> None:
    with pytest.raises(HostError) as refused:
        plan_setup(_seen(*lines, without=without), program)
    assert words in refused.value.message


def test_a_user_who_may_install_nothing_can_still_bring_the_program(program: Program) -> None:
    found = _seen(*PYTHON, *QEMU, without=("root", "sudo", "program"))
    assert plan_setup(found, program) == SetupPlan((), program=True, libraries=True)


@pytest.mark.parametrize("said", [[], ["Welcome to this machine!"], ["machine x86_64", "uid me"]])
def test_a_shell_that_says_something_else_is_no_machine_of_ours(said: list[str]) -> None:
    with pytest.raises(HostError, match="does not say what it was asked for"):
        parse_survey(said)


def test_words_of_a_login_between_the_facts_change_nothing() -> None:
    assert parse_survey(["Last login: today", *FRESH, ""]) == _seen()


def test_the_archive_is_one_and_the_same_for_one_source_and_names_it(checkout: Path) -> None:
    program = this_program()
    packed = program_tar(program)
    assert packed == program_tar(program)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        names = {member.name: member.mode for member in archive}
        stamp = archive.extractfile("SOURCE")
        assert stamp is not None
        assert stamp.read().decode().strip() == program.source
    assert {"requirements.lock", "orchestrator/cli.py", "scenarios/binder-order3.yaml"} <= set(names)
    assert names["oomlab"] & 0o100
    assert not names["requirements.lock"] & 0o100
    assert not [name for name in names if name.startswith(("tests/", "docs/", ".git", ".venv"))]
