# SPDX-License-Identifier: Apache-2.0
"""One table says what the host must have; launcher, machines and compilers agree with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.errors import ExitCode, HostError
from orchestrator.guests.qemu.machine import MACHINES
from orchestrator.host import programs
from orchestrator.host.programs import all_needs, install_hint, missing, needs_of, require
from tests.unit.project import tree

_BEFORE_PYTHON = {"python3", "python3-venv"}
"""What the launcher itself starts with."""
_TESTS = {"chromium", "chromium-driver", "iproute2", "mmdebstrap", "openssh-client", "patchelf"}


def _launcher_packages(checkout: Path, host: str) -> set[str]:
    """What the launcher's table holds for `test` on a host of this architecture, without running it."""
    text = (checkout / "oomlab").read_text()
    table = set(text.split("<<'TABLE'\n")[1].split("\nTABLE\n")[0].split()) | _TESTS
    cross = re.findall(r'"\$architecture" = (\w+) \] \|\| printf \'%s\\n\' (.+)$', text, re.MULTILINE)
    assert len(cross) == len(ARCHS)
    for native, packages in cross:
        if host != native:
            table |= set(packages.split())
    return table


@pytest.mark.parametrize("host", ["amd64", "arm64"])
def test_the_launcher_installs_what_the_table_names_and_nothing_else(checkout: Path, host: str) -> None:
    wanted = {need.package for need in all_needs(host) if not need.always_there}
    assert _launcher_packages(checkout, host) == wanted | _BEFORE_PYTHON


@pytest.mark.parametrize("arch", ARCHS)
def test_it_names_the_emulator_and_the_compiler_that_are_started(arch: str) -> None:
    names = {need.name for need in needs_of(arch, "boot", "compiler", "build")}
    assert {MACHINES[arch].program, f"{ARCHS[arch].triplet}-gcc"} <= names  # type: ignore[index]


def test_every_program_that_is_started_is_in_it(checkout: Path) -> None:
    """Found in the sources: the first word of an argument list, and of `find_program`."""
    pattern = re.compile(r'(?:find_program\(|\brun\(\s*\[|\bstart\(\s*\[|return \[\s*)"([a-z][a-z0-9-]+)"')
    started = {
        name
        for path, text in tree.texts(checkout)
        if path.parts[0] == "orchestrator" and path.suffix == ".py" and path.name != "programs.py"
        for name in pattern.findall(text)
    }
    assert {"bwrap", "dpkg-deb", "apt-get"} <= started
    assert started <= {need.name for need in all_needs("amd64")}


def test_no_module_has_a_table_of_its_own(checkout: Path) -> None:
    """`apt-get install` with a name behind it is written in one place."""
    found = [
        str(path)
        for path, text in tree.texts(checkout)
        if path.parts[0] == "orchestrator" and re.search(r"apt-get install [a-z]|\./oomlab` does so", text)
    ]
    assert found == []


def test_all_that_is_missing_is_told_in_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError) as caught:
        require(needs_of("arm64", "boot", "patch"))
    assert caught.value.message.startswith("qemu-system-aarch64, bwrap, prlimit, patch, ")
    assert caught.value.message.endswith(" are not installed")
    assert "apt-get install qemu-system-arm bubblewrap util-linux patch" in caught.value.hint
    assert caught.value.exit_code is ExitCode.COULD_NOT_RUN


def test_another_compiler_of_the_kernels_own_version_will_do() -> None:
    needs = all_needs("amd64", ["arm64"])
    gcc = {"aarch64-linux-gnu-gcc-12": "/usr/bin/gcc"}
    assert "aarch64-linux-gnu-gcc" not in {need.name for need in missing(needs, which=gcc.get)}


def test_a_file_counts_wherever_a_release_puts_it(tmp_path: Path) -> None:
    needs = all_needs("amd64", ["x86_64"])
    assert "libelf.so.1" in {need.name for need in missing(needs, root=tmp_path)}
    library = tmp_path / "usr/lib/x86_64-linux-gnu/libelf.so.1"
    library.parent.mkdir(parents=True)
    library.touch()
    assert "libelf.so.1" not in {need.name for need in missing(needs, root=tmp_path)}


def test_a_hint_has_sudo_only_where_it_is_of_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.host.programs.shutil.which", lambda name: name)
    needs = needs_of("arm64", "boot")
    which = {"apt-get": "a", "sudo": "s"}.get
    assert programs.install_command(needs, root=False, which=which) == "sudo apt-get install qemu-system-arm"
    assert programs.install_command(needs, root=True, which=which) == "apt-get install qemu-system-arm"
    assert "qemu-system-x86" in install_hint("qemu-system-x86_64")
    assert install_hint("no-such-program") == ""
