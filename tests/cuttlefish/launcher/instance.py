# SPDX-License-Identifier: Apache-2.0
"""One device: what start hands to run, and the files by which start, stop and status know of it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

FIRST_ADB_PORT = 6520
CONFIG_FILE = "cuttlefish_config.json"

BOOTED, FAILED = 0, 11
"""What run tells start: exit codes of the real `run_cvd`."""


@dataclass(frozen=True)
class Instance:
    """All that a device is started from. `root`: initramfs archives, one after the other."""

    number: int
    home: str
    kernel: str
    root: tuple[str, ...]
    command_line: str
    cpus: int
    memory_mb: int
    personality: tuple[str, ...]
    boot_timeout_s: float | None

    @property
    def directory(self) -> Path:
        """Where its logs and its other files are."""
        return instance_directory(Path(self.home), self.number)

    @property
    def adb_port(self) -> int:
        """The TCP port of its adb on this host."""
        return FIRST_ADB_PORT + self.number - 1

    @property
    def personality_name(self) -> str:
        """What is to go wrong; "" for nothing."""
        return self.personality[0] if self.personality else ""

    def write(self) -> Path:
        """Keep it in its directory; the file."""
        file = self.directory / "internal" / "instance.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1))
        return file

    @classmethod
    def read(cls, file: Path) -> Self:
        """The one that was written."""
        said = json.loads(file.read_text())
        return cls(**{**said, "root": tuple(said["root"]), "personality": tuple(said["personality"])})


def instance_directory(home: Path, number: int) -> Path:
    """The directory of an instance in its group's home."""
    return home / "cuttlefish" / "instances" / f"cvd-{number}"


def config_file() -> Path:
    """The configuration of the group that cvd means, by what it has put into the environment."""
    named = os.environ.get("CUTTLEFISH_CONFIG_FILE")
    return Path(named or Path(os.environ["HOME"], "cuttlefish_assembly", CONFIG_FILE))


def lay_out(instance: Instance) -> None:
    """Directories, links and the configuration, as the real `assemble_cvd` leaves them."""
    home, directory = Path(instance.home), instance.directory
    assembly = home / "cuttlefish" / "assembly"
    for path in (directory / "logs", directory / "internal", assembly):
        path.mkdir(parents=True, exist_ok=True)
    for name in ("kernel.log", "launcher.log", "logcat"):
        (directory / "logs" / name).write_bytes(b"")
        _link(directory / name, Path("logs") / name)
    config = {
        "root_dir": str(home / "cuttlefish"),
        "instance_names": [f"cvd-{instance.number}"],
        "instances": {
            str(instance.number): {
                "adb_host_port": instance.adb_port,
                "adb_ip_and_port": f"0.0.0.0:{instance.adb_port}",
                "instance_dir": str(directory),
                "webrtc_device_id": f"cvd-{instance.number}",
            }
        },
    }
    (assembly / CONFIG_FILE).write_text(json.dumps(config, indent=1))
    _link(home / "cuttlefish_assembly", assembly)
    _link(home / f"cuttlefish_runtime.{instance.number}", directory)
    _link(home / "cuttlefish_runtime", directory)
    _link(home / ".cuttlefish_config.json", assembly / CONFIG_FILE)


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _lock_file(directory: Path) -> Path:
    return directory / "internal" / "run.lock"


@contextmanager
def running(instance: Instance) -> Iterator[None]:
    """Held by the process of a device for its life; its pid is in the file."""
    with _lock_file(instance.directory).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(str(os.getpid()))
        file.flush()
        yield


def pid_of(directory: Path) -> int:
    """The process of the device of this directory, 0 when there is none."""
    try:
        with _lock_file(directory).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0)
    except OSError:
        pass
    return 0
