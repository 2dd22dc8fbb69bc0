# SPDX-License-Identifier: Apache-2.0
"""The launcher on a machine where every program that changes something is a strict stand-in."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pexpect.fdpexpect import fdspawn

from orchestrator.deadline import Deadline
from orchestrator.host.process import Completed, run, start
from tests.unit.project import fake_host

_REAL_TOOLS = ("cat", "dirname", "env", "flock", "ls", "mkdir", "readlink", "rm", "sha256sum")
_FAKE_TOOLS = ("apt-get", "dpkg", "dpkg-query", "id", "python3", "sudo")
_BROWSER = ("chromium", "chromium-driver")
_OTHER_MACHINE = ("iproute2", "openssh-client")
_COMMAND_STATUS = 7  # what the stand-in for the command line ends with
_COULD_NOT_RUN = 3
_STOPS_A_BISECTION = 129


@dataclass
class Host:
    """A machine in a directory: programs, installed packages, and a checkout with a space."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def launcher(self) -> Path:
        return self.checkout / "oomlab"

    @property
    def checkout(self) -> Path:
        return self.root / "check out"

    @property
    def calls(self) -> list[str]:
        """What the stand-ins were asked for, without the questions that change nothing."""
        log = self.root / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if not line.startswith(("dpkg", "id ", "python3 -c", "python -c"))]

    def forget_calls(self) -> None:
        (self.root / "log").unlink()

    def put(self, name: str, *words: str) -> None:
        (self.root / name).write_text("\n".join(words))

    def words(self, name: str) -> set[str]:
        path = self.root / name
        return set(path.read_text().split()) if path.exists() else set()

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": str(self.root / "bin"), "FAKE_HOST": str(self.root), **self.env}

    def oomlab(self, *arguments: str, cwd: Path | None = None, launcher: Path | None = None) -> Completed:
        return run(
            [launcher or self.launcher, *arguments],
            cwd=cwd,
            env=self.environment,
            deadline=Deadline.after(30, "the launcher"),
            check=False,
        )


def _needed(checkout: Path) -> set[str]:
    table = (checkout / "oomlab").read_text().split("<<'TABLE'\n")[1].split("\nTABLE\n")[0]
    return {*table.split(), "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"}


@pytest.fixture
def host(tmp_path: Path, checkout: Path) -> Host:
    """Everything is installed but the virtual environment; the user is not root."""
    host = Host(tmp_path)
    host.checkout.mkdir()
    for name in ("oomlab", "requirements.lock", "requirements-test.lock"):
        shutil.copy(checkout / name, host.checkout)
    programs = tmp_path / "bin"
    programs.mkdir()
    script = tmp_path / "fake"
    # The real path of the interpreter, because a #! line can hold no space.
    script.write_text(f"#!{Path(sys.executable).resolve()} -IS\n{Path(fake_host.__file__).read_text()}")
    script.chmod(0o755)
    for name in _FAKE_TOOLS:
        (programs / name).symlink_to(script)
    for name in _REAL_TOOLS:
        (programs / name).symlink_to(shutil.which(name) or name)
    host.put("installed", *_needed(checkout), *_BROWSER, *_OTHER_MACHINE, "mmdebstrap", "patchelf")
    return host


def _remove_packages(host: Host, *packages: str, known: bool = True) -> None:
    host.put("installed", *(host.words("installed") - set(packages)))
    host.put("known" if known else "offered", *packages)


# --- Start -----------------------------------------------------------------------------------------


def test_a_first_start_prepares_and_hands_everything_on(host: Host) -> None:
    result = host.oomlab("run", "a b", "--yes", "")
    assert result.returncode == _COMMAND_STATUS
    assert result.stdout.decode().splitlines() == [str(host.checkout), "run", "a b", "--yes", ""]
    venv = host.checkout / ".venv"
    options = "--quiet --quiet --no-input --disable-pip-version-check --no-compile --require-hashes --no-deps"
    options += " --only-binary :all:"
    assert host.calls == [
        f"python3 -m venv {venv}",
        f"python -m pip install {options} --requirement {host.checkout}/requirements.lock",
        "python -P -m orchestrator run a b --yes ",
    ]


