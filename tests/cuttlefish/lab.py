# SPDX-License-Identifier: Apache-2.0
"""A directory in which the real `cvd` and `adb` start devices: QEMU guests with the real adbd.

`python -m tests.cuttlefish.lab DIR` makes one for a person, and prints what to export. Real are cvd, adb,
adbd, the list of flags (assemble_cvd's) and extract-ikconfig. Google's launcher is stood in for by three
small scripts (`tests/cuttlefish/launcher/`), and its images by four files with a root of Debian's programs.
"""

from __future__ import annotations

import grp
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.host.process import run
from orchestrator.host.programs import install_hint
from orchestrator.kernels.cache import Cache
from orchestrator.paths import cache_dir
from tests.cuttlefish.guest_root import pack_root
from tests.cuttlefish.launcher.start import IMAGES, PERSONALITY, RAMDISK
from tests.cuttlefish.packages import Programs, Progress, fetch_programs

CHECKOUT = Path(__file__).resolve().parents[2]
GROUPS = ("cvdnetwork", "kvm", "render")
PROGRAMS = (
    "patchelf",
    "unshare",
    "mount",
    "qemu-system-aarch64",
    "cpio",
    "tar",
    "setsid",
    "apt-get",
)

REAL_TOOLS = ("assemble_cvd", "run_cvd", "extract-ikconfig")
"""Of a host package, beside the launcher."""

_TOOLS = "usr/lib/cuttlefish-common/bin"
_ADB = "usr/lib/android-sdk/platform-tools/adb"
_STATE = Path("/var/tmp")
_CONTAINERS_MARK = "/.dockerenv"
_GATHER_ROOT = """mount --bind "$root" "$root" &&
for place in "$root"/*; do
    [ -L "$place" ] || mount --rbind "/${place##*/}" "$place" || exit
done
"""
_ENTER_ROOT = """here=$PWD
cd "$root" && PATH=$PATH:/usr/sbin:/sbin pivot_root . . && umount --lazy . && cd "$here" || exit
"""
"""A root by pivot_root, for in a mere chroot nobody can enter a sandbox (namespaces(7))."""
_GROUP_WITHIN = 0
"""Everybody is root in mounts of their own, those who are not root outside as well."""
_NOBODYS_GROUP = 64999
_LAY_OUT_S = 300.0
_ELF = b"\x7fELF"


@dataclass(frozen=True)
class Lab:
    """One lab. `version` is that of `cuttlefish-base`; it has a database of devices of its own."""

    directory: Path
    version: str

    @property
    def cvd(self) -> Path:
        """The program to call."""
        return self.directory / "bin" / "cvd"

    @property
    def adb(self) -> Path:
        """The program to call."""
        return self.directory / "bin" / "adb"

    @property
    def entrance(self) -> Path:
        """Starts a command in the lab's machine. cvd enters by itself; what reads its files has to."""
        return self.directory / "bin" / "in-lab"

    @property
    def host(self) -> Path:
        """For `--host_path`."""
        return self.directory / "host"

    @property
    def product(self) -> Path:
        """For `--product_path`."""
        return self.directory / "product"

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes this lab the machine's Cuttlefish."""
        return {
            "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
            "ANDROID_HOST_OUT": str(self.host),
            "ANDROID_PRODUCT_OUT": str(self.product),
        }

    def personality(self, *words: str) -> None:
        """What is to go wrong with devices that start from now on; nothing without words.

        From the boot on: boot-failed, boot-hangs, reboot-loop, unauthorized, production (no root). Once the
        console has the text of a second word: panic, frozen, dies, adb-drops, lmkd.
        """
        (self.product / PERSONALITY).write_text(f"{shlex.join(words)}\n")

    def join_groups(self, joined: bool = True) -> None:
        """Be in the groups that cvd looks for, or in none of them."""
        own = _GROUP_WITHIN if joined else _NOBODYS_GROUP
        lines = [
            f"{group.gr_name}:x:{group.gr_gid}:" for group in grp.getgrall() if group.gr_name not in GROUPS
        ]
        lines += [f"{name}:x:{own}:" for name in GROUPS]
        (self.directory / "etc" / "group").write_text("\n".join([*lines, ""]))


