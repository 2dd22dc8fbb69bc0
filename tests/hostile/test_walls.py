# SPDX-License-Identifier: Apache-2.0
"""What foreign code in the sandbox gets hold of: nothing, as root and as an ordinary user."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from tests.conftest import CHECKOUT
from tests.hostile import confine

pytestmark = pytest.mark.build

_ORDINARY = "23456"
_PROXY = "http://user:password@proxy"
_SECRETS = [
    "/proc/sysrq-trigger", "/proc/kcore", "/proc/kmsg", "/proc/kpageflags", "/proc/1/mem",
    "/proc/1/attr/current", "/proc/timer_list", "/proc/keys", "/dev/kvm", "/dev/mem", "/dev/vda",
    "/dev/sda", "/dev/kmsg", "/dev/tty", "/sys", "/sys/fs/cgroup", "/run", "/var", "/root", "/home",
    "/etc/shadow", "/etc/passwd", "/proc/1/root/etc/passwd", "/proc/1/cwd/etc/passwd",
]  # fmt: skip
_HARMLESS = {"/proc/1/mem", "/proc/1/attr/current", "/proc/timer_list", "/proc/keys"}
"""May be opened for reading: its own init and what the kernel filters by itself."""


@contextmanager
def secrets_of_the_caller() -> Iterator[list[str]]:
    """A home with a key in it, open to everybody, and an abstract socket; what to try beside."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o755)
        (home / ".ssh").mkdir()
        (home / ".ssh/id_ed25519").write_text("the key")
        name = f"oomlab-{os.getpid()}"
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind("\0" + name)
        listener.listen()
        mine = [str(home / ".ssh/id_ed25519"), str(Path.home()), f"/proc/{os.getpid()}/environ"]
        yield [name, *_SECRETS, *mine]


def said_by_a_user_s_child(arguments: list[str]) -> bytes:
    """The same from a tool that an ordinary user started, with what he can read of it.

    Neither the checkout nor its virtual environment need be open to him; Debian's Python is.
    """
    drop = ["setpriv", "--reuid", _ORDINARY, "--regid", _ORDINARY, "--clear-groups", "--"]
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        here.chmod(0o755)
        for package in ("orchestrator", "tests"):
            for source in (CHECKOUT / package).rglob("*.py"):
                copy = here / source.relative_to(CHECKOUT)
                copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                copy.write_bytes(source.read_bytes())
        units = here / "orchestrator/units.py"  # its reader of sizes needs pydantic: its figures alone
        units.write_text("\n".join(re.findall(r"^[A-Z_]+ = [\w *]+$", units.read_text(), re.MULTILINE)))
        argv = [*(drop if os.geteuid() == 0 else []), "/usr/bin/python3", "-B", "-m", "tests.hostile.confine"]
        env = {"http_proxy": _PROXY}
        return run([*argv, *arguments], cwd=here, env=env, deadline=Deadline.after(120, "the probe")).stdout


def _keep_a_key() -> None:
    """A key in this process's session keyring, where children would find it (add_key(2))."""
    number = {"x86_64": 248, "aarch64": 217}[platform.machine()]
    libc = ctypes.CDLL(None)
    key = libc.syscall(number, b"user", b"oomlab-test-secret", b"x", 1, -3)
    libc.syscall(number + 2, 15, key, 60)  # keyctl(KEYCTL_SET_TIMEOUT): gone after a minute


@pytest.fixture(params=["as-this-user", "as-an-ordinary-user"], scope="module")
def said(request: pytest.FixtureRequest) -> dict[str, Any]:
    _keep_a_key()
    with pytest.MonkeyPatch.context() as monkeypatch, secrets_of_the_caller() as arguments:
        monkeypatch.setenv("http_proxy", _PROXY)
        ours = request.param == "as-this-user"
        answer = confine.probed(arguments) if ours else said_by_a_user_s_child(arguments)
    found: dict[str, Any] = json.loads(answer)
    return found


def test_no_file_of_proc_and_sys_opens_for_writing(said: dict[str, Any]) -> None:
    own_streams = re.compile(r"/fd/[012]$")
    assert [path for path in said["writable"] if not own_streams.search(path)] == []


def test_no_secret_of_the_host_opens(said: dict[str, Any]) -> None:
    assert set(said["opened"]) <= _HARMLESS
    assert said["listed"] == []


def test_its_devices_lead_nowhere(said: dict[str, Any]) -> None:
    alone = {f"/dev/{name}" for name in ("full", "null", "random", "urandom", "zero", "ptmx", "pts/ptmx")}
    assert {path for path in said["devices"] if not path.startswith(("/dev/fd", "/dev/std"))} <= alone
    assert not said["device"]


def test_nobody_outside_can_be_reached(said: dict[str, Any]) -> None:
    assert said["signalled"] == []
    assert not said["abstract"]
    assert not said["tiocsti"]
    assert not said["packets"]
    assert said["interfaces"] in ([], ["lo"])


def test_no_key_of_the_caller_comes_along(said: dict[str, Any]) -> None:
    assert not any("oomlab-test-secret" in key for key in said["keys"])


def test_nothing_but_its_three_streams_is_open(said: dict[str, Any]) -> None:
    assert set(said["descriptors"]) <= {"0", "1", "2"}


def test_its_first_process_does_not_have_the_caller_s_environment(said: dict[str, Any]) -> None:
    assert set(said["environment"]) <= {"PATH", "LC_ALL"}


def test_it_has_no_rights_and_can_gain_none(said: dict[str, Any]) -> None:
    status = said["status"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0
    # Its init is its equal: to trace it wins nothing.
    assert int(said["first_status"]["CapPrm"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert not said["namespace"]
    assert not said["mount"]
