# SPDX-License-Identifier: Apache-2.0
"""A minimal Debian of any release, made from this host's archive, in which a checkout can be tried.

It is entered with bubblewrap, for in a bare chroot the kernel gives nobody a user namespace.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.host.process import Completed, run
from orchestrator.host.scratch import memory_parent, scratch_directory
from orchestrator.kernels.debian.sources import KEYRING, Archive, read_archives
from orchestrator.paths import cache_dir
from tests.unit.project import tree

_SERVICE = "/srv"
CHECKOUT = f"{_SERVICE}/oomlab"  # in pieces: the repository, tried there, names no place of its machine
CACHE = f"{_SERVICE}/cache"

_HOST_BYTES = 4 << 30
_MAKE_S = 900.0
_COMMAND_S = 1500.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FULLY_OWN = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_NAMES = ("/etc/resolv.conf", "/etc/hosts")
_DOWNLOADED = ("bases", "store/kernel", "store/busybox", "store/headers", "store/source")
_DPKG_OPTIONS = ("force-unsafe-io", "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*",
                 "path-exclude=/usr/share/doc/*")  # fmt: skip
_CERTIFICATES = "/srv/certificates"
_NETWORK_VARIABLES = ("http_proxy", "https_proxy", "no_proxy")
_PIP_SETTINGS = {"index-url", "trusted-host", "proxy", "cert", "timeout", "default-timeout"}


def why_not() -> str:
    """Why no such host can be made here, "" when it can."""
    if os.geteuid() != 0:
        return "making one takes root"
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap is not installed"
    if not any(archive.uri.startswith("http") for archive in _archives()):
        return "the archive of this host is a place in its own files"
    return ""


@dataclass(frozen=True)
class MinimalHost:
    """A root directory with Debian's essential packages and apt, and the checkout in it."""

    root: Path

    def __call__(self, *argv: str, uid: int = 0, **environment: str) -> Completed:
        """Run a command in the checkout, as this user, with a cache that is this host's own."""
        settings = {"HOME": "/root", "PATH": _PATH, "CI": "true", "OOMLAB_CACHE": CACHE}
        settings |= _network() | environment
        bound = [("--ro-bind-try", path, path) for path in _NAMES]
        if certificates := settings.get("PIP_CERT"):
            # Not in their own place, which the host's package of certificates writes to.
            bound.append(("--ro-bind", certificates, _CERTIFICATES))
            settings["PIP_CERT"] = _CERTIFICATES
        words = [word for name, text in settings.items() for word in ("--setenv", name, text)]
        files = [word for triple in bound for word in triple]
        command = [
            *_FULLY_OWN, "bwrap", "--bind", str(self.root), "/", "--dev", "/dev",
            "--dev-bind", "/proc", "/proc", "--ro-bind", "/sys", "/sys", *files, "--die-with-parent",
            "--cap-add", "ALL", "--clearenv", *words, "--chdir", CHECKOUT, "--",
            "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *argv,
        ]  # fmt: skip
        return run(command, deadline=Deadline.after(_COMMAND_S, f"{argv[0]} in {self.root}"), check=False)

    def has(self, path: str) -> bool:
        """Whether a path is there, links within it not followed."""
        return os.path.lexists(self.root / path.lstrip("/"))


@contextmanager
def host_directory(otherwise: Path) -> Iterator[Path]:
    """A directory to make a host in: in memory, which is much sooner, if programs may run there."""
    parent = memory_parent(_HOST_BYTES)
    usable = parent is not None and not os.statvfs(parent).f_flag & (
        os.ST_NOEXEC | os.ST_NODEV | os.ST_NOSUID
    )
    with scratch_directory(parent if usable and parent is not None else otherwise) as directory:
        yield directory


def make_host(root: Path, release: str, checkout: Path) -> MinimalHost:
    """A minimal host: `main` of one suite, no package lists, what is not essential missing."""
    options = [word for line in _apt_settings() for word in ("--aptopt", line)]
    # It lives for one test, which reads no manual: a third of the time.
    options += [f"--dpkgopt={option}" for option in _DPKG_OPTIONS]
    archives = [archive for archive in _archives() if archive.uri.startswith("http")]
    wants_tls = any(archive.uri.startswith("https") for archive in archives)
    run(
        [
            "mmdebstrap", "--variant=apt", "--mode=root", "--quiet", f"--keyring={KEYRING}", *options,
            *(["--include=ca-certificates"] if wants_tls else []),
            release, root, *(_line(archive, release) for archive in archives),
        ],
        deadline=Deadline.after(_MAKE_S, f"a minimal {release}"),
        env=_network(),
    )  # fmt: skip
    _place(checkout, root / CHECKOUT.lstrip("/"), tree.files(checkout), shutil.copy)
    # What was downloaded before need not be again; it is built here by this host's own compilers.
    downloads = [path for kind in _DOWNLOADED for path in cache_dir().glob(f"{kind}/**/*") if path.is_file()]
    _place(cache_dir(), root / CACHE.lstrip("/"), downloads, _link)
    return MinimalHost(root)


def _place(source: Path, target: Path, files: list[Path], put: Callable[[Path, Path], object]) -> None:
    target.mkdir()
    for path in files:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        put(path, copy)


def _link(path: Path, target: Path) -> None:
    try:
        target.hardlink_to(path)
    except OSError:  # another file system
        shutil.copy(path, target)


def _archives() -> list[Archive]:
    return [archive for archive in read_archives() if "" in archive.pockets]


def _line(archive: Archive, release: str) -> str:
    options = " ".join(f"{name}={text}" for name, text in archive.options)
    return f"deb {f'[{options}] ' if options else ''}{archive.uri} {release} main"


def _apt_settings() -> list[str]:
    """How this host's apt reaches and checks archives."""
    done = run(["apt-config", "dump"], deadline=Deadline.after(60, "apt-config"))
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")
    return [
        line for line in done.stdout.decode().splitlines() if line.startswith(wanted) and '""' not in line
    ]


def _network() -> dict[str, str]:
    """Proxies, and where this machine's pip finds its index."""
    settings = {name: os.environ[name] for name in _NETWORK_VARIABLES if name in os.environ}
    done = run(
        [sys.executable, "-m", "pip", "config", "list"], deadline=Deadline.after(60, "pip"), check=False
    )
    for line in done.stdout.decode().splitlines():
        name, _, text = line.partition("=")
        key = name.rpartition(".")[2]
        if key in _PIP_SETTINGS and name.startswith(("global.", "install.", ":env:.")):
            settings[f"PIP_{key.replace('-', '_').upper()}"] = text.strip("'")
    return settings
