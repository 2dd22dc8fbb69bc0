# SPDX-License-Identifier: Apache-2.0
"""Runs inside the sandbox, as a patch's Makefile could, and tells as JSON what it got hold of.

Nothing of this project is to be had there: the standard library of the host's Python is all. It
opens for writing and writes nothing: where the sandbox leaks, the host stays as it is.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import sys
import termios
from collections.abc import Callable

KEYCTL = {"x86_64": 250, "aarch64": 219}[os.uname().machine]
libc = ctypes.CDLL(None, use_errno=True)


def worked(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, ValueError):
        return False
    return True


def opens(path: str, flags: int) -> bool:
    return worked(lambda: os.close(os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)))


def lists(path: str) -> bool:
    return worked(lambda: os.listdir(path))  # noqa: PTH208


def all_files(root: str) -> list[str]:
    return [os.path.join(place, name) for place, _, names in os.walk(root) for name in names]  # noqa: PTH118


def writable(roots: list[str]) -> list[str]:
    """Files that open for writing. Its own terminals, memory and pipes are nobody else's."""
    return [path for root in roots for path in all_files(root) if opens(path, os.O_WRONLY)]


def foreign_pids() -> list[int]:
    """Processes that can be signalled and are not in this sandbox (its own pids are the first few)."""
    return [
        pid for pid in (*range(1000, 70_000, 7), os.getppid()) if pid > 1 and signals(pid) and pid >= 1000
    ]


def signals(pid: int) -> bool:
    return worked(lambda: os.kill(pid, 0))


def abstract_socket(name: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + name)


def push_back_input() -> None:
    with open("/dev/tty", "rb", buffering=0) as terminal:  # noqa: PTH123
        fcntl.ioctl(terminal, termios.TIOCSTI, b"x")


def keys() -> list[str]:
    """Descriptions of keys in the session keyring: of the caller's, were it shared."""
    size = 1 << 12
    found = (ctypes.c_int32 * size)()
    length = libc.syscall(KEYCTL, 11, -3, found, 4 * size)  # KEYCTL_READ, KEY_SPEC_SESSION_KEYRING
    names = []
    for key in list(found)[: max(0, length) // 4]:
        text = ctypes.create_string_buffer(size)
        if libc.syscall(KEYCTL, 6, key, text, size) > 0:  # KEYCTL_DESCRIBE
            names.append(text.value.decode(errors="replace"))
    return names


def descriptors() -> dict[str, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            found[name] = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
    return {name: target for name, target in found.items() if not target.startswith("/proc/")}


def environment_of_first() -> list[str]:
    with open("/proc/1/environ", "rb") as file:  # noqa: PTH123
        return [word.decode().partition("=")[0] for word in file.read().split(b"\0") if word]


def status(pid: str) -> dict[str, str]:
    with open(f"/proc/{pid}/status") as file:  # noqa: PTH123
        rows = (line.partition(":") for line in file)
        return {name: value.strip() for name, _, value in rows}


def new_namespace() -> None:
    clone_newuser = 0x10000000
    if libc.unshare(clone_newuser) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def mount() -> None:
    if libc.mount(b"proc", b"/tmp", b"proc", 0, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")


def raw_packets() -> None:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


def make_device() -> None:
    os.mknod("/tmp/memory", 0o600 | 0o020000, os.makedev(1, 1))
    os.close(os.open("/tmp/memory", os.O_RDONLY))


def main(secrets: list[str], abstract: str) -> dict[str, object]:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    return {
        "writable": writable(["/proc/sys", "/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/1"]),
        "opened": [path for path in secrets if opens(path, os.O_RDONLY) or opens(path, os.O_WRONLY)],
        "listed": [path for path in secrets if lists(path)],
        "devices": sorted(path for path in all_files("/dev") if opens(path, os.O_RDWR)),
        "signalled": foreign_pids(),
        "abstract": worked(lambda: abstract_socket(abstract)),
        "tiocsti": worked(push_back_input),
        "keys": keys(),
        "descriptors": descriptors(),
        "environment": environment_of_first(),
        "status": status("self"),
        "first_status": status("1"),
        "interfaces": [name for _, name in socket.if_nameindex()],
        "namespace": worked(new_namespace),
        "mount": worked(mount),
        "packets": worked(raw_packets),
        "device": worked(make_device),
    }


if __name__ == "__main__":
    json.dump(main(sys.argv[2:], sys.argv[1]), sys.stdout)
