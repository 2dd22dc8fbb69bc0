# SPDX-License-Identifier: Apache-2.0
"""Installed from a wheel, away from any checkout, the program is whole."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import Argument, Completed, run

pytestmark = pytest.mark.build

_REPORT = """
import json, orchestrator
from orchestrator.paths import resource_dir
names = ("images", "scenarios")
print(json.dumps({"package": orchestrator.__file__, **{name: str(resource_dir(name)) for name in names}}))
"""


# Where pip finds packages, and whom it trusts, is each machine's own setting.
_PIP_SETTINGS = ("PIP_", "SSL_CERT_", "REQUESTS_", "HTTP_", "HTTPS_", "NO_PROXY", "XDG_")


def _run(*argv: Argument, cwd: Path) -> Completed:
    settings = {name: value for name, value in os.environ.items() if name.startswith(_PIP_SETTINGS)}
    return run(argv, cwd=cwd, env=settings, deadline=Deadline.after(300, str(argv[0])))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """Built from the source archive, as an installer from an index would."""
    out = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, checkout, cwd=out)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, checkout: Path, wheel: Path) -> Path:
    """A fresh virtual environment with the locked dependencies and the wheel."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    _run(sys.executable, "-m", "venv", venv, cwd=venv.parent)
    # Compiling all that is installed takes as long as installing it.
    pip = (venv / "bin" / "python", "-m", "pip", "install", "--no-compile", "--quiet", "--no-input")
    _run(
        *pip,
        "--disable-pip-version-check",
        "--require-hashes",
        "--requirement",
        checkout / "requirements.lock",
        cwd=venv,
    )
    _run(*pip, "--no-deps", "--no-index", wheel, cwd=venv)
    _run(*pip[:3], "check", cwd=venv)
    return venv


def test_the_wheel_carries_what_the_program_needs_and_no_tests(wheel: Path, checkout: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    for directory in ("images", "scenarios"):
        shipped = [path.relative_to(checkout) for path in (checkout / directory).rglob("*") if path.is_file()]
        assert {f"orchestrator/{path}" for path in shipped} <= names
    templates = checkout / "orchestrator" / "report" / "formats" / "html" / "templates"
    assert {f"{path.relative_to(checkout)}" for path in templates.iterdir()} <= names
    assert "orchestrator/py.typed" in names
    assert not [name for name in names if name.startswith("tests/")]


def test_the_command_starts_away_from_the_checkout(installed: Path) -> None:
    result = _run(installed / "bin" / "oomlab", "--help", cwd=Path("/"))
    assert b"Usage: oomlab" in result.stdout


def test_it_uses_its_own_resources(installed: Path) -> None:
    result = _run(installed / "bin" / "python", "-P", "-c", _REPORT, cwd=Path("/"))
    found = json.loads(result.stdout)
    package = Path(found["package"]).parent
    assert package.is_relative_to(installed)
    assert found["images"] == str(package / "images")
    assert found["scenarios"] == str(package / "scenarios")


def test_it_validates_a_shipped_scenario_by_name(installed: Path) -> None:
    _run(installed / "bin" / "oomlab", "validate", "binder-order3", cwd=Path("/"))
