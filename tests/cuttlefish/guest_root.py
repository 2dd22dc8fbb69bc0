# SPDX-License-Identifier: Apache-2.0
"""The device's root: Debian's adbd and busybox, laid out as on Android, and what busybox's init starts."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from orchestrator.kernels.initramfs import CPIO

SHELL_PORT, ROOT_PORT = 5555, 5556
"""Where adbd listens in the guest: as the shell's user, and as root. Android's is restarted as the other."""

_DIRECTORIES = ("dev", "proc", "sys", "tmp", "etc", "root", "lab", "run", "system/bin", "data", "metadata")
_UNUSED = ("*/gconv", "*/engines-3", "*/audit", "usr/lib/systemd", "usr/lib/modules-load.d")
_PACK_S = 120.0

_INITTAB = """::sysinit:/lab/boot
::respawn:/lab/words
"""

_BOOT = f"""#!/lab/busybox sh
# Mounts, network, adbd twice, and the markers by which Android's init tells how far it is.
export PATH=/system/bin:/lab HOME=/data TMPDIR=/data/local/tmp
/lab/busybox --install -s /system/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/binderfs
mount -t devpts -o mode=600 pts /dev/pts
mount -t tmpfs -o mode=771 data /data
mkdir -p /data/local/tmp /data/misc/adb
chown -R 2000:2000 /data/local && chmod 771 /data/local/tmp
echo -1000 >/proc/self/oom_score_adj
say() {{ echo "$*" >/dev/kmsg; }}
told() {{ case " $(cat /proc/cmdline) " in *" lab.personality=$1 "*) return 0 ;; esac; return 1; }}
say "init: init first stage started!"
say VIRTUAL_DEVICE_BOOT_STARTED
if mount -t binder binder /dev/binderfs 2>/dev/null; then
    for device in /dev/binderfs/*binder; do
        chmod 666 "$device"
        ln -s "$device" "/dev/${{device##*/}}"
    done
fi
! told boot-failed || say "VIRTUAL_DEVICE_BOOT_FAILED: the lab was told so"
! told boot-failed || sleep 1000000
! told boot-hangs || sleep 1000000
! told reboot-loop || reboot -f
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
say "init: starting service 'adbd'..."
ADBD_PORT={SHELL_PORT} su -s /system/bin/sh shell -c 'exec /system/bin/adbd' >/dev/null 2>&1 &
ADBD_PORT={ROOT_PORT} /system/bin/adbd >/dev/null 2>&1 &
for port in {SHELL_PORT:X} {ROOT_PORT:X}; do
    until grep -q ":$port .* 0A " /proc/net/tcp6; do sleep 0.05; done
done
echo 1 >/lab/boot_completed
say "GUEST_BUILD_FINGERPRINT: oomlab/lab/lab:0/debian/0:userdebug/test-keys"
say VIRTUAL_DEVICE_BOOT_COMPLETED
"""

_WORDS = """#!/lab/busybox sh
# What the launcher asks for comes over a console of its own. Nothing here needs memory once it waits.
echo -1000 >/proc/self/oom_score_adj
exec 3</dev/hvc0
while read -r word <&3; do
    case $word in
        reboot) echo b >/proc/sysrq-trigger ;;
        panic) echo c >/proc/sysrq-trigger ;;
    esac
done
"""

_GETPROP = """#!/system/bin/sh
case $1 in
    sys.boot_completed) cat /lab/boot_completed 2>/dev/null || echo ;;
    ro.build.type) echo userdebug ;;
    ro.product.model) echo "oomlab's lab" ;;
    *) echo ;;
esac
"""

_PASSWD = "root:x:0:0::/data:/system/bin/sh\nshell:x:2000:2000::/data:/system/bin/sh\n"
_GROUP = "root:x:0:\nshell:x:2000:\n"


def pack_root(guest_tar: Path, scratch: Path, archive: Path) -> None:
    """The initramfs out of the unpacked packages; `scratch` is an empty directory."""
    deadline = Deadline.after(_PACK_S, "packing the device's root")
    root = scratch / "root"
    root.mkdir()
    unused = [f"--exclude={pattern}" for pattern in _UNUSED]
    run(["tar", "--extract", "--file", guest_tar, "--directory", root, *unused], deadline=deadline)
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    busybox = next(path for path in (root / "bin/busybox", root / "usr/bin/busybox") if path.is_file())
    busybox.rename(root / "lab/busybox")
    (root / "usr/lib/android-sdk/platform-tools/adbd").rename(root / "system/bin/adbd")
    _link_shell(root)
    (root / "init").symlink_to("/lab/busybox")
    _write(root / "lab/boot", _BOOT, 0o755)
    _write(root / "lab/words", _WORDS, 0o755)
    _write(root / "etc/inittab", _INITTAB, 0o644)
    _write(root / "system/bin/getprop", _GETPROP, 0o755)
    _write(root / "etc/passwd", _PASSWD, 0o644)
    _write(root / "etc/group", _GROUP, 0o644)
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    for name in names:
        os.utime(root / name, (0, 0), follow_symlinks=False)
    packed = run(CPIO, cwd=root, input_bytes="\0".join(names).encode(), deadline=deadline).stdout
    archive.write_bytes(packed)


def _link_shell(root: Path) -> None:
    """`/bin` and the loader's `/lib` are links on both systems; what adbd starts is `/bin/sh`."""
    for name, target in (("bin", "system/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib")):
        path = root / name
        if path.is_dir() and not path.is_symlink():
            for child in path.iterdir():
                child.rename(root / target / child.name)
            path.rmdir()
        if not path.is_symlink():
            path.symlink_to(target)


def _write(path: Path, text: str, mode: int) -> None:
    path.write_text(text)
    path.chmod(mode)
