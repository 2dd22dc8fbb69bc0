# SPDX-License-Identifier: Apache-2.0
"""adb is believed what the device has said, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError
from orchestrator.guests.cuttlefish.adb import Adb, DeviceGone, Unauthorized, Unreachable, private_adb

MakeAdb = Callable[[str], Adb]

# What adb 29 and 34 were seen to say and to end with; commands of the device run on this host.
_FAKE_ADB = r"""#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
case "$ADB_SERVER_SOCKET" in localfilesystem:/*) ;; *) echo "not a private server" >&2; exit 99 ;; esac
[ "$ADB_USB" = 0 ] || { echo "the user's devices" >&2; exit 99; }
device=%(device)s
state=%(state)s
serial=
[ "$1" != -s ] || { serial=$2; shift 2; }
case "$*" in
"server nodaemon") : >"${ADB_SERVER_SOCKET#localfilesystem:}"; exec sleep 60 ;;
kill-server) exit 0 ;;
"connect 127.0.0.1:6520") cat "$state.connect"; exit 0 ;;
"disconnect 127.0.0.1:6520") exit 0 ;;
get-state) cat "$state"; exit 0 ;;
"push "*) [ -n "$serial" ] || exit 99; cp "$2" "$3" ;;
"shell -T -n "*) [ -n "$serial" ] || exit 99; shift 3; eval "$device" ;;
*) echo "unknown command $*" >&2; exit 99 ;;
esac
"""
_WORKING = 'exec sh -c "$1"'


@pytest.fixture
def make_adb(tmp_path: Path) -> MakeAdb:
    """An adb whose device does with a command what a line of shell says."""

    def make(device: str) -> Adb:
        program, state = tmp_path / "adb", tmp_path / "state"
        program.write_text(_FAKE_ADB % {"device": f"'{device}'", "state": state})
        program.chmod(0o755)
        answers(tmp_path, "device", "connected to 127.0.0.1:6520")
        variables = {"ADB_SERVER_SOCKET": f"localfilesystem:{tmp_path}/s", "ADB_USB": "0"}
        return Adb(str(program), 6520, variables)

    return make


def answers(tmp_path: Path, state: str, connect: str) -> None:
    (tmp_path / "state").write_text(f"{state}\n")
    (tmp_path / "state.connect").write_text(f"{connect}\n")


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "a test")


def test_a_command_comes_with_the_status_that_the_device_told(make_adb: MakeAdb) -> None:
    reply = make_adb(_WORKING).shell("echo out; echo err >&2; exit 3", soon())
    assert (reply.status, reply.stdout, reply.stderr) == (3, "out\n", "err\n")


def test_output_without_a_line_end_is_whole(make_adb: MakeAdb) -> None:
    assert make_adb(_WORKING).shell("printf abc", soon()).stdout == "abc"


def test_a_device_that_dies_in_mid_command_is_gone_though_adb_ends_with_0(make_adb: MakeAdb) -> None:
    with pytest.raises(DeviceGone, match="did not say how a command ended"):
        make_adb("echo half; exit 0").shell("echo half; echo more", soon())


def test_a_shell_that_shows_the_command_has_not_run_it(make_adb: MakeAdb) -> None:
    with pytest.raises(DeviceGone):
        make_adb('echo "$1"; exit 0').shell("true", soon())


def test_a_command_that_hangs_ends_at_its_deadline(make_adb: MakeAdb) -> None:
    with pytest.raises(DeadlinePassed):
        make_adb("exec sleep 60").shell("true", soon(0.3))


def test_a_push_is_believed_when_all_of_the_file_is_there(make_adb: MakeAdb, tmp_path: Path) -> None:
    (tmp_path / "agent").write_bytes(b"program")
    make_adb(_WORKING).push(tmp_path / "agent", str(tmp_path / "pushed"), soon())
    assert (tmp_path / "pushed").read_bytes() == b"program"


def test_a_push_that_was_cut_off_is_an_error(make_adb: MakeAdb, tmp_path: Path) -> None:
    (tmp_path / "agent").write_bytes(b"program")
    adb = make_adb('case "$1" in *wc*) echo 3 >/dev/null;; esac; exec sh -c "echo 3; ${1#*)}"')
    with pytest.raises(HostError, match="could not copy agent"):
        adb.push(tmp_path / "agent", str(tmp_path / "pushed"), soon())


def test_connecting_goes_on_until_the_device_answers(make_adb: MakeAdb, tmp_path: Path) -> None:
    adb = make_adb(_WORKING)
    answers(tmp_path, "offline", "connected to 127.0.0.1:6520")
    with pytest.raises(DeadlinePassed):
        adb.connect(soon(0.5))
    answers(tmp_path, "device", "connected to 127.0.0.1:6520")
    adb.connect(soon())


def test_a_port_that_nobody_listens_at_is_unreachable_though_connect_ends_with_0(
    make_adb: MakeAdb, tmp_path: Path
) -> None:
    adb = make_adb(_WORKING)
    answers(tmp_path, "error: no devices", "failed to connect to '127.0.0.1:6520': Connection refused")
    with pytest.raises(Unreachable, match="Connection refused"):
        adb.try_to_connect(soon())


def test_an_unauthorized_device_is_told_at_once_and_with_what_to_do(
    make_adb: MakeAdb, tmp_path: Path
) -> None:
    adb = make_adb(_WORKING)
    answers(tmp_path, "error: device unauthorized.", "failed to authenticate to 127.0.0.1:6520")
    started = time.monotonic()
    with pytest.raises(Unauthorized, match="ADB_VENDOR_KEYS"):
        adb.connect(soon(60))
    assert time.monotonic() - started < 30


def _read(adb: Adb, command: str) -> tuple[list[bytes], int | None]:
    pieces, due = [], soon()
    with adb.stream(command) as stream:
        while (piece := stream.read(1 << 16, 0.5)) != b"":
            due.check()
            pieces += [piece] if piece else []
        return pieces, stream.status


def test_a_stream_comes_as_it_is_written_and_ends_with_the_status(make_adb: MakeAdb) -> None:
    pieces, status = _read(make_adb(_WORKING), "echo one; sleep 0.3; echo two; exit 5")
    assert (pieces, status) == ([b"one\n", b"two\n"], 5)


def test_a_stream_that_is_cut_off_has_no_status(make_adb: MakeAdb) -> None:
    assert _read(make_adb("echo one; exit 0"), "echo one; echo two") == ([b"one\n"], None)


def test_a_stream_keeps_what_looks_like_the_beginning_of_its_end(make_adb: MakeAdb) -> None:
    pieces, status = _read(make_adb(_WORKING), "i=0; while [ $i -lt 16 ]; do printf %x $i; i=$((i+1)); done")
    assert (b"".join(pieces), status) == (b"0123456789abcdef", 0)


def test_the_private_server_has_its_key_and_socket_in_its_own_place(
    make_adb: MakeAdb, tmp_path: Path
) -> None:
    program, scratch = make_adb(_WORKING).program, tmp_path / "scratch"
    scratch.mkdir()
    with (tmp_path / "adb.log").open("wb") as log, private_adb(scratch, program, 6520, log) as adb:
        assert adb.variables["HOME"] == str(scratch)
        assert adb.shell("echo here", soon()).stdout == "here\n"


def test_a_socket_with_too_long_a_name_is_refused(tmp_path: Path) -> None:
    scratch = tmp_path / ("long" * 30)
    with (
        (tmp_path / "adb.log").open("wb") as log,
        pytest.raises(HostError, match="too long for the name of a socket"),
        private_adb(scratch, "adb", 6520, log),
    ):
        pass
