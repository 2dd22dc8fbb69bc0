# SPDX-License-Identifier: Apache-2.0
"""A stand-in for QEMU on PATH that refuses what the real one would refuse, and misbehaves to order."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SCRIPT = """
import json, os, re, socket, sys, time

VERSION_TEXT = {version_text!r}
BEHAVIOUR = {behaviour!r}
STARTED = {started!r}
ONE_WORD = {{
    "-display": "none", "-machine": "q35|virt", "-accel": "kvm|tcg", "-cpu": "host|max|cortex-a76",
    "-sandbox": r"on(,(obsolete|elevateprivileges|spawn|resourcecontrol)=deny)*", "-smp": r"\\d+",
    "-m": r"\\d+k", "-nic": "none", "-kernel": ".+", "-initrd": ".+", "-append": ".+",
    "-serial": "chardev:(console|control)", "-device": "pci-serial,chardev=control|i6300esb",
    "-action": "watchdog=pause",
    "-mon": "chardev=monitor,mode=control",
    "-chardev": r"(file,id=console,path=/proc/self/fd/\\d+"
    r"|stdio,id=control,signal=off|socket,id=monitor,fd=\\d+)",
}}
ALONE = {{"-nodefaults", "-no-user-config", "-no-reboot"}}


def refuse(words):
    sys.stderr.write("qemu-system: " + words + "\\n")
    sys.exit(1)


def parse(arguments):
    given = []
    rest = iter(arguments)
    for option in rest:
        if option in ALONE:
            continue
        if option not in ONE_WORD:
            refuse(option + ": invalid option")
        value = next(rest, None)
        if value is None:
            refuse(option + ": requires an argument")
        if not re.fullmatch(ONE_WORD[option], value):
            refuse(option + " " + value + ": invalid value")
        given.append((option, value))
    return given


if sys.argv[1:] == ["--version"]:
    sys.stdout.write(VERSION_TEXT)
    sys.exit(0)
given = parse(sys.argv[1:])
accelerator = dict(given)["-accel"]
lines = {{}}
for option, value in given:
    if option == "-chardev":
        kind, identity, place = value.split(",")
        lines[identity.removeprefix("id=")] = place.partition("=")[2]
lines["control"] = "/proc/self/fd/1"
with open(STARTED, "a") as log:
    log.write(accelerator + "\\n")
behaviour = BEHAVIOUR[accelerator]
if behaviour == "abort":
    refuse("failed to initialize kvm: error: failed to set MSR 0x345 to 0x2000")
console, control = open(lines["console"], "wb", 0), open(lines["control"], "wb", 0)
if behaviour == "mute":
    time.sleep(60)
monitor = socket.socket(fileno=int(lines["monitor"]))
version = {{"qemu": {{"major": 7, "minor": 2, "micro": 0}}, "package": ""}}
monitor.sendall(json.dumps({{"QMP": {{"version": version, "capabilities": []}}}}).encode() + b"\\r\\n")
request = json.loads(monitor.recv(65536))  # one message; the client ends it with no newline
assert request["execute"] == "qmp_capabilities"
monitor.sendall(json.dumps({{"return": {{}}, "id": request.get("id")}}).encode() + b"\\r\\n")
if behaviour == "vanish":
    sys.exit(1)
if behaviour == "die":
    time.sleep(0.3)  # the tool has taken in the greeting by then
    console.write(b"[    0.000000] Booting Linux\\r\\n")
    sys.exit(1)
if behaviour == "garbage":
    control.write(b"\\xff\\xfe\\x00 what?\\n")
if behaviour == "answer":
    answer = {{"event": "probe", "t_us": 5, "loops": 1000, "elapsed_us": 100}}
    control.write(json.dumps(answer).encode() + b"\\n")
time.sleep(60)
"""


@dataclass
class FakeQemu:
    """How each accelerator behaves: answer, abort, mute (no monitor either),
    silent, garbage, die, vanish."""

    directory: Path
    program: str
    version_text: str = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\n"
    behaviour: Mapping[str, str] = field(default_factory=lambda: {"kvm": "answer", "tcg": "answer"})

    def install(self) -> None:
        """Write the program, over an earlier one."""
        self.directory.mkdir(exist_ok=True)
        text = SCRIPT.format(
            version_text=self.version_text, behaviour=dict(self.behaviour), started=str(self._started)
        )
        file = self.directory / self.program
        file.write_text(f"#!{sys.executable} -ES\n{text}")
        file.chmod(0o755)

    @property
    def boots(self) -> list[str]:
        """The accelerators of all boots so far."""
        return self._started.read_text().split() if self._started.exists() else []

    @property
    def _started(self) -> Path:
        return self.directory / "started"
