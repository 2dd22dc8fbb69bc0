# SPDX-License-Identifier: Apache-2.0
"""Setting up another machine, carried out: each step whole or not at all, and each can be done again.

    .local/share/oomlab/program            the program that runs are made by: a link
    .local/share/oomlab/programs/KEY/      one source with its libraries
    .local/share/oomlab/venvs/KEY/         the libraries of one lock, for one Python
    .local/share/oomlab/setup.log          what apt, pip and tar said last

What is made is made beside its place and renamed. A run that is at work keeps the program it began with.
No step writes to the connection while it works: when the line is cut it goes on, and the next waits for it.
"""

from __future__ import annotations

import io
import shlex
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.remote.connection import Machine
from orchestrator.remote.patience import patiently
from orchestrator.remote.places import Places
from orchestrator.remote.program import program_files
from orchestrator.remote.setup import LOCK, Program, SetupPlan, plan_setup, too_old
from orchestrator.remote.survey import Survey, survey
from orchestrator.remote.transfer import send_file

Said = Callable[[str], None]

_PACKAGES_S = 3600.0
_LIBRARIES_S = 3600.0
_QUERY_S = 120.0
_LOG_LINES = 12
_START = "oomlab"
_PYPROJECT = "pyproject.toml"
_STARTER = b"""#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Written by `oomlab host setup`. The path without links: a run keeps the program that it began with.
self=$(readlink -f -- "$0")
here=${self%/*}
PYTHONPATH=$here exec "$here/.venv/bin/python" -P -m orchestrator "$@"
"""

_SIZE = "apt-get -qq --print-uris --no-install-recommends install {packages} 2>/dev/null"

_PACKAGES = """
mkdir -p {root}; exec >{root}/setup.log 2>&1 </dev/null
as_root() {{ if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }}
install() {{
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \\
        -o DPkg::Lock::Timeout=1800 install {packages}
}}
apt-get -qq --simulate --no-install-recommends install {packages} >/dev/null && install && exit 0
as_root apt-get -q update
install
"""

_INSTALL = """
set -e
umask 077
cd {root}
mkdir -p programs venvs
exec 9>setup.lock
flock 9
exec >setup.log 2>&1 </dev/null
clear() {{ rm -rf programs/.new.* venvs/.new.* program.new.*; }}
clear # after one that was killed
trap clear EXIT
venv=venvs/{venv} program=programs/{program}
if [ ! -d "$venv" ]; then
    {python} -m venv "venvs/.new.$$"
    mkdir "venvs/.new.$$/lock"
    tar -xf {archive} -C "venvs/.new.$$/lock" {lock}
    "venvs/.new.$$/bin/python" -m pip install --no-input --disable-pip-version-check \\
        --require-hashes --no-deps --only-binary :all: --requirement "venvs/.new.$$/lock/{lock}"
    mv -T "venvs/.new.$$" "$venv"
fi
if [ ! -d "$program" ]; then
    mkdir "programs/.new.$$"
    tar -xf {archive} -C "programs/.new.$$"
    ln -s "../../$venv" "programs/.new.$$/.venv"
    "programs/.new.$$/oomlab" --version
    mv -T "programs/.new.$$" "$program"
fi
ln -s "$program" "program.new.$$"
mv -T "program.new.$$" program
rm -f {archive}
find . -maxdepth 1 -name 'program-*.tar*' -mmin +60 -delete
for each in programs/*; do
    [ "$each" = "$program" ] || grep -qsaF "/$each" /proc/[0-9]*/environ || rm -rf "$each"
done
for each in venvs/*; do
    for by in programs/*; do [ "$(readlink "$by/.venv")" != "../../$each" ] || continue 2; done
    rm -rf "$each"
done
"""
# A program that somebody runs is in PYTHONPATH of that process.


def with_size(machine: Machine, plan: SetupPlan) -> SetupPlan:
    """The plan with what its packages, and all that they need, come to, where apt there can say so."""
    if not plan.packages:
        return plan
    answer = machine.run(_SIZE.format(packages=shlex.join(plan.packages)), deadline_s=_QUERY_S)
    fields = [line.split() for line in answer.stdout.splitlines()]  # 'URI' name bytes checksum
    sizes = [int(words[2]) for words in fields if len(words) > 2 and words[2].isdecimal()]
    return replace(plan, download_bytes=sum(sizes)) if answer.ok and sizes else plan


def carry_out(
    machine: Machine, places: Places, found: Survey, plan: SetupPlan, program: Program, said: Said
) -> Survey:
    """Do all that the plan says; the machine as it is afterwards. HostError with what went wrong there.

    Connections that are lost are made again.
    """
    if plan.packages:
        said("installing packages")
        script = _PACKAGES.format(root=shlex.quote(places.root), packages=shlex.join(plan.packages))
        patiently(machine, lambda: _step(machine, places, script, "installing packages", _PACKAGES_S), said)
        found = patiently(machine, lambda: survey(machine, places), said)
    if not found.python or not found.has_venv:
        raise too_old(found)
    if plan.program:
        patiently(machine, lambda: _install(machine, places, found, program, said), said)
    after = patiently(machine, lambda: survey(machine, places), said)
    if not plan_setup(after, program).nothing:
        raise HostError("the other machine was set up, and is not as it should be", hint="try it once more")
    return after


def _install(machine: Machine, places: Places, found: Survey, program: Program, said: Said) -> None:
    archive = f"{places.root}/program-{program.key(found.python_version)}.tar"
    said("sending the program")
    machine.ask(f"umask 077; mkdir -p {shlex.quote(places.root)}", "making a directory")
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / "program.tar"
        local.write_bytes(program_tar(program))
        send_file(machine, local, archive)
    said("installing libraries and program")
    script = _INSTALL.format(
        root=shlex.quote(places.root),
        venv=program.libraries_key(found.python_version),
        program=program.key(found.python_version),
        python=shlex.quote(found.python),
        archive=shlex.quote(archive),
        lock=LOCK,
    )
    _step(machine, places, script, "installing libraries and program", _LIBRARIES_S)


def _step(machine: Machine, places: Places, script: str, what: str, most_s: float) -> None:
    answer = machine.run(script, deadline_s=most_s)
    if not answer.ok:
        log = f"{shlex.quote(places.root)}/setup.log"
        said = machine.run(f"tail -n {_LOG_LINES} {log}").stdout or answer.stderr
        raise HostError(f"{what} failed on the other machine", evidence=said.splitlines()[-_LOG_LINES:])


def program_tar(program: Program) -> bytes:
    """The program as an archive that is the same for the same source."""
    checkout = program.lock.parent
    files = {**program_files(), LOCK: program.lock, _PYPROJECT: checkout / _PYPROJECT}
    contents = {name: path.read_bytes() for name, path in files.items()}
    contents |= {_START: _STARTER, "SOURCE": f"{program.source}\n".encode()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o700 if content.startswith(b"#!") else 0o600
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
