# SPDX-License-Identifier: Apache-2.0
"""`cvd_internal_status`: says how a device is, as an array of one.

`python -m tests.cuttlefish.launcher.status TOOLS FLAG...`
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.cuttlefish.launcher.instance import FIRST_ADB_PORT, instance_directory, pid_of
from tests.cuttlefish.launcher.stop import show_help

_FLAGS = {"wait_for_launcher", "print", "instance_name", "all_instances"}


def main(tools: Path, argv: Sequence[str]) -> int:
    """0 when there is such a device, running or not."""
    if "--helpxml" in argv:
        return show_help(tools, "cvd_internal_status")
    names = {word.lstrip("-").partition("=")[0] for word in argv if word.startswith("-")}
    if unknown := names - _FLAGS:
        print(f"unexpected arguments: {sorted(unknown)}", file=sys.stderr)
        return 1
    home, number = Path(os.environ["HOME"]), int(os.environ.get("CUTTLEFISH_INSTANCE", "1"))
    directory = instance_directory(home, number)
    alive = bool(pid_of(directory))
    said = {
        "adb_serial": f"127.0.0.1:{FIRST_ADB_PORT + number - 1}",
        "assembly_dir": str(home / "cuttlefish" / "assembly"),
        "displays": [],
        "instance_dir": str(directory),
        "instance_name": f"cvd-{number}",
        "status": "Running" if alive else "Stopped",
        "web_access": "",
        "webrtc_port": "",
    }
    if "print" in names:
        print(json.dumps([said], indent=1))
    return 0 if alive else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
