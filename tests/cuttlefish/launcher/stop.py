# SPDX-License-Identifier: Apache-2.0
"""`cvd_internal_stop`: ends the devices of a group, and waits for their end.

`python -m tests.cuttlefish.launcher.stop TOOLS FLAG...`
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from tests.cuttlefish.launcher.instance import FIRST_ADB_PORT, config_file, instance_directory, pid_of

_HELP_S = 30.0
_DEFAULT_WAIT_S = 5
_KILLED_S = 10


def main(tools: Path, argv: Sequence[str]) -> int:
    """0 when they have ended; what is unknown is refused."""
    if "--helpxml" in argv:
        return show_help(tools, "cvd_internal_stop")
    given = dict(word.lstrip("-").partition("=")[::2] for word in argv)
    if unknown := given.keys() - {"wait_for_launcher", "clear_instance_dirs", "instance_nums"}:
        print(f"unexpected arguments: {sorted(unknown)}", file=sys.stderr)
        return 1
    wait_s = int(given.get("wait_for_launcher") or _DEFAULT_WAIT_S)
    return max(
        [stop(number, wait_s, clear=given.get("clear_instance_dirs") == "true") for number in _numbers()]
    )


def _numbers() -> list[int]:
    """The devices of the group: cvd names none, so it is all that are in the configuration."""
    return [int(number) for number in json.loads(config_file().read_text())["instances"]]


def stop(number: int, wait_s: int, *, clear: bool) -> int:
    """End one device, and remove its directory if that is wanted; 0 when it has ended."""
    directory = instance_directory(Path(os.environ["HOME"]), number)
    if not end(directory, wait_s):
        print(f"cvd-{number} does not end", file=sys.stderr)
        return 1
    if clear:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"Successfully stopped device cvd-{number}: 0.0.0.0:{FIRST_ADB_PORT + number - 1}", file=sys.stderr)
    return 0


def show_help(tools: Path, program: str) -> int:
    """What the real program says of itself."""
    done = run([tools / program, "--helpxml"], deadline=Deadline.after(_HELP_S, program), check=False)
    sys.stdout.buffer.write(done.stdout)
    return done.returncode


def end(directory: Path, wait_s: int) -> bool:
    """TERM, the time that was given, KILL; whether the device's process is gone, not its lock alone."""
    pid = pid_of(directory)
    try:
        process = os.pidfd_open(pid) if pid else None
    except ProcessLookupError:
        return True
    if process is None:
        return True
    with os.fdopen(process):
        for number, seconds in ((signal.SIGTERM, wait_s), (signal.SIGKILL, _KILLED_S)):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, number)
            if select.select([process], [], [], seconds)[0]:
                return True
    return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
