# SPDX-License-Identifier: Apache-2.0
"""The linters are tests: nobody has to remember them."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from tests import linters


@pytest.mark.parametrize("name", linters.LINTERS)
def test_it_finds_nothing(checkout: Path, name: str) -> None:
    found = linters.findings(name, checkout)
    assert found is None, f"\n{found}"


def test_every_shell_script_is_checked(checkout: Path) -> None:
    names = ("oomlab", ".ci/run", "examples/ci/job", "examples/ci/prepare")
    assert {checkout / name for name in names} <= set(linters.shell_scripts(checkout))


def test_a_commit_runs_the_same_linters(checkout: Path) -> None:
    config = YAML(typ="safe").load((checkout / ".pre-commit-config.yaml").read_text())
    (repository,) = config["repos"]
    assert repository["repo"] == "local", "no hook comes from a host"
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    assert list(hooks) == list(linters.LINTERS)
    for name, hook in hooks.items():
        assert re.search(rf" -m tests\.linters {name}'$", hook["entry"]), hook
        assert hook["language"] == "system", "what is in the environment that the launcher made"
        assert not hook["pass_filenames"], "a linter looks at everything: so do the tests"


def test_what_a_linter_finds_is_shown(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text((checkout / "pyproject.toml").read_text())
    (tmp_path / "loose.py").write_text("import os\n")
    text = linters.findings("ruff-check", tmp_path)
    assert text is not None
    assert "loose.py" in text


def test_vagrant_finds_the_vagrantfile_valid(checkout: Path, tmp_path: Path) -> None:
    if shutil.which("vagrant") is None:
        pytest.skip("THE VAGRANTFILE IS NOT CHECKED: vagrant is not installed")
    home = {"VAGRANT_HOME": os.fspath(tmp_path), "VAGRANT_CHECKPOINT_DISABLE": "1"}
    done = run(
        ["vagrant", "validate", "--ignore-provider"],
        cwd=checkout,
        env=home,
        deadline=Deadline.after(300, "vagrant"),
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
