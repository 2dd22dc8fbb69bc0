# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for the programs through which the launcher changes a machine.

One script, called by many names. Each stand-in refuses whatever the real program would refuse,
and writes one line a call to `$FAKE_HOST/log`. The machine's state is files in `$FAKE_HOST`:
`known` (packages apt has lists of), `offered` (those after an update), `installed`.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Sequence
from pathlib import Path

_STATE = Path(os.environ.get("FAKE_HOST", "/nonexistent"))


def _read(name: str) -> set[str]:
    path = _STATE / name
    return set(path.read_text().split()) if path.exists() else set()


def _write(name: str, words: set[str]) -> None:
    (_STATE / name).write_text("\n".join(sorted(words)))


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(allow_abbrev=False)


def dpkg(argv: Sequence[str]) -> int:
    parser = _parser()
    parser.add_argument("--print-architecture", action="store_true", required=True)
    parser.parse_args(argv)
    print(os.environ.get("FAKE_ARCHITECTURE", "amd64"))
    return 0


def dpkg_query(argv: Sequence[str]) -> int:
    parser = _parser()
    parser.add_argument("--show", action="store_true", required=True)
    parser.add_argument("--showformat", required=True, choices=["${Package} ${db:Status-Status}\\n"])
    parser.add_argument("packages", nargs="+")
    packages = parser.parse_args(argv).packages
    for package in packages:
        if package in _read("installed"):
            print(package, "installed")
        elif package in _read("removed"):
            print(package, "config-files")
        else:
            print(f"dpkg-query: no packages found matching {package}", file=sys.stderr)
    return 0 if set(packages) <= _read("installed") | _read("removed") else 1


def apt_get(argv: Sequence[str]) -> int:
    parser = _parser()
    commands = parser.add_subparsers(dest="command", required=True)
    update = commands.add_parser("update", allow_abbrev=False)
    install = commands.add_parser("install", allow_abbrev=False)
    for command in (update, install):
        command.add_argument("--quiet", choices=["1", "2"])
    install.add_argument("--yes", action="store_true")
    install.add_argument("--simulate", action="store_true")
    install.add_argument("--no-install-recommends", action="store_true")
    install.add_argument("packages", nargs="+")
    arguments = parser.parse_args(argv)
    print("apt-get's own chatter")
    if not getattr(arguments, "simulate", False) and os.environ.get("FAKE_ROOT") != "1":
        print("E: are you root?", file=sys.stderr)
        return 100
    if arguments.command == "update":
        _write("known", _read("known") | _read("offered"))
        return 0
    if not set(arguments.packages) <= _read("known"):
        print("E: Unable to locate package", file=sys.stderr)
        return 100
    if arguments.simulate:
        return 0
    assert arguments.yes
    assert os.environ.get("DEBIAN_FRONTEND") == "noninteractive"
    _write("installed", _read("installed") | set(arguments.packages))
    return 0


def sudo(argv: Sequence[str]) -> int:
    assert argv
    assert not argv[0].startswith("-")
    os.environ["FAKE_ROOT"] = "1"
    os.execvp(argv[0], list(argv))


def identity(argv: Sequence[str]) -> int:
    assert list(argv) == ["-u"]
    print(0 if os.environ.get("FAKE_ROOT") == "1" else 1000)
    return 0


def python3(argv: Sequence[str]) -> int:
    """The host's Python: says that it is good enough, and makes environments."""
    if argv[0] == "-c":
        return 0
    assert list(argv[:2]) == ["-m", "venv"]
    (target,) = argv[2:]
    interpreter = Path(target, "bin", "python")
    interpreter.parent.mkdir(parents=True)
    interpreter.symlink_to(Path(sys.argv[0]).resolve())
    Path(target, "pyvenv.cfg").touch()
    return 0


def venv_python(argv: Sequence[str]) -> int:
    """The environment's Python: has pip, installs locks, runs the program."""
    if argv[0] == "-c":
        assert argv[1] == "import pip"
        return 0
    if argv[0] == "-P":
        assert list(argv[1:3]) == ["-m", "orchestrator"]
        print("\n".join([os.environ["PYTHONPATH"], *argv[3:]]))
        return 7
    assert list(argv[:3]) == ["-m", "pip", "install"]
    parser = _parser()
    for flag in ("--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--require-hashes", action="store_true", required=True)
    parser.add_argument("--no-deps", action="store_true", required=True)
    parser.add_argument("--only-binary", choices=[":all:"], required=True)
    parser.add_argument("--requirement", required=True)
    requirement = Path(parser.parse_args(argv[3:]).requirement)
    assert requirement.is_file()
    print("pip's own chatter")
    with (_STATE / "gate").open("a") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)  # a test that holds it holds the installation up
    return int("pip-fails" in _read("faults"))


_PROGRAMS = {
    "apt-get": apt_get,
    "dpkg": dpkg,
    "dpkg-query": dpkg_query,
    "id": identity,
    "python": venv_python,
    "python3": python3,
    "sudo": sudo,
}


def main() -> int:
    name = Path(sys.argv[0]).name
    with (_STATE / "log").open("a") as log:
        log.write(f"{' '.join([name, *sys.argv[1:]])}\n")
    return _PROGRAMS[name](sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
