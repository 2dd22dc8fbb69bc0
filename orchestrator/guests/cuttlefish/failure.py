# SPDX-License-Identifier: Apache-2.0
"""Why `cvd create` failed, from its exit status and what it and the launcher wrote. Pure.

cvd ends with 255 whatever went wrong; which it was, only the text tells. The texts were seen from cvd 1.55.4
and 1.57.0, but for those that are marked.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

from orchestrator.errors import HostError, OomlabError
from orchestrator.text.plain import one_line

JOIN_GROUPS = "sudo usermod --append --groups kvm,cvdnetwork,render $USER, then log in again"
"""How an ordinary user becomes one who may run devices."""
BOOT_FAILED = 11
"""The launcher's exit status for a device that did not come up."""

_TAKEN = re.compile(r"Group named '[^']*' already exists|New instance conflicts with existing instance: .*")
# From its source: Google's launcher ends with 255 whatever its run_cvd ended with, and names that.
_TAPS_TAKEN = re.compile(r"Failed to validate tap devices.*|run_cvd returned 23\b")
_NOT_BOOTED = re.compile(r"VIRTUAL_DEVICE_BOOT_FAILED.*|Virtual device failed to boot|run_cvd returned 11\b")
_UNKNOWN_FLAG = re.compile(r"ERROR: unknown command line flag '([^']*)'")
_NO_TOOLS = re.compile(
    r"Could not find the required host tools.*|ANDROID_HOST_OUT, .* is not a tool directory"
)
_NOT_CONFIGURED = re.compile(
    r"Run `cvd setup` to configure the host|Host configuration is invalid"
    r"|User must be a member of .*|Validation of user configuration failed"  # both from launchers' source
)
_LAUNCHER_ENDED = re.compile(r"Exited with (code|signal) '(\d+)'")
_UNCLEAR = "If the error above is unclear"
_TAIL_CHARS = 4000
_OF_SHELLS = 128
"""What a shell, or a sandbox, adds to the number of the signal that ended its child."""


class Taken(HostError):
    """Name or number of the group are somebody else's: others will do.

    `is_ours`: cvd has made the group all the same. Otherwise what has this name is not ours to remove.
    """

    def __init__(self, message: str, *, is_ours: bool, evidence: Sequence[str]) -> None:
        hint = "`oomlab doctor --backend cuttlefish` says what instance numbers this host has room for"
        super().__init__(message, hint=hint, evidence=evidence)
        self.is_ours = is_ours


class DeviceFailed(OomlabError):
    """The device did not come up: an end of the device, whose kernel may be why."""


def is_end_by(returncode: int, *signals: signal.Signals) -> bool:
    """True where one of these signals ended the process, however its status came here."""
    return any(returncode in (-number, _OF_SHELLS + number) for number in signals)


def failure(returncode: int, stderr: bytes) -> OomlabError:
    """What a `cvd create` that ended with this status (never 0) came to.

    `Taken`, `DeviceFailed`, or a HostError for all that the device had no part in.
    """
    text = stderr.decode(errors="replace")
    tail = [text[-_TAIL_CHARS:]]
    if is_end_by(returncode, signal.SIGKILL):
        return HostError("cvd was killed while it created the device", evidence=tail)
    if is_end_by(returncode, signal.SIGTERM, signal.SIGABRT):  # it catches the one and ends by the other
        return HostError("cvd was terminated by somebody while it created the device", evidence=tail)
    for pattern, is_ours in ((_TAKEN, False), (_TAPS_TAKEN, True)):
        if (taken := pattern.search(text)) is not None:
            return Taken(one_line(taken[0]), is_ours=is_ours, evidence=tail)
    return _of_launcher(returncode, text, tail) or _of_host(returncode, text, tail)


def _of_launcher(returncode: int, text: str, tail: list[str]) -> OomlabError | None:
    """A device that the launcher started and that did not boot."""
    ended, said = _LAUNCHER_ENDED.search(text), _NOT_BOOTED.search(text)
    status = int(ended[2]) if ended is not None and ended[1] == "code" else None
    if status != BOOT_FAILED and said is None:
        return None
    launcher = f"the launcher with {status}" if status is not None else "the launcher"
    why = one_line(said[0]).strip() if said is not None else "the device did not boot"
    return DeviceFailed(f"cvd ended with {returncode}, {launcher}: {why}", evidence=tail)


def refusal(output: str) -> HostError | None:
    """The error where cvd refuses host or user; cvd 1.55 does so whatever it is asked, `cvd version` too."""
    if _NOT_CONFIGURED.search(output) is None:
        return None
    return HostError(
        f"cvd refuses this host: {_why(output)}", hint=JOIN_GROUPS, evidence=[output[-_TAIL_CHARS:]]
    )


def _of_host(returncode: int, text: str, tail: list[str]) -> HostError:
    if (refused := refusal(text)) is not None:
        return refused
    if (unknown := _UNKNOWN_FLAG.search(text)) is not None:
        return HostError(
            f"Cuttlefish's launcher does not know the flag '{one_line(unknown[1])}'",
            hint="is it in device.cuttlefish.flags? `bin/assemble_cvd --help` of the host package lists all",
            evidence=tail,
        )
    if _NO_TOOLS.search(text) is not None:
        return HostError(
            "cvd finds no host package",
            hint="device.cuttlefish.host_path (or ANDROID_HOST_OUT) names the directory that holds its bin/",
            evidence=tail,
        )
    return HostError(f"cvd create ended with {returncode}: {_why(text)}", evidence=tail)


def _why(text: str) -> str:
    """The last line of cvd's trace before its request to report the error."""
    lines = [line.strip() for line in text.split(_UNCLEAR)[0].splitlines() if line.strip()]
    ended = _LAUNCHER_ENDED.search(text)
    if ended is not None:  # then the launcher's own last words say more
        said = [line for line in text.splitlines() if line.startswith("ERROR") or " F " in line]
        return one_line(
            f"the launcher {ended[0][0].lower()}{ended[0][1:]}" + (f": {said[-1]}" if said else "")
        )
    return one_line(lines[-1]) if lines else "it said nothing"
