# SPDX-License-Identifier: Apache-2.0
"""What a `cvd create` that failed has come to, from texts as cvd 1.55.4 and 1.57.0 wrote them."""

from __future__ import annotations

import pytest

from orchestrator.errors import HostError
from orchestrator.guests.cuttlefish.failure import DeviceFailed, Taken, failure

_REPORT_IT = """
    If the error above is unclear, please copy the text and `cvd version` output into an issue at:
        http://go/cuttlefish-bug

"""
_NAME_TAKEN = (
    """\
4. main.cc:161 | CvdMain |
1. create.cpp:372 | Handle |
 | cuttlefish/host/commands/cvd/cli/commands/create.cpp:406
 v CF_EXPECT(groups.empty())
Group named 'oomlab_ab' already exists
"""
    + _REPORT_IT
)
_NUMBER_TAKEN = (
    """\
1. instance_database.cpp:168 | AddInstanceGroup |
 v CF_EXPECT(find_it == ids_to_name_map.end())
New instance conflicts with existing instance: a/1 with id 1
"""
    + _REPORT_IT
)


def _launcher_ended(said: str, status: int) -> str:
    return f"""\
{said}
cvd(6560)  I 11-30 21:46:47  6560  6560 start.cpp:568] Device launch failed, cleaning up
1. start.cpp:574 | LaunchDevice |
 v cuttlefish::Result<void> cuttlefish::CheckProcessExitedNormally(siginfo_t, int)
Exited with code '{status}'
{_REPORT_IT}"""


@pytest.mark.parametrize("text", [_NAME_TAKEN, _NUMBER_TAKEN])
def test_what_somebody_else_has_is_not_ours_to_remove(text: str) -> None:
    error = failure(255, text.encode())
    assert isinstance(error, Taken)
    assert not error.is_ours


def test_a_group_whose_network_devices_are_taken_is_ours_all_the_same() -> None:
    said = "run_cvd F Failed to validate tap devices. Try `cvd reset` or `pkill run_cvd` and `pkill crosvm`"
    error = failure(255, _launcher_ended(said, 255).encode())
    assert isinstance(error, Taken)
    assert error.is_ours


def test_a_device_that_did_not_boot_names_both_exits() -> None:
    said = "VIRTUAL_DEVICE_BOOT_FAILED: Dependencies not ready after 10 checks: Bluetooth"
    error = failure(255, _launcher_ended(said, 11).encode())
    assert isinstance(error, DeviceFailed)
    assert not isinstance(error, HostError)
    assert error.message == f"cvd ended with 255, the launcher with 11: {said}"


def test_googles_launcher_names_the_status_of_what_it_started() -> None:
    """From its source: it ends with 255 itself."""
    assert isinstance(failure(255, _launcher_ended("run_cvd returned 11", 255).encode()), DeviceFailed)
    taken = failure(255, _launcher_ended("run_cvd returned 23", 255).encode())
    assert isinstance(taken, Taken)
    assert taken.is_ours
    other = failure(255, _launcher_ended("ERROR run_cvd returned 110", 255).encode())
    assert not isinstance(other, DeviceFailed | Taken)
    assert "run_cvd returned 110" in other.message


def test_a_launcher_that_only_its_status_says_failed_to_boot() -> None:
    error = failure(255, _launcher_ended("", 11).encode())
    assert isinstance(error, DeviceFailed)
    assert "the launcher with 11" in error.message


@pytest.mark.parametrize("returncode", [-9, 137])
def test_a_killed_cvd(returncode: int) -> None:
    error = failure(returncode, b"half a li")
    assert isinstance(error, HostError)
    assert "cvd was killed" in error.message


@pytest.mark.parametrize("returncode", [-15, 143, -6, 134])
def test_a_terminated_cvd(returncode: int) -> None:
    error = failure(returncode, b"start.cpp:437] Terminated signal received, cleanning up")
    assert isinstance(error, HostError)
    assert "terminated" in error.message


def test_a_flag_that_the_launcher_does_not_know_is_named() -> None:
    said = "ERROR: unknown command line flag 'nosuchflag'"
    error = failure(255, _launcher_ended(said, 1).encode())
    assert isinstance(error, HostError)
    assert "'nosuchflag'" in error.message
    assert "device.cuttlefish.flags" in error.hint


@pytest.mark.parametrize(
    "said",
    [
        # 1.57.0
        (
            "Host configuration requirements not met.  Run `cvd setup` to configure the host.\n"
            " v CF_EXPECT(ValidateHostConfiguration())\nHost configuration is invalid.\n"
        ),
        # 1.55.4
        (
            "1. cvd.cpp:66 | HandleCommand |\n v CF_EXPECT(actions.empty())\n"
            "Run `cvd setup` to configure the host.\n"
        ),
    ],
)
def test_a_host_that_cvd_refuses_is_told_how_to_join_its_groups(said: str) -> None:
    error = failure(255, (said + _REPORT_IT).encode())
    assert isinstance(error, HostError)
    assert "usermod --append --groups kvm,cvdnetwork,render" in error.hint
    assert error.message == f"cvd refuses this host: {said.splitlines()[-1]}"


def test_anything_else_is_told_in_the_last_line_of_the_trace() -> None:
    error = failure(255, ("1. x.cpp:1 | Y |\n v CF_EXPECT(z)\nThe disk is full\n" + _REPORT_IT).encode())
    assert isinstance(error, HostError)
    assert error.message == "cvd create ended with 255: The disk is full"


def test_another_end_of_the_launcher_is_told_with_its_words() -> None:
    error = failure(255, _launcher_ended("ERROR: no kernel", 1).encode())
    assert error.message == "cvd create ended with 255: the launcher exited with code '1': ERROR: no kernel"


def test_what_cvd_writes_cannot_command_the_terminal() -> None:
    error = failure(255, b"\x1b[2J v CF_EXPECT(z)\n\x1b[31mThe disk is full\n")
    assert "\x1b" not in error.message
