# SPDX-License-Identifier: Apache-2.0
"""The linters are tests: nobody has to remember them."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from tests.unit.project import tree


def _passes(checkout: Path, *argv: str | Path, env: dict[str, str] | None = None) -> None:
    result = run(argv, cwd=checkout, env=env, deadline=Deadline.after(300, str(argv[0])), check=False)
    report = (result.stdout + result.stderr).decode(errors="replace")
    assert result.returncode == 0, f"\n{report}"


def test_ruff_finds_nothing(checkout: Path) -> None:
    _passes(checkout, sys.executable, "-m", "ruff", "check", "--quiet")


def test_ruff_would_format_nothing(checkout: Path) -> None:
    _passes(checkout, sys.executable, "-m", "ruff", "format", "--check", "--quiet")


def test_mypy_strict_finds_nothing(checkout: Path) -> None:
    _passes(checkout, sys.executable, "-m", "mypy", "--strict", "--no-error-summary")


def test_import_linter_finds_every_room_on_its_floor(checkout: Path) -> None:
    lint_imports = Path(sysconfig.get_path("scripts")) / "lint-imports"
    _passes(checkout, lint_imports, "--no-cache", "--no-logo", env={"PYTHONPATH": os.fspath(checkout)})


def test_shellcheck_finds_nothing(checkout: Path) -> None:
    scripts = [path for path in tree.files(checkout) if _is_shell(path)]
    assert {checkout / "oomlab", checkout / ".ci" / "run"} <= set(scripts)
    shellcheck = Path(sysconfig.get_path("scripts")) / "shellcheck"
    _passes(checkout, shellcheck, "--enable=require-double-brackets,quote-safe-variables", *scripts)


def _is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        return file.readline().rstrip() in {b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash"}


def test_vagrant_finds_the_vagrantfile_valid(checkout: Path, tmp_path: Path) -> None:
    if shutil.which("vagrant") is None:
        pytest.skip("THE VAGRANTFILE IS NOT CHECKED: vagrant is not installed")
    home = {"VAGRANT_HOME": os.fspath(tmp_path), "VAGRANT_CHECKPOINT_DISABLE": "1"}
    _passes(checkout, "vagrant", "validate", "--ignore-provider", env=home)
