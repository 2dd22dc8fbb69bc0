# SPDX-License-Identifier: Apache-2.0
"""A bare chroot, where the kernel makes no user namespace: the chroot is named, and not a setting."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import run

pytestmark = [
    pytest.mark.build,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount and chroot"),
]

_ENTER = """
mount -t tmpfs host "$1"
if [ "$2" = mountpoint ]; then
    inside=$1
    mount --rbind / "$inside"
else
    inside=$1/inside
    mkdir "$inside"
    for directory in /*; do
        if [ -L "$directory" ]; then
            cp -a "$directory" "$inside$directory"
        elif [ -d "$directory" ]; then
            mkdir -p "$inside$directory"
            mount --rbind "$directory" "$inside$directory"
        fi
    done
fi
shift 2
exec chroot "$inside" "$@"
"""


@pytest.mark.parametrize("kind", ["directory", "mountpoint"])
def test_the_doctor_names_the_chroot(checkout: Path, tmp_path: Path, kind: str) -> None:
    doctor = [sys.executable, "-m", "orchestrator", "doctor", "--json", "--arch", "arm64"]
    private = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", _ENTER, "sh"]
    completed = run(
        [*private, tmp_path, kind, "env", f"PYTHONPATH={checkout}", *doctor],
        deadline=Deadline.after(120, "the doctor"), check=False,
    )  # fmt: skip
    findings = json.loads(completed.stdout)["findings"]
    (sandbox,) = (finding for finding in findings if finding["what"] == "sandbox")
    assert sandbox["state"] == "fault"
    assert sandbox["remedy"].startswith("leave the chroot")
    assert "sysctl" not in sandbox["remedy"]
