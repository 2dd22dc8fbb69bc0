# SPDX-License-Identifier: Apache-2.0
"""apt with a state directory of its own: foreign packages without touching the host's package state.

Where the archive is comes from the host's own configuration; only the suites are rewritten, because the
kernels that serve as bases all live in one release (see `bases`).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import CommandFailed, HostError
from orchestrator.kernels.manifest import Package
from orchestrator.process import find_program, run
from orchestrator.programs import install_hint

SUITE = "bookworm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
INDEX_MAX_AGE_S = 12 * 3600.0

_UPDATE_S = 300.0
_DOWNLOAD_S = 1800.0
_QUERY_S = 60.0
_NO_DEBIAN_HINT = "oomlab takes its kernels from a Debian host's archive; elsewhere use the Vagrantfile"
_INDEX_FORMAT = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"
_SUITE_NAMES = (
    "stable", "oldstable", "oldoldstable", "testing", "unstable", "sid",
    "bookworm", "trixie", "forky", "duke",
)  # fmt: skip
_FULL_DISK = "No space left on device"


class ArchiveMovedOn(HostError):
    """The index names a package that the archive no longer has: the index is stale."""


@dataclass(frozen=True)
class Source:
    """One suite of an archive."""

    uri: str
    suite: str


@dataclass(frozen=True)
class IndexRecord:
    """What the index says about one version of one package."""

    package: Package
    depends: str


def debian_sources(index_targets: str) -> list[Source]:
    """The suites to use, from the lines `URI RELEASE COMPONENT ORIGIN` of `apt-get indextargets`.

    Archives of others and components other than main are left out. Before a host's first
    `apt-get update` the origin is not known: then the names have to do, and a foreign archive
    would be refused later for its signature.
    """
    sources: list[Source] = []
    for line in index_targets.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[2] != "main" or fields[0].startswith("cdrom:"):
            continue
        uri, release, _, origin = fields[:4]
        name, _, pocket = release.partition("-")
        known_origin = not origin.startswith("$")
        if name not in _SUITE_NAMES or pocket not in ("", "updates", "security"):
            continue
        if origin != "Debian" if known_origin else not re.search(r"/debian(-security)?/?$", uri):
            continue
        source = Source(uri, f"{SUITE}-{pocket}" if pocket else SUITE)
        if source not in sources:
            sources.append(source)
    return sources


def sources_text(sources: Iterable[Source]) -> str:
    """The deb822 sources file. Only package lists are wanted: no translations, no contents."""
    return "\n".join(
        f"Types: deb\nURIs: {source.uri}\nSuites: {source.suite}\nComponents: main\n"
        f"Targets: Packages\nSigned-By: {KEYRING}\n"
        for source in sources
    )


def config_text(root: Path, architectures: Sequence[str], *, as_root: bool) -> str:
    """The apt configuration of a private state directory.

    Read after the host's own (`-c`): its proxy settings stay in force, its hooks and pins do not.
    As root apt would change to a user that may not enter the cache, hence the sandbox user.
    """
    lines = [
        f'Dir::State "{root}/state";',
        f'Dir::State::status "{root}/state/status";',
        f'Dir::State::lists "{root}/state/lists";',
        f'Dir::Cache "{root}/cache";',
        'Dir::Cache::pkgcache "pkgcache.bin";',
        'Dir::Cache::srcpkgcache "";',
        f'Dir::Etc::sourcelist "{root}/debian.sources";',
        'Dir::Etc::sourceparts "/dev/null";',
        'Dir::Etc::preferences "/dev/null";',
        'Dir::Etc::preferencesparts "/dev/null";',
        "#clear APT::Update::Pre-Invoke;",
        "#clear APT::Update::Post-Invoke;",
        "#clear APT::Update::Post-Invoke-Success;",
        "#clear DPkg::Post-Invoke;",
        f'APT::Architecture "{architectures[0]}";',
        "#clear APT::Architectures;",
        *(f'APT::Architectures:: "{name}";' for name in architectures),
        'Acquire::Languages "none";',
        'Acquire::Retries "3";',
        "#clear APT::Default-Release;",
    ]
    if as_root:
        lines.append('APT::Sandbox::User "root";')
    return "\n".join(lines) + "\n"


def parse_index(text: str) -> list[IndexRecord]:
    """The records that `apt-cache show` prints, in its order (the newest version of a package first)."""
    records = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", stanza, re.MULTILINE))
        if not {"Package", "Version", "Architecture", "SHA256", "Size"} <= fields.keys():
            continue
        package = Package(
            name=fields["Package"],
            version=fields["Version"],
            architecture=fields["Architecture"],
            sha256=fields["SHA256"],
            size_bytes=int(fields["Size"]),
        )
        records.append(IndexRecord(package, fields.get("Depends", "")))
    return records


class Apt:
    """A private apt below `root` for packages of `architectures`, the guest's first."""

    def __init__(self, root: Path, architectures: Sequence[str]) -> None:
        self.root = root
        self.architectures = tuple(architectures)
        self.config = root / "apt.conf"

    def command(self, program: str, *arguments: str) -> list[str]:
        """The argument list of an apt program that works on this state."""
        return [program, "-c", str(self.config), *arguments]

    def update(self, *, max_age_s: float = INDEX_MAX_AGE_S) -> bool:
        """Fetch the package index unless it is younger than `max_age_s`; True when it was fetched.

        Raises HostError when the host is not Debian or the archive cannot be reached.
        """
        stamp = self.root / "updated"
        if stamp.exists() and time.time() - stamp.stat().st_mtime < max_age_s and self.config.exists():
            return False
        self._lay_out()
        try:
            run(
                self.command("apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update"),
                deadline=Deadline.after(_UPDATE_S, "the package index"),
            )
        except CommandFailed as error:
            raise _archive_error("the package index could not be fetched", error) from error
        stamp.touch()
        return True

    def show(self, names: Sequence[str]) -> list[IndexRecord]:
        """All versions of packages (`NAME` or `NAME:ARCH`); missing ones are left out."""
        done = run(
            self.command("apt-cache", "--quiet=0", "show", *names),
            deadline=Deadline.after(_QUERY_S, "a look into the package index"),
            check=False,
        )
        return parse_index(done.stdout.decode(errors="replace"))

    def download(self, packages: Sequence[Package], directory: Path) -> None:
        """Download packages, verified by apt against the signed index, into `directory`.

        Raises ArchiveMovedOn when the archive has no such version any more.
        """
        try:
            run(
                self.download_command(packages),
                cwd=directory,
                deadline=Deadline.after(_DOWNLOAD_S, "the download of kernel packages"),
            )
        except CommandFailed as error:
            if re.search(r"\b404\b|was not found|Unable to (find|locate)|Can't find", error.output_tail):
                raise ArchiveMovedOn(
                    "the archive no longer has a package", evidence=[error.output_tail]
                ) from error
            raise _archive_error("a package could not be downloaded", error) from error

    def download_command(self, packages: Sequence[Package]) -> list[str]:
        """The command that downloads exactly these versions into its working directory."""
        return self.command("apt-get", "-qq", "download", *(apt_name(package) for package in packages))

    def _lay_out(self) -> None:
        find_program("apt-get", hint=_NO_DEBIAN_HINT)
        if not KEYRING.exists():
            raise HostError(f"{KEYRING} is missing", hint=install_hint("the Debian archive's keyring"))
        for name in ("state/lists/partial", "cache/archives/partial"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "state/status").touch()
        (self.root / "debian.sources").write_text(sources_text(_host_sources()))
        self.config.write_text(config_text(self.root, self.architectures, as_root=os.geteuid() == 0))


