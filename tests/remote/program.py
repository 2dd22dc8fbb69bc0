# SPDX-License-Identifier: Apache-2.0
"""This program on the other machine, as setting up leaves it, but run by the Python of these tests."""

from __future__ import annotations

import shutil
import sys

from orchestrator.remote.places import Places
from orchestrator.remote.program import program_files, source_checksum
from tests.remote.machine import USER, OtherMachine

_LAUNCHER = """#!/bin/sh
PYTHONPATH={program} exec {python} -P -m orchestrator "$@"
"""


def install_program(machine: OtherMachine) -> Places:
    """Have it there, ready to run; where things are, from there."""
    places = Places(f"/home/{USER}")
    program = machine.home / places.program.removeprefix(f"{places.home}/")
    for name, path in program_files().items():
        (program / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, program / name)
    launcher = program / "oomlab"
    launcher.write_text(_LAUNCHER.format(program=places.program, python=sys.executable))
    launcher.chmod(0o755)
    (program / "SOURCE").write_text(source_checksum() + "\n")
    owner = machine.home.stat()
    for path in (machine.home, *machine.home.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid)
    return places
