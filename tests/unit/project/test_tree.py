# SPDX-License-Identifier: Apache-2.0
"""What holds for every file of the repository."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.unit.project import tree

_SOURCE_SUFFIXES = {".c", ".cc", ".h", ".py", ".sh", ".toml", ".yaml", ".yml", ".patch"}
_SOURCE_NAMES = {"Makefile", "Vagrantfile", "oomlab", "run"}
_GENERATED_OR_RECORDED = ("tests/data/",)
_KERNEL_MODULES = "images/guest/module/"
_GPL = "SPDX-License-Identifier: GPL-2.0"
_APACHE = "SPDX-License-Identifier: Apache-2.0"

# Where packages come from is each machine's own setting: no name of a package host belongs here.
# (Spelt in pieces, so that this file passes its own test.)
_PACKAGE_HOST = re.compile(
    r"(?:deb|ftp|security|snapshot|packages|archive|mirrors?)[\w.]*\.debian\.(?:org|net)"
    r"|\b(?:pypi\.(?:org|io|python)|pythonhosted\.|npmjs\.|crates\.io|archive\.ubuntu|proxy\.golang)"
)

_LONGEST_MODULE_LINES = 400


def _is_source(path: Path) -> bool:
    recorded = path.as_posix().startswith(_GENERATED_OR_RECORDED) or "data" in path.parts
    return not recorded and (path.suffix in _SOURCE_SUFFIXES or path.name in _SOURCE_NAMES)


def test_without_git_the_same_files_are_found(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (checkout / ".git").exists() or shutil.which("git") is None:
        pytest.skip("THERE IS NO GIT HERE: the files were found without it")
    with_git = tree.files(checkout)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert tree.files(checkout) == with_git


def test_every_source_says_its_licence_first(checkout: Path) -> None:
    for path, text in tree.texts(checkout):
        if _is_source(path):
            of_the_kernel = path.suffix == ".patch" or str(path).startswith(_KERNEL_MODULES)
            expected = _GPL if of_the_kernel else _APACHE
            # The second line where a #! or an editor's modeline has to be the first.
            assert any(expected in line for line in text.splitlines()[:2]), f"{path}: no '{expected}'"


def test_no_file_names_a_package_host(checkout: Path) -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in tree.texts(checkout)
        for number, line in enumerate(text.splitlines(), 1)
        if _PACKAGE_HOST.search(line)
    ]
    assert found == []


def test_no_file_knows_the_machine_it_was_written_on(checkout: Path) -> None:
    # The administrator's home is no machine's secret: sandbox tests and commands speak of it.
    places = {checkout, Path.home()} - {Path("/"), Path("/root")}
    here = re.compile(r"(?<![\w.])(?:" + "|".join(re.escape(str(place)) for place in places) + r")(?![\w.-])")
    # The Vagrantfile does know its machine: it makes it, and the tests run there, too. A report names the
    # files of its run, which was made in the home of a user that might well be called so.
    found = {str(path) for path, text in tree.texts(checkout) if here.search(text)}
    assert found - {"Vagrantfile", "docs/binder-review.html"} == set()


def test_no_module_is_too_long_to_hold_in_mind(checkout: Path) -> None:
    lengths = {
        str(path): text.count("\n")
        for path, text in tree.texts(checkout)
        if path.suffix in {".py", ".c", ".h"} and _is_source(path)
    }
    assert {path: lines for path, lines in lengths.items() if lines > _LONGEST_MODULE_LINES} == {}
