# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.commands import testing
from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode, HostError, InputError
from orchestrator.host.process import run

_TESTS = """
import pytest
def test_unit(): pass
@pytest.mark.browser
def test_browser(): pass
@pytest.mark.build
def test_build(): pass
@pytest.mark.guest
def test_guest(): assert FAILS is False
"""

_PROGRAM = """
import sys
from orchestrator.commands.testing import run_tests
selection, *extra = sys.argv[1:]
coverage = "--coverage" in extra
sys.exit(run_tests(selection, [word for word in extra if word != "--coverage"], coverage=coverage))
"""


@pytest.fixture
def project(tmp_path: Path, checkout: Path) -> Path:
    """A checkout with this program and four tests, one of each kind."""
    (tmp_path / "orchestrator").mkdir()
    for name in ("__init__.py", "errors.py", "text/__init__.py", "text/plain.py",
                 "commands/__init__.py", "commands/testing.py"):  # fmt: skip
        copy = tmp_path / "orchestrator" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((checkout / "orchestrator" / name).read_text())
    (tmp_path / "pyproject.toml").write_text((checkout / "pyproject.toml").read_text())
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    return tmp_path


def _oomlab_test(project: Path, *arguments: str, fails: bool = False) -> tuple[int, str]:
    status, output = _output_of_test(project, *arguments, fails=fails)
    return status, output.rpartition("\n")[0].rpartition("\n")[2]


def _output_of_test(project: Path, *arguments: str, fails: bool) -> tuple[int, str]:
    content = _TESTS.replace("FAILS", str(fails))
    (project / "tests" / "unit" / "test_it.py").write_text(content)
    result = run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        cwd=Path("/"),
        env={"PYTHONPATH": str(project)},
        deadline=Deadline.after(60, "pytest"),
        check=False,
    )
    return result.returncode, result.stdout.decode()


def _passed(output: str) -> set[str]:
    return {line.rpartition("test_")[2].strip() for line in output.splitlines() if " PASSED " in line}


@pytest.mark.parametrize(
    ("selection", "ran"),
    [
        ("unit", {"unit"}),
        ("browser", {"browser"}),
        ("build", {"build"}),
        ("guest", {"guest"}),
        ("all", {"unit", "browser", "build", "guest"}),
    ],
)
def test_the_last_line_is_the_summary_of_what_was_selected(
    project: Path, selection: str, ran: set[str]
) -> None:
    status, output = _output_of_test(project, selection, "-v", fails=False)
    assert status == ExitCode.MET
    assert _passed(output) == ran
    assert f" {len(ran)} passed in " in output.splitlines()[-1]


def test_a_failure_is_exit_code_1(project: Path) -> None:
    status, last_line = _oomlab_test(project, "all", fails=True)
    assert status == ExitCode.NOT_MET
    assert "1 failed, 3 passed" in last_line


def test_nothing_run_is_not_success(project: Path) -> None:
    assert _oomlab_test(project, "all", "-k", "nonexistent")[0] == ExitCode.COULD_NOT_RUN


def test_pytest_gets_the_arguments(project: Path) -> None:
    assert _passed(_output_of_test(project, "all", "-v", "-k", "test_guest", fails=False)[1]) == {"guest"}
    assert _oomlab_test(project, "all", "--nonexistent")[0] == ExitCode.BAD_INPUT


def test_an_unknown_selection_names_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        testing.run_tests("units")
    assert "unit, browser, build, guest, all, kernels, mutation" in caught.value.hint


def test_an_installed_program_says_that_it_has_no_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "__file__", str(tmp_path / "site-packages/orchestrator/commands/testing.py"))
    with pytest.raises(HostError, match="not part of an installed oomlab"):
        testing.run_tests("unit")


@pytest.mark.parametrize(
    ("fails", "code", "ended"), [(False, ExitCode.MET, "1 passed"), (True, ExitCode.NOT_MET, "1 failed")]
)
def test_coverage_stands_before_the_summary_and_changes_no_exit_code(
    project: Path, checkout: Path, fails: bool, code: ExitCode, ended: str
) -> None:
    plugin = "tests/coverage_by_room.py"
    (project / plugin).write_text((checkout / plugin).read_text())
    status, output = _output_of_test(project, "guest", "--coverage", fails=fails)
    assert status == code
    assert ended in output.splitlines()[-1]
    rooms = {line.split()[0]: line.split()[-1] for line in output.splitlines() if line.endswith("%")}
    assert set(rooms) == {"(root)", "commands", "text", "total"}
    # The definitions of the module that starts pytest ran before pytest did, and count.
    assert float(rooms["commands"].rstrip("%")) > 50


def test_mutation_tests_are_not_measured() -> None:
    with pytest.raises(InputError, match="--coverage"):
        testing.run_tests("mutation", coverage=True)