def apt_name(package: Package) -> str:
    """The package as apt's command line wants it."""
    if package.architecture == "all":
        return f"{package.name}={package.version}"
    return f"{package.name}:{package.architecture}={package.version}"


def deb_file_name(package: Package) -> str:
    """The file name `apt-get download` gives a package: colons of the epoch are quoted."""
    return f"{package.name}_{package.version.replace(':', '%3a')}_{package.architecture}.deb"


def host_architecture() -> str:
    """The host's architecture as Debian calls it; HostError elsewhere than on Debian's kin."""
    find_program("dpkg", hint=_NO_DEBIAN_HINT)
    done = run(["dpkg", "--print-architecture"], deadline=Deadline.after(_QUERY_S, "dpkg"))
    return done.stdout.decode().strip()


def _host_sources() -> list[Source]:
    for options in ((), ("--no-release-info",)):
        done = run(
            ["apt-get", "indextargets", *options, "--format", _INDEX_FORMAT, "Created-By: Packages"],
            deadline=Deadline.after(_QUERY_S, "the host's package sources"),
        )
        sources = debian_sources(done.stdout.decode())
        if sources:
            return sources
    raise HostError("this host has no Debian archive among its package sources", hint=_NO_DEBIAN_HINT)


def _archive_error(message: str, error: CommandFailed) -> HostError:
    if _FULL_DISK in error.output_tail:
        return HostError(
            "no space left in the cache", hint="free space, or `oomlab images prune`", evidence=error.evidence
        )
    return HostError(
        message,
        hint="is the network there, and does `apt-get update` work on this host?",
        evidence=[error.command, error.output_tail],
    )