def why_not() -> str:
    """Why no lab can be made here, "" when it can. Whether its packages can be had, only fetching tells."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed ({install_hint(*missing) or 'by Debian packages'})"
    done = run(
        [*_own_mounts(), "mount", "--bind", "/tmp", "/tmp"],
        deadline=Deadline.after(_LAY_OUT_S, "mounts of its own"),
        check=False,
    )
    if done.returncode != 0:
        return f"no mounts of its own: {done.stderr.decode(errors='replace').strip()}"
    return ""


def lay_out(directory: Path, programs: Programs) -> Lab:
    """The lab in a new directory. Raises HostError."""
    directory = directory.absolute()
    if directory.is_relative_to(_STATE):
        raise HostError(f"a lab cannot be below {_STATE}: that is where cvd has its own of it")
    for name in ("bin", "etc", "host/bin", "product", "state/cvd", "tools"):
        (directory / name).mkdir(parents=True)
    (directory / "state").chmod(0o1777)
    lab = Lab(directory, programs.chosen.version("cuttlefish-base"))
    _unpack(directory / "tools", programs.host_tar)
    lab.join_groups()
    (directory / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    _write_entrance(lab)
    lab.adb.symlink_to(directory / "tools" / _ADB)
    for name in ("start", "stop", "status"):
        _write_script(lab, name)
    for name in REAL_TOOLS:
        (lab.host / "bin" / name).symlink_to(directory / "tools" / _TOOLS / name)
    for name in IMAGES:
        (lab.product / name).touch()
    with Cache(cache_dir()).scratch() as scratch:
        pack_root(programs.guest_tar, scratch, lab.product / RAMDISK)
    return lab


def _unpack(tools: Path, archive: Path) -> None:
    """Programs that are linked with what is beside them, and start with its loader."""
    deadline = Deadline.after(_LAY_OUT_S, "laying out cvd and adb")
    run(["tar", "--extract", "--file", archive, "--directory", tools, "--no-same-owner"], deadline=deadline)
    (loader,) = {*tools.glob("usr/lib/*/ld-linux-*.so.*")}
    path = f"{loader.parent}:{loader.parent / 'android'}"
    libraries = [file for file in (loader.parent / "android").iterdir() if _is_elf(file)]
    starting = [file for file in (*(tools / _TOOLS).iterdir(), tools / _ADB) if _is_elf(file)]
    run(["patchelf", "--force-rpath", "--set-rpath", path, *libraries], deadline=deadline)
    run(
        ["patchelf", "--set-interpreter", loader, "--force-rpath", "--set-rpath", path, *starting],
        deadline=deadline,
    )


def _is_elf(file: Path) -> bool:
    if file.is_symlink() or not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(_ELF)) == _ELF


def _own_mounts() -> Sequence[str]:
    """A mount namespace with no process between: signals to `cvd` reach the real one, which bwrap keeps."""
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    return ("unshare", *user, "--mount", "--propagation", "private")


def _write_entrance(lab: Lab) -> None:
    """A way into a machine that differs in cvd's database and locks, and in who is in which group, only.

    And in that it is no container: cvd looks for a mark of one, and then at no groups.
    """
    root = lab.directory / "root" if Path(_CONTAINERS_MARK).exists() else None
    gather, enter = (_GATHER_ROOT, _ENTER_ROOT) if root is not None else ("", "")
    if root is not None:
        _lay_out_root(root)
    _write_program(
        lab.entrance,
        f"""exec {shlex.join(_own_mounts())} sh -c '
lab=$1
root=$2
shift 2
{gather}mount --bind "$lab/state" "$root{_STATE}" &&
mount --bind "$lab/etc/group" "$root/etc/group" &&
mount --bind "$lab/etc/passwd" "$root/etc/passwd" || exit
{enter}exec "$@"' {shlex.join(["in-lab", str(lab.directory), str(root or "")])} "$@"
""",
    )
    real = lab.directory / "tools" / _TOOLS / "cvd"
    _write_program(lab.cvd, f'exec {shlex.join([str(lab.entrance), str(real)])} "$@"\n')


def _lay_out_root(root: Path) -> None:
    """Places for all that is in the root directory but its files: no program needs those."""
    root.mkdir()
    for entry in os.scandir("/"):
        if entry.is_symlink():
            (root / entry.name).symlink_to(Path(entry).readlink())
        elif entry.is_dir():
            (root / entry.name).mkdir()


def _write_script(lab: Lab, name: str) -> None:
    module = f"tests.cuttlefish.launcher.{name}"
    command = [sys.executable, "-P", "-m", module, str(lab.directory / "tools" / _TOOLS)]
    _write_program(
        lab.host / "bin" / f"cvd_internal_{name}",
        f'PYTHONPATH={shlex.quote(str(CHECKOUT))} exec {shlex.join(command)} "$@"\n',
    )


def _write_program(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}")
    file.chmod(0o755)


def make_lab(directory: Path, progress: Progress) -> Lab:
    """The lab in a new directory, its programs out of the cache or downloaded. Raises HostError."""
    if reason := why_not():
        raise HostError(f"no lab of Cuttlefish can be made here: {reason}")
    cache = Cache(cache_dir())
    return lay_out(directory, fetch_programs(cache, progress))


def main(directory: Path) -> int:
    """For a person: the lab, and what to export to use it."""
    try:
        lab = make_lab(directory, lambda text: print(text, file=sys.stderr))
    except HostError as error:
        print(error.message, *error.evidence, error.hint, sep="\n", file=sys.stderr)
        return 3
    print(f"# cvd {lab.version} (Debian's), a launcher of this project, QEMU, Debian's adbd", file=sys.stderr)
    print(f"# what looks at cvd's database or at groups: {lab.entrance} COMMAND...", file=sys.stderr)
    for name, value in lab.environment.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