def test_a_second_start_prepares_nothing_and_says_nothing(host: Host) -> None:
    host.oomlab("run")
    host.forget_calls()
    result = host.oomlab("run")
    assert host.calls == ["python -P -m orchestrator run"]
    assert result.stderr == b""


def test_yes_before_the_subcommand_is_the_launchers_own(host: Host) -> None:
    result = host.oomlab("--json", "--yes", "run", "--yes")
    assert result.stdout.decode().splitlines()[1:] == ["--json", "run", "--yes"]


def test_only_tests_that_reach_another_machine_need_a_network_to_it(host: Host) -> None:
    _remove_packages(host, *_OTHER_MACHINE)
    for arguments in (("run",), ("test", "unit"), ("test", "browser")):
        assert host.oomlab(*arguments).returncode == _COMMAND_STATUS, arguments
    for arguments in (("test",), ("test", "all"), ("test", "build"), ("test", "guest")):
        assert b"missing host packages: iproute2 openssh-client\n" in host.oomlab(*arguments).stderr


def test_only_tests_that_build_need_a_maker_of_hosts(host: Host) -> None:
    _remove_packages(host, "mmdebstrap")
    for arguments in (("run",), ("test", "unit"), ("test", "guest"), ("test", "browser")):
        assert host.oomlab(*arguments).returncode == _COMMAND_STATUS, arguments
    assert b"missing host packages: mmdebstrap\n" in host.oomlab("test", "build").stderr
    assert host.oomlab("--yes", "test").returncode == _COMMAND_STATUS


def test_only_tests_with_guests_need_what_makes_newer_programs_run(host: Host) -> None:
    _remove_packages(host, "patchelf")
    for arguments in (("run",), ("test", "unit"), ("test", "build"), ("test", "browser")):
        assert host.oomlab(*arguments).returncode == _COMMAND_STATUS, arguments
    assert b"missing host packages: patchelf\n" in host.oomlab("test", "guest").stderr


@pytest.mark.parametrize("mirror", [("--mirror", "http://a http://b"), ("--mirror=http://a",)])
def test_a_mirror_before_the_subcommand_is_not_taken_for_it(host: Host, mirror: tuple[str, ...]) -> None:
    _remove_packages(host, "cpio")
    result = host.oomlab(*mirror, "--yes", "test", "unit")
    assert result.stdout.decode().splitlines()[1:] == [*mirror, "test", "unit"]
    assert any("requirements-test.lock" in call for call in host.calls)


