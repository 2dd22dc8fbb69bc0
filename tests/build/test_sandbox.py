# SPDX-License-Identifier: Apache-2.0
"""Makefiles of all kinds against the real sandbox."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError, InputError
from orchestrator.kernels.build import sandbox
from orchestrator.kernels.build.sandbox import Sandbox, run_sandboxed
from orchestrator.paths import cache_dir
from tests.build.conftest import SCOPE, Workbench

pytestmark = pytest.mark.build


@dataclass(frozen=True)
class Escape:
    """What a Makefile that tried to get out of the sandbox had to say, and where it tried."""

    places: list[str]
    secrets: list[str]
    said: dict[str, str]
    connected: bool


@pytest.fixture(scope="session")
def escape(shared: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Escape:
    tmp_path = tmp_path_factory.mktemp("escape")
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    roots = ["/usr", "/usr/src", "/etc", "/root", "/home", "", "/dev", str(tmp_path), str(Path.home())]
    places = [f"{root}/oomlab-was-here" for root in roots]
    secrets = ["/etc/passwd", "/etc/hostname", "/root", "/home", "/var", "/proc/1/root/etc/passwd"]
    secrets += [str(secret), str(cache_dir()), str(Path.home())]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"/dev/tcp/127.0.0.1/{listener.getsockname()[1]}"
        tries = {"inside": "echo x >/build/inside", "network": f"bash -c 'echo x >{address}'"}
        tries |= {f"write {place}": f"echo x >{place}" for place in places}
        tries |= {f"read {place}": f"ls -d {place}" for place in secrets}
        lines = [
            f"$(info tried {name}: $(shell ({command}) >/dev/null 2>&1 && echo worked || echo failed))"
            for name, command in tries.items()
        ]
        log = (
            replace(shared, scratch=tmp_path).build(shared_tiny(shared, tmp_path, lines)) / "build.log"
        ).read_text()
        listener.settimeout(0.1)
        connected = True
        try:
            listener.accept()[0].close()
        except TimeoutError:
            connected = False
    words = [
        line.removeprefix("tried ").rpartition(": ") for line in log.splitlines() if line.startswith("tried ")
    ]
    return Escape(places, secrets, {name: outcome for name, _, outcome in words}, connected)


def shared_tiny(shared: Workbench, tmp_path: Path, lines: list[str]) -> Path:
    return replace(shared, scratch=tmp_path).tiny(*lines)


def test_a_makefile_can_write_into_its_own_tree(escape: Escape) -> None:
    assert escape.said["inside"] == "worked"


def test_a_makefile_cannot_write_outside(escape: Escape) -> None:
    inside = {place for place in escape.places if escape.said[f"write {place}"] == "worked"}
    assert inside == {"/usr/src/oomlab-was-here"}  # the headers of its own build, in memory
    assert not any(_exists(Path(place)) for place in escape.places)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # then nothing of ours could be there either
        return False


def test_a_makefile_sees_no_home_and_no_host_files(escape: Escape) -> None:
    assert {escape.said[f"read {place}"] for place in escape.secrets} == {"failed"}


def test_a_makefile_cannot_reach_the_network(escape: Escape) -> None:
    assert escape.said["network"] == "failed"
    assert not escape.connected


def test_a_makefile_cannot_pass_a_link_off_as_the_module(bench: Workbench) -> None:
    link = f"$(shell ln -s /etc/ld.so.cache /build/{SCOPE}/binder_linux.ko)"
    with pytest.raises(InputError, match="does not build"):
        bench.build(bench.tiny("obj-m :=", link))


@pytest.mark.parametrize(
    "script",
    [
        "cat /dev/zero",
        "cat /dev/zero >&2",
        "cat /dev/zero >/tmp/x; cat /dev/zero >/tmp/y; cat /dev/zero >/build/z",
    ],
)
def test_output_and_scratch_are_limited(script: str) -> None:
    limits = replace(Sandbox().limits, file_bytes=1_000_000, scratch_bytes=1_000_000)
    deadline = Deadline.after(60, "the sandbox")
    done = run_sandboxed(Sandbox(limits=limits).command(script), input_bytes=b"", deadline=deadline)
    assert done.returncode != 0
    assert len(done.stdout) + len(done.stderr) < 1_100_000


def test_a_build_that_hangs_is_ended_with_all_its_processes() -> None:
    marker = "98765.4321"
    command = Sandbox().command(f"setsid sleep {marker} & exec sleep {marker}")
    with pytest.raises(DeadlinePassed):
        run_sandboxed(command, input_bytes=b"", deadline=Deadline.after(1, "the sandbox"))
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if marker in _read(path)]


def _read(path: Path) -> str:
    try:
        return path.read_text().replace("\0", " ")
    except OSError:
        return ""


def test_a_fork_bomb_ends_at_the_limit() -> None:
    limits = replace(Sandbox().limits, processes=32)
    command = Sandbox(limits=limits).command("for i in $(seq 200); do sleep 30 & done; wait")
    done = run_sandboxed(command, input_bytes=b"", deadline=Deadline.after(20, "the sandbox"))
    assert b"ork" in done.stderr


@pytest.mark.parametrize("said", ["bwrap: setting up uid map: Permission denied", '{ "exit-code": 0 }'])
def test_no_word_of_a_makefile_passes_for_the_host_s_fault(bench: Workbench, said: str) -> None:
    with pytest.raises(InputError, match="does not build"):
        bench.build(bench.tiny(f"$(shell echo '{said}' >&2)", "$(error stop)"))


def test_a_log_that_begins_with_the_sandbox_s_name_is_still_the_command_s() -> None:
    command = Sandbox().command("echo 'bwrap: no permissions' >&2; exit 1")
    done = run_sandboxed(command, input_bytes=b"", deadline=Deadline.after(10, "the sandbox"))
    assert (done.returncode, done.stderr) == (1, b"bwrap: no permissions\n")


def test_a_sandbox_that_cannot_be_set_up_is_the_host_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "BUILD_DIR", "/proc/no-place-for-a-mount")
    with pytest.raises(HostError, match="sandbox"):
        run_sandboxed(Sandbox().command("true"), input_bytes=b"", deadline=Deadline.after(10, "the sandbox"))
