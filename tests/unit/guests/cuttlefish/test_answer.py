# SPDX-License-Identifier: Apache-2.0
"""cvd's JSON, as 1.55.4 and 1.57.0 print it, is read strictly."""

from __future__ import annotations

import pytest

from orchestrator.errors import HostError
from orchestrator.guests.cuttlefish.answer import adb_port, read_fleet, read_group

RUNNING = b"""\
{
\t"group_name" : "oomlab_ab",
\t"instances" :
\t[
\t\t{
\t\t\t"adb_port" : 6522,
\t\t\t"assembly_dir" : "/var/tmp/cvd/0/1796075192567967861/home/cuttlefish_assembly",
\t\t\t"instance_dir" : "/var/tmp/cvd/0/1796075192567967861/home/cuttlefish/instances/cvd-3",
\t\t\t"instance_name" : "3",
\t\t\t"status" : "Running",
\t\t\t"warning" : "cvd-status-unsupported device",
\t\t\t"web_access" : "https://localhost:1443/devices/oomlab_ab-3-3/files/client.html",
\t\t\t"webrtc_device_id" : "oomlab_ab-3-3"
\t\t}
\t],
\t"metrics_dir" : "/var/tmp/cvd/0/1796075192567967861/home/metrics",
\t"start_time" : "2026-11-30 21:46:32"
}
"""
FAILED = RUNNING.replace(b'"adb_port" : 6522,', b"").replace(b"Running", b"Boot Failed")


def test_a_group_that_runs() -> None:
    (instance,) = read_group(RUNNING, "oomlab_ab").instances
    assert (instance.status, adb_port(instance, 3)) == ("Running", 6522)


def test_the_port_follows_from_the_number_where_cvd_does_not_tell_it() -> None:
    (instance,) = read_group(FAILED, "oomlab_ab").instances
    assert adb_port(instance, 3) == 6522


def test_what_old_cvds_log_before_their_answer_is_passed_over() -> None:
    assert read_group(b"I cvd: starting\n" + RUNNING, "oomlab_ab").group_name == "oomlab_ab"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"group:oomlab_ab|instance(s):3",
        RUNNING[:-3],
        RUNNING.replace(b"6522", b'"6522"'),
        RUNNING.replace(b"6522", b"0"),
        RUNNING.replace(b'"status"', b'"state"'),
        b'{"group_name": "oomlab_ab", "instances": []}',
    ],
)
def test_anything_else_is_an_error_that_shows_it(answer: bytes) -> None:
    with pytest.raises(HostError, match="did not answer as expected") as told:
        read_group(answer, "oomlab_ab")
    assert told.value.evidence


def test_another_group_than_was_asked_for_is_an_error() -> None:
    with pytest.raises(HostError, match="oomlab_ab"):
        read_group(RUNNING, "oomlab_cd")


def test_the_fleet() -> None:
    fleet = read_fleet(b'{\n\t"groups" : [' + RUNNING + b"]}")
    assert fleet.named("oomlab_ab") is not None
    assert fleet.named("cvd_1") is None
    assert read_fleet(b'{\n\t"groups" : []\n}').groups == []