def test_it_works_through_a_link_from_anywhere(host: Host, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(host.launcher)
    result = host.oomlab("run", cwd=tmp_path, launcher=link)
    assert result.stdout.decode().splitlines() == [str(host.checkout), "run"]


def test_the_environment_can_live_elsewhere(host: Host, tmp_path: Path) -> None:
    host.env["OOMLAB_VENV"] = "some/where else"
    assert host.oomlab("run", cwd=tmp_path).returncode == _COMMAND_STATUS
    assert (tmp_path / "some" / "where else" / "pyvenv.cfg").exists()
    assert not (host.checkout / ".venv").exists()


# --- Locked dependencies ---------------------------------------------------------------------------


def test_only_the_test_command_installs_what_tests_need(host: Host) -> None:
    host.oomlab("run", "test")
    host.forget_calls()
    host.oomlab("--yes", "test", "unit")
    assert host.calls[0].endswith("/requirements-test.lock")
    host.forget_calls()
    host.oomlab("test")
    host.oomlab("run")
    assert host.calls == ["python -P -m orchestrator test", "python -P -m orchestrator run"]


def test_a_changed_lock_is_installed_into_the_same_environment(host: Host) -> None:
    host.oomlab("run")
    host.forget_calls()
    with (host.checkout / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    host.oomlab("run")
    assert [call.split()[:4] for call in host.calls] == [
        ["python", "-m", "pip", "install"],
        ["python", "-P", "-m", "orchestrator"],
    ]


def test_an_interrupted_installation_is_made_again_from_nothing(host: Host) -> None:
    host.put("faults", "pip-fails")
    failed = host.oomlab("run")
    assert failed.returncode == _COULD_NOT_RUN
    assert failed.stdout == b""
    assert b"could not install the locked dependencies" in failed.stderr
    (host.checkout / ".venv" / "debris").touch()
    host.put("faults")
    host.forget_calls()
    assert host.oomlab("run").returncode == _COMMAND_STATUS
    assert host.calls[0].startswith("python3 -m venv")
    assert not (host.checkout / ".venv" / "debris").exists()


def test_an_environment_whose_python_has_gone_is_made_again(host: Host) -> None:
    host.oomlab("run")
    python = host.checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python3")
    assert host.oomlab("run").returncode == _COMMAND_STATUS


def test_a_directory_that_is_no_environment_is_left_alone(host: Host) -> None:
    precious = host.checkout / "precious"
    precious.mkdir()
    (precious / "thesis.txt").touch()
    host.env["OOMLAB_VENV"] = str(precious)
    result = host.oomlab("run")
    assert result.returncode == _COULD_NOT_RUN
    assert b"is no virtual environment" in result.stderr
    assert [path.name for path in precious.iterdir()] == ["thesis.txt"]


def test_two_first_starts_at_once_install_once(host: Host) -> None:
    with ExitStack() as stack:
        with (host.root / "gate").open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            first = stack.enter_context(_launched(host, "installing the locked dependencies"))
            second = stack.enter_context(_launched(host, "waiting for another oomlab"))
        assert first(20) == second(20) == _COMMAND_STATUS
    assert sum("pip install" in call for call in host.calls) == 1
    assert sum("-m venv" in call for call in host.calls) == 1


@contextmanager
def _launched(host: Host, until: str) -> Iterator[Callable[[float], int]]:
    """A launcher that has just said `until`; yields what waits for its exit status."""
    reader, writer = os.pipe()
    with (
        os.fdopen(writer, "wb") as stderr,
        os.fdopen(reader, "rb") as stream,
        start([host.launcher, "run"], env=host.environment, stderr=stderr) as child,
    ):
        fdspawn(stream).expect_exact(until, timeout=20)
        yield child.wait


# --- Host packages ---------------------------------------------------------------------------------


def test_without_a_terminal_missing_packages_are_named_and_nothing_is_installed(host: Host) -> None:
    _remove_packages(host, "bubblewrap", "cpio")
    result = host.oomlab("run")
    assert result.returncode == _COULD_NOT_RUN
    assert b"missing host packages: bubblewrap cpio\n" in result.stderr
    assert b"--yes" in result.stderr
    assert b"sudo apt-get install bubblewrap cpio" in result.stderr
    assert host.calls == []


def test_a_bisection_is_stopped_by_what_the_launcher_cannot_prepare(host: Host) -> None:
    # git bisect run takes 1 to 127 for a bad kernel.
    _remove_packages(host, "make")
    assert host.oomlab("bisect-step", "x.yaml").returncode == _STOPS_A_BISECTION
    host.oomlab("--yes", "bisect-step", "x.yaml")
    assert host.oomlab("bisect-step", "x.yaml").returncode == _COMMAND_STATUS


def test_a_package_that_left_only_its_configuration_is_missing(host: Host) -> None:
    _remove_packages(host, "cpio")
    host.put("removed", "cpio")
    assert b"missing host packages: cpio\n" in host.oomlab("run").stderr


def test_yes_installs_without_fetching_package_lists_that_are_there(host: Host) -> None:
    _remove_packages(host, "cpio")
    result = host.oomlab("--yes", "run")
    assert result.returncode == _COMMAND_STATUS
    assert result.stdout.decode().splitlines() == [str(host.checkout), "run"]
    assert "cpio" in host.words("installed")
    assert not any("update" in call for call in host.calls)


def test_lists_are_fetched_when_they_do_not_know_the_package(host: Host) -> None:
    _remove_packages(host, "cpio", known=False)
    assert host.oomlab("--yes", "run").returncode == _COMMAND_STATUS
    assert sum(call.startswith("apt-get update") for call in host.calls) == 1


def test_what_apt_does_not_have_is_said(host: Host) -> None:
    host.put("installed", *(host.words("installed") - {"cpio"}))
    result = host.oomlab("--yes", "run")
    assert result.returncode == _COULD_NOT_RUN
    assert b"could not install: cpio" in result.stderr


@pytest.mark.parametrize("setting", [{"CI": "true"}, {"FAKE_ROOT": "1"}], ids=["ci", "root"])
def test_ci_and_root_are_not_asked(host: Host, setting: dict[str, str]) -> None:
    _remove_packages(host, "cpio")
    host.env.update(setting)
    assert host.oomlab("run").returncode == _COMMAND_STATUS


def test_root_needs_no_sudo_and_others_are_told(host: Host) -> None:
    (host.root / "bin" / "sudo").unlink()
    _remove_packages(host, "cpio")
    for arguments in (("--yes", "run"), ("run",)):
        told = host.oomlab(*arguments)
        assert told.returncode == _COULD_NOT_RUN
        assert told.stderr.splitlines()[1:] == [
            b"oomlab: there is no sudo here; as root: apt-get install cpio"
        ]
    host.env["FAKE_ROOT"] = "1"
    assert host.oomlab("run").returncode == _COMMAND_STATUS


@pytest.mark.parametrize(
    ("answer", "installs"), [("y", True), ("", True), ("n", False), ("what?", False), ("\x04", False)]
)
def test_on_a_terminal_it_asks(host: Host, answer: str, installs: bool) -> None:
    _remove_packages(host, "cpio")
    controller, terminal = os.openpty()
    with os.fdopen(terminal, "r+b", buffering=0) as tty:
        conversation = fdspawn(controller, timeout=20)
        with start([host.launcher, "run"], env=host.environment, stdin=tty, stderr=tty) as child:
            conversation.expect_exact("missing host packages: cpio")
            conversation.expect_exact("[Y/n] ")
            conversation.send(answer if answer == "\x04" else f"{answer}\n")
            assert child.wait(20) == (_COMMAND_STATUS if installs else _COULD_NOT_RUN)
    conversation.close()
    assert ("cpio" in host.words("installed")) is installs


def test_only_the_test_command_needs_a_browser(host: Host) -> None:
    _remove_packages(host, *_BROWSER)
    assert host.oomlab("run", "test").returncode == _COMMAND_STATUS
    for selection in ("unit", "build", "guest"):
        assert host.oomlab("test", selection).returncode == _COMMAND_STATUS
    for arguments in (("--json", "test"), ("test", "browser"), ("test", "--", "unit"), ("test", "all")):
        refused = host.oomlab(*arguments)
        assert refused.returncode == _COULD_NOT_RUN, arguments
        assert b"missing host packages: chromium chromium-driver\n" in refused.stderr
    assert host.oomlab("--yes", "test").returncode == _COMMAND_STATUS
    assert set(_BROWSER) <= host.words("installed")


def test_an_arm64_host_needs_the_other_compiler(host: Host) -> None:
    host.env["FAKE_ARCHITECTURE"] = "arm64"
    result = host.oomlab("run")
    assert b"missing host packages: gcc-x86-64-linux-gnu libc6-dev-amd64-cross\n" in result.stderr


@pytest.mark.parametrize("program", ["dpkg-query", "apt-get"])
def test_another_distribution_is_shown_the_way(host: Host, program: str) -> None:
    (host.root / "bin" / program).unlink()
    result = host.oomlab("--yes", "run")
    assert result.returncode == _COULD_NOT_RUN
    assert b"vagrant up" in result.stderr
    assert host.calls == []
