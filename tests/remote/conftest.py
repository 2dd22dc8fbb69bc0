# SPDX-License-Identifier: Apache-2.0
"""Another machine for every test that asks for one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.machine import OtherMachine, other_machine, program_places
from tests.remote.sshd import NoServer, Sshd, find_sshd, why_not
from tests.remote.wire import wire


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Sshd:
    """A real OpenSSH server, found or fetched."""
    if os.geteuid() != 0:
        pytest.skip("OTHER MACHINES ARE NOT TRIED: a network of one's own takes root")
    if reason := why_not():
        pytest.skip(f"OTHER MACHINES ARE NOT TRIED: {reason}")
    try:
        return find_sshd(tmp_path_factory.mktemp("openssh") / "server")
    except NoServer as none:
        pytest.skip(f"OTHER MACHINES ARE NOT TRIED: {none}")


@pytest.fixture
def machine(tmp_path: Path, sshd: Sshd, checkout: Path) -> Iterator[OtherMachine]:
    """A machine with nothing in its user's home, known here by its key, at the end of a wire."""
    with wire() as line, other_machine(tmp_path, line, sshd, program_places(checkout)) as there:
        yield there
