# SPDX-License-Identifier: Apache-2.0
"""`cvd_internal_stop`: ends a device, and waits for its end.

`python -m tests.cuttlefish.launcher.stop TOOLS FLAG...`
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from tests.cuttlefish.launcher.instance import FIRST_ADB_PORT, instance_directory, pid_of

_HELP_S = 30.0
_DEFAULT_WAIT_S = 5
_KILLED_S = 10


def main(tools: Path, argv: Sequence[str]) -> int:
    """0 when the device has ended; what is unknown is refused."""
    if "--helpxml" in argv:
        return show_help(tools, "cvd_internal_stop")
    given = dict(word.lstrip("-").partition("=")[::2] for word in argv)
    if unknown := given.keys() - {"wait_for_launcher", "clear_instance_dirs", "instance_nums"}:
        print(f"unexpected arguments: {sorted(unknown)}", file=sys.stderr)
        return 1
    home, number = Path(os.environ["HOME"]), int(os.environ.get("CUTTLEFISH_INSTANCE", "1"))
    directory = instance_directory(home, number)
    if not end(directory, int(given.get("wait_for_launcher") or _DEFAULT_WAIT_S)):
        print(f"cvd-{number} does not end", file=sys.stderr)
        return 1
    if given.get("clear_instance_dirs") == "true":
        shutil.rmtree(directory, ignore_errors=True)
    print(f"Successfully stopped device cvd-{number}: 0.0.0.0:{FIRST_ADB_PORT + number - 1}", file=sys.stderr)
    return 0


def show_help(tools: Path, program: str) -> int:
    """What the real program says of itself."""
    done = run([tools / program, "--helpxml"], deadline=Deadline.after(_HELP_S, program), check=False)
    sys.stdout.buffer.write(done.stdout)
    return done.returncode


def end(directory: Path, wait_s: int) -> bool:
    """TERM, the time that was given, KILL; whether the device is gone."""
    for number, seconds in ((signal.SIGTERM, wait_s), (signal.SIGKILL, _KILLED_S)):
        pid = pid_of(directory)
        if not pid:
            return True
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if _comes(lambda: not pid_of(directory), seconds):
            return True
    return False


def _comes(is_so: Callable[[], bool], seconds: float) -> bool:
    waiting = Retrying(
        retry=retry_if_result(lambda there: not there), stop=stop_after_delay(seconds), wait=wait_fixed(0.05)
    )
    try:
        waiting(is_so)
    except RetryError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
