# SPDX-License-Identifier: Apache-2.0
"""Which cvd this is and what it can do: asked of the program, for versions alone tell little.

Two programs with versions of their own take part: `cvd`, of a package of the host's, and the launcher, of the
host package that comes with the images. cvd as Debian builds it prints an empty version; its package tells.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from orchestrator.deadline import Deadline
from orchestrator.errors import CommandFailed, HostError
from orchestrator.guests.cuttlefish.command import CVD
from orchestrator.guests.cuttlefish.failure import refusal
from orchestrator.host.process import Ending, find_program, run

INSTALL_CVD = (
    "install the package cuttlefish-base: Debian's testing and sid have it, and Google's own archive"
    " (docs/cuttlefish.md)"
)
_ASK_S = 30.0
_VERSION = re.compile(r"^version:[ \t]*(\S+)", re.MULTILINE)
_COMMANDS = re.compile(r"^\t([a-z_]+(?:, [a-z_]+)*) - ", re.MULTILINE)
_OWNER = re.compile(r"^([a-z0-9][a-z0-9+.-]+)(?::[a-z0-9-]+)?: ", re.MULTILINE)
_ADB_VERSION = re.compile(r"^Version (\S+)", re.MULTILINE)
_OLDEST_BY_COMMAND = {"ps": "1.56", "monitor": "1.55", "setup": "1.54"}
"""The release that brought a command, newest first."""
# What cvd takes for itself, and what launchers read otherwise than by the library whose list is asked for.
_READ_OTHERWISE = frozenset(
    {"host_substitutions",
     "adb_mode", "base_instance_num", "config", "custom_action_config", "custom_actions", "daemon",
     "file_verbosity", "proxy_fastboot", "run_adb_connector", "verbosity"}
)  # fmt: skip
_TELL_FLAGS = ("assemble_cvd", "run_cvd")


@dataclass(frozen=True)
class CvdVersion:
    """What a cvd is. `number` is "" where neither it nor a package tells."""

    program: str
    number: str
    commands: frozenset[str]

    @property
    def whose(self) -> str:
        """Who built it, as far as its version shows."""
        return "Debian's" if "+dfsg" in self.number else "Google's" if self.number else ""

    @property
    def words(self) -> str:
        """Number and builder, or what can be said without a number."""
        if self.number:
            return f"{self.number} ({self.whose})"
        since = next((release for name, release in _OLDEST_BY_COMMAND.items() if name in self.commands), None)
        what = f"{since} or newer" if since is not None else "older than 1.54"
        return f"of a version that it does not tell ({what}, by its commands)"


def probe() -> CvdVersion:
    """The cvd on PATH. HostError where there is none, or where it does not run."""
    program = find_program(CVD, hint=INSTALL_CVD)
    said = _VERSION.search(_output([CVD, "version"]))
    commands = {name for names in _COMMANDS.findall(_output([CVD, "help"])) for name in names.split(", ")}
    return CvdVersion(program, said[1] if said else _of_package(Path(program)), frozenset(commands))


def adb_version(adb: str) -> str:
    """Of an adb, without starting a server; "" where it tells none. HostError where there is none."""
    hint = "" if "/" in adb else "install the package adb, or name one in device.cuttlefish.adb"
    find_program(adb, hint=hint)
    said = _ADB_VERSION.search(_output([adb, "version"]))
    return said[1] if said else ""


def images_version(product_path: Path) -> str:
    """Build and target of images that `cvd fetch` brought; "" for others."""
    try:
        files: Any = json.loads((product_path / "fetcher_config.json").read_bytes())["cvd_config"]["files"]
        told = {(each["build_id"], each["build_target"]) for each in _values(files) if each.get("build_id")}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
    return ", ".join(sorted(f"{build} {target}".strip() for build, target in told))


def unknown_flags(host_path: Path, names: Iterable[str]) -> list[str]:
    """Those that the launcher of a host package does not know; none where it cannot be asked."""
    known: set[str] = set()
    for tool in _TELL_FLAGS:
        if shutil.which(host_path / "bin" / tool) is not None:
            known |= _flags_of(_output([str(host_path / "bin" / tool), "--helpxml"], check=False))
    return sorted(set(names) - known - _READ_OTHERWISE) if known else []


def _flags_of(xml: str) -> set[str]:
    try:
        root = ElementTree.fromstring(xml[xml.find("<?xml") :])
    except ElementTree.ParseError:
        return set()
    return {name.strip() for flag in root.iter("flag") if (name := flag.findtext("name"))}


def _values(files: Any) -> list[Any]:
    return list(files.values()) if isinstance(files, dict) else list(files)


def _of_package(program: Path) -> str:
    """Version of the package that a program belongs to, "" for none."""
    if shutil.which("dpkg-query") is None:
        return ""
    owner = _OWNER.search(_output(["dpkg-query", "--search", str(program.resolve())], check=False))
    if owner is None:
        return ""
    return _output(["dpkg-query", "--show", "--showformat=${Version}", owner[1]], check=False).strip()


def _output(argv: list[str], *, check: bool = True) -> str:
    try:
        done = run(
            argv,
            env={"HOME": os.devnull},  # nothing of the user's is asked or changed
            check=check,
            ending=Ending(grace_s=10),
            deadline=Deadline.after(_ASK_S, f"{argv[0]} answers"),
        )
    except CommandFailed as error:
        failed = HostError(error.message, hint=error.hint, evidence=error.evidence)
        raise refusal(error.output_tail) or failed from None
    return done.stdout.decode(errors="replace")
