# SPDX-License-Identifier: Apache-2.0
"""The locks hold exactly what pyproject.toml asks for, with hashes and no hosts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCKS = ("requirements.lock", "requirements-test.lock")

_ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; [^\\]+)? \\$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
_COMMENT = re.compile(r"^ *#")


def _locked(lock: Path) -> dict[str, Version]:
    entries = filter(None, map(_ENTRY.match, lock.read_text().splitlines()))
    return {canonicalize_name(entry["name"]): Version(entry["version"]) for entry in entries}


def _wanted(checkout: Path, lock: str) -> list[Requirement]:
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    extra = project["optional-dependencies"]["test"] if lock == "requirements-test.lock" else []
    return [Requirement(text) for text in [*project["dependencies"], *extra]]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_version_with_hashes_or_a_comment(checkout: Path, lock: str) -> None:
    """No index, no link, no path, no option, nothing without a hash."""
    hashes = 1
    for line in (checkout / lock).read_text().splitlines():
        if _HASH.match(line):
            hashes += 1
        elif line and not _COMMENT.match(line):
            assert _ENTRY.match(line), line
            assert hashes, f"no hash before {line}"
            hashes = 0
    assert "://" not in (checkout / lock).read_text()


@pytest.mark.parametrize("lock", LOCKS)
def test_it_satisfies_the_project(checkout: Path, lock: str) -> None:
    locked = _locked(checkout / lock)
    for wanted in _wanted(checkout, lock):
        assert locked[canonicalize_name(wanted.name)] in wanted.specifier, wanted


def test_the_tests_run_on_the_very_versions_that_users_get(checkout: Path) -> None:
    users, tests = (_locked(checkout / lock) for lock in LOCKS)
    assert users.items() <= tests.items()
