# SPDX-License-Identifier: Apache-2.0
"""`oomlab doctor` as a user gives it, on hosts that lack nearly everything: it never breaks itself."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.deadline import Deadline
from orchestrator.doctor import look
from orchestrator.doctor.condition import Condition
from orchestrator.doctor.examine import examine
from orchestrator.errors import ExitCode, HostError
from orchestrator.host.process import Completed, run

# Runs the command with another environment, directory or limits than tests have.
_PROGRAM = """
import os, sys
os.environ.clear()
os.environ.update(json_environment)
sys.argv[1:] = arguments
from orchestrator.cli import main
main()
"""


def doctor(environment: dict[str, str], *arguments: str, cwd: Path = Path("/")) -> Completed:
    """The command in an environment of exactly these variables."""
    program = _PROGRAM.replace("json_environment", repr(environment)).replace(
        "arguments", repr(["doctor", *arguments])
    )
    return run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=cwd,
        deadline=Deadline.after(60, "oomlab doctor"),
        check=False,
    )


def findings(done: Completed) -> dict[str, dict[str, Any]]:
    """By name."""
    return {each["what"]: each for each in json.loads(done.stdout)["findings"]}


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """No program at all, no home, a cache that is still to be made."""
    (tmp_path / "bin").mkdir()
    return {"PATH": str(tmp_path / "bin"), "OOMLAB_CACHE": str(tmp_path / "cache")}


def test_a_host_without_any_program_is_told_all_of_them_at_once(bare: dict[str, str], tmp_path: Path) -> None:
    done = doctor(bare, "--json", "--arch", "arm64", cwd=tmp_path)
    assert done.returncode == ExitCode.COULD_NOT_RUN, done.stderr
    report = json.loads(done.stdout)
    assert report["ready"] is False
    for package in ("qemu-system-arm", "bubblewrap", "make", "patch", "cpio"):
        assert package in report["install"].split()
    assert "qemu-system-x86" not in report["install"].split()
    assert findings(done)["qemu-system-aarch64"]["remedy"].endswith("apt-get install qemu-system-arm")
    assert "./oomlab" not in done.stdout.decode()
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "cache").exists(), "it only looks"


def test_people_read_the_same(bare: dict[str, str], tmp_path: Path) -> None:
    done = doctor(bare, cwd=tmp_path)
    text = done.stdout.decode()
    assert "fault    qemu-system-x86_64" in text
    assert "A run cannot be made here" in text
    assert "all that is not installed: on Debian and its relatives: apt-get install " in text


def test_a_directory_that_nothing_can_be_written_to(bare: dict[str, str], tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    done = doctor(bare | {"OOMLAB_CACHE": str(blocked / "cache")}, "--json", cwd=tmp_path)
    assert findings(done)["cache"]["state"] == "fault"
    assert "OOMLAB_CACHE" in findings(done)["cache"]["remedy"]


def test_an_unknown_architecture_names_the_known_ones(bare: dict[str, str]) -> None:
    done = doctor(bare, "--arch", "riscv64")
    assert done.returncode == ExitCode.BAD_INPUT
    assert b"arm64, x86_64" in done.stderr


def test_a_host_without_proc_or_sys(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="meminfo"):
        look.memory(tmp_path)
    assert look.processors(tmp_path).load is None


def test_a_user_without_account_and_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OOMLAB_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(_: str) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("orchestrator.paths.platformdirs.user_cache_path", nobody)
    assert "set OOMLAB_CACHE or HOME" in look.cache_place().error
    monkeypatch.setattr("orchestrator.paths.platformdirs.user_cache_path", lambda _: Path("~/.cache/oomlab"))
    assert "set OOMLAB_CACHE or HOME" in look.cache_place().error


def test_closed_streams_are_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    assert not look.terminal().is_terminal


def _raise(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [OSError(13, "Permission denied"), ValueError("no number"), HostError("no")]
)
def test_a_look_that_fails_hides_no_other(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(look, "sandbox", _raise(error))
    monkeypatch.setattr(look, "processors", _raise(error))
    monkeypatch.setattr(look, "accelerator", _raise(error))
    found: dict[str, Condition] = {
        each.what: each for each in examine(["arm64"], print, probe=False).findings
    }
    assert found["sandbox"].state == "fault", "a run would break there, too"
    assert found["processors"].state == "warning"
    assert "could not be found out" in found["accelerator for arm64"].detail
    assert found["memory"].state == "ok"


def test_without_a_kernel_in_the_cache_nothing_is_fetched_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "prepare_probe", _raise(AssertionError("fetched")))
    monkeypatch.setattr(look, "remembered_accelerator", lambda _: None)
    monkeypatch.setattr(look, "missing", lambda _: ())
    assert "no kernel is in the cache yet" in look.accelerator("arm64", print, probe=False).not_probed
    with pytest.raises(AssertionError, match="fetched"):
        look.accelerator("arm64", print, probe=True)


def test_a_machine_that_gets_its_kernels_is_not_asked_for_what_makes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("sandbox", "archives", "compiler", "stored"):
        monkeypatch.setattr(look, name, _raise(AssertionError(name)))
    monkeypatch.setattr(look, "remembered_accelerator", lambda _: None)
    monkeypatch.setattr(look, "probe_base", lambda _: None)
    found = {each.what: each for each in examine(["arm64"], print, probe=False, builds=False).findings}
    assert not {"sandbox", "package archives", "compiler for arm64", "cached kernels"} & set(found)
    assert "--probe" not in found["accelerator for arm64"].remedy
    assert found["accelerator for arm64"].detail.startswith("not probed: no run was made yet; ")
    assert all(need.stage == "boot" for need in look.programs(["arm64"], builds=False).needs)
