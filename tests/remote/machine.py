# SPDX-License-Identifier: Apache-2.0
"""Another machine, as far as anybody can tell who reaches it by ssh.

It has its own users, homes, temporary directories, processes and network, and the programs of this one.
A real OpenSSH server runs there; what is used here to reach it (keys, known_hosts) is in a home of its own.
"""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.host.process import Completed, run, start
from tests.remote.sshd import Sshd
from tests.remote.wire import Wire

USER = "tester"
_UID = 4242
_START_S = 20.0
_COMMAND_S = 60.0
_ANSWER_S = 2.0
_FULLY_OWN = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_PASSWD = f"""root:x:0:0:root:/root:/bin/bash
sshd:x:105:65534::/run/sshd:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
{USER}:x:{_UID}:{_UID}::/home/{USER}:/bin/bash
"""
_GROUP = f"root:x:0:\ntty:x:5:\nnogroup:x:65534:\n{USER}:x:{_UID}:\n"
_SHADOW = "".join(f"{line.partition(':')[0]}:*:20000:0:99999:7:::\n" for line in _PASSWD.splitlines())
_SERVER = """Port 22
HostKey {keys}/host
AuthorizedKeysFile {keys}/authorized
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class OtherMachine:
    """It runs until the end of its `with` block.

    `root` is what it has of its own, as seen from here; `client_home` is the HOME to reach it from.
    """

    wire: Wire
    root: Path
    client_home: Path

    @property
    def address(self) -> str:
        """`user@address`, as `--host` takes it."""
        return f"{USER}@{self.wire.there}"

    @property
    def home(self) -> Path:
        """The home directory of its user, from here."""
        return self.root / "home"

    @property
    def environment(self) -> dict[str, str]:
        """What a program here needs to know it."""
        return {"HOME": str(self.client_home)}

    def cut(self) -> None:
        """Cut the wire: nothing gets through, and nobody is told."""
        self.wire.cut()

    def mend(self) -> None:
        """Mend the wire."""
        self.wire.mend()

    def ssh(self, *words: str, check: bool = True) -> Completed:
        """A command there, by OpenSSH's own client."""
        config = self.client_home / ".ssh/config"
        argv: list[str | Path] = ["ssh", "-F", config, "-n", self.address, *words]
        return run(argv, deadline=Deadline.after(_COMMAND_S, "ssh"), check=check)

    def forget(self) -> None:
        """Have it be a machine that was never seen from here."""
        self._known_hosts.write_text("")

    def remember(self, key: Path | None = None) -> None:
        """Know it by its key, or by another one."""
        public = (key or self.root / "keys/host").with_suffix(".pub").read_text().split()[:2]
        self._known_hosts.write_text(f"{self.wire.there} {' '.join(public)}\n")

    @property
    def _known_hosts(self) -> Path:
        return self.client_home / ".ssh/known_hosts"


@contextmanager
def other_machine(
    scratch: Path, wire: Wire, sshd: Sshd, shown: Sequence[Path] = ()
) -> Iterator[OtherMachine]:
    """A machine at the other end of a wire. Directories of this one's that it hides are `shown` there.

    `scratch` is an empty directory; the server's log is in it, as `sshd.log`.
    """
    machine = OtherMachine(wire, scratch / "machine", scratch / "here")
    _furnish(machine, sshd)
    _introduce(machine)
    command = ["ip", "netns", "exec", wire.namespace, *_FULLY_OWN, *_inside(machine, sshd, shown)]
    with (scratch / "sshd.log").open("wb") as log, start(command, stdout=log, stderr=log) as server:
        deadline = Deadline.after(_START_S, f"an OpenSSH server: {scratch}/sshd.log")
        while not _answers(wire.there):
            deadline.check()
            if server.poll() is not None:
                raise HostError("the OpenSSH server ended", evidence=[(scratch / "sshd.log").read_text()])
        yield machine


def make_key(path: Path) -> Path:
    """A key pair."""
    argv: list[str | Path] = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path]
    run(argv, deadline=Deadline.after(_START_S, "ssh-keygen"))
    return path


def _furnish(machine: OtherMachine, sshd: Sshd) -> None:
    etc, keys = machine.root / "etc", machine.root / "keys"
    for name in ("etc", "keys", "home", "tmp", "var-tmp"):
        (machine.root / name).mkdir(parents=True)
    machine.root.chmod(0o755)
    for name in ("tmp", "var-tmp"):
        (machine.root / name).chmod(0o1777)
    for name, text in (("passwd", _PASSWD), ("group", _GROUP), ("shadow", _SHADOW)):
        (etc / name).write_text(text)
    shutil.chown(machine.home, _UID, _UID)
    make_key(keys / "host")
    settings = [_SERVER.format(keys="/run/keys").rstrip(), *sshd.settings]
    (keys / "sshd_config").write_text("\n".join([*settings, ""]))


def _introduce(machine: OtherMachine) -> None:
    """A key to come in with, and its key to know it by."""
    ssh = machine.client_home / ".ssh"
    ssh.mkdir(parents=True, mode=0o700)
    key = make_key(ssh / "id_ed25519")
    shutil.copy(key.with_suffix(".pub"), machine.root / "keys/authorized")
    machine.remember()
    (ssh / "config").write_text(
        f"IdentityFile {key}\nIdentitiesOnly yes\nUserKnownHostsFile {ssh}/known_hosts\n"
        "GlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\nBatchMode yes\n"
    )


def _inside(machine: OtherMachine, sshd: Sshd, shown: Sequence[Path]) -> list[str]:
    """The rest of the command, in a network and with processes of its own."""
    root, home = machine.root, f"/home/{USER}"
    own = [("--bind", root / "tmp", "/tmp"), ("--bind", root / "var-tmp", "/var/tmp"),
           ("--bind", machine.home, home), ("--ro-bind", root / "keys", "/run/keys"),
           *(("--ro-bind", root / "etc" / name, f"/etc/{name}") for name in ("passwd", "group", "shadow")),
           *(("--ro-bind", path, path) for path in (sshd.program.parents[2], *shown))]  # fmt: skip
    libraries = ("--setenv", "LD_LIBRARY_PATH", str(sshd.libraries)) if sshd.libraries else ()
    return [
        "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--dev-bind", "/proc", "/proc",
        *(word for place in ("/dev/shm", "/run", "/home", "/root") for word in ("--tmpfs", place)),
        "--dir", "/run/sshd", *_ways_to(shown), *(str(word) for triple in own for word in triple),
        "--die-with-parent", "--cap-add", "ALL", "--clearenv", *libraries, "--chdir", "/",
        "--", str(sshd.program), "-D", "-e", "-f", "/run/keys/sshd_config",
    ]  # fmt: skip


def _ways_to(places: Sequence[Path]) -> list[str]:
    """Have everybody get there: bwrap closes the directories that it makes on the way."""
    ways = dict.fromkeys(way for place in places for way in reversed(place.parents) if way != Path("/"))
    return [word for way in ways for word in ("--perms", "0755", "--dir", str(way))]


def program_places(checkout: Path) -> list[Path]:
    """Where this program and its Python are, for `shown`: usually in a home or below /tmp."""
    return [path for path in (checkout, Path(sys.prefix), Path(sys.base_prefix)) if path != Path("/usr")]


def _answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=_ANSWER_S) as line:
            return line.recv(4) == b"SSH-"
    except OSError:
        return False
