# SPDX-License-Identifier: Apache-2.0
"""apt with a state directory of its own: foreign packages without touching the host's package state.

Where the archive is comes from the host's configuration or the user (`sources`); the suites are those
that the kernels which serve as bases live in (`bases`), whatever release the host is.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.arch import Arch
from orchestrator.bases import Origin
from orchestrator.deadline import Deadline
from orchestrator.errors import CommandFailed, HostError
from orchestrator.host.process import find_program, run
from orchestrator.host.programs import install_hint
from orchestrator.kernels.cache import require_space
from orchestrator.kernels.debian.sources import KEYRING, NO_DEBIAN_HINT, Archive, read_archives, trusted_keys
from orchestrator.kernels.manifest import Package

INDEX_MAX_AGE_S = 12 * 3600.0

_INDEX_BYTES = 150_000_000
"""Lists and caches of two architectures take 90 MB, and compressed lists beside them on the way."""
_UPDATE_S = 300.0
_DOWNLOAD_S = 1800.0
_QUERY_S = 60.0
_FULL_DISK = "No space left on device"
_NO_SUITE = re.compile(r"The repository '(?P<uri>\S+) (?P<suite>\S+) Release' does not have a Release file")


class ArchiveMovedOn(HostError):
    """The index names a package that the archive no longer has: the index is stale."""


class SuiteMissing(ArchiveMovedOn):
    """No archive that is configured or named here has a suite that packages are to come from."""


@dataclass(frozen=True)
class PackageSource:
    """One suite of an archive."""

    archive: Archive
    suite: str

    @property
    def place(self) -> str:
        """Where packages are looked for, in words: suite, component, archive, and who named it."""
        return f"{self.suite} main of {self.archive.uri} ({self.archive.where})"


@dataclass(frozen=True)
class IndexRecord:
    """What the index says about one version of one package."""

    package: Package
    depends: str


def sources_of(origin: Origin, archives: Iterable[Archive]) -> list[PackageSource]:
    """The suites of an origin's index, from every archive that should have them."""
    known = list(archives)
    return [
        PackageSource(archive, suite) for suite in origin.suites for archive in known if archive.has(suite)
    ]


def sources_text(sources: Iterable[PackageSource], keys: Iterable[Path]) -> str:
    """The deb822 sources file. Only package lists are wanted: no translations, no contents.

    `keys` are trusted for archives that name none. Debian's own key is good for all of them: it is
    what the suites that the host does not have itself are signed with.
    """
    default = " ".join(str(path) for path in dict.fromkeys([*keys, KEYRING]))
    return "\n".join(
        f"Types: deb\nURIs: {source.archive.uri}\nSuites: {source.suite}\nComponents: main\n"
        f"Targets: Packages\n"
        + "".join(f"{name.title()}: {text}\n" for name, text in source.archive.options)
        + f"Signed-By: {_keys(source.archive.signed_by, default)}\n"
        for source in sources
    )


def _keys(signed_by: str, default: str) -> str:
    """The value of Signed-By: the archive's own; a key within it stays in its continuation lines."""
    if "\n" in signed_by:
        return signed_by.replace("\n", "\n ")
    if not signed_by.startswith("/"):
        return signed_by or default
    paths = dict.fromkeys([*signed_by.replace(",", " ").split(), str(KEYRING)])
    return " ".join(paths)


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
    """A private apt below `root` for packages of an origin and of `architectures`, the guest's first.

    With `past` an index may be as old as it likes: for packages whose checksums are known already.
    """

    def __init__(
        self, root: Path, origin: Origin, architectures: Sequence[str], *, past: bool = False
    ) -> None:
        self.root = root
        self.past = past
        self.origin = origin
        self.architectures = tuple(architectures)
        self.config = root / "apt.conf"
        self.sources: list[PackageSource] = []
        self.dropped: list[PackageSource] = []

    def command(self, program: str, *arguments: str) -> list[str]:
        """The argument list of an apt program that works on this state."""
        return [program, "-c", str(self.config), *arguments]

    def update(self, *, max_age_s: float = INDEX_MAX_AGE_S) -> bool:
        """Fetch the package index; True when it was fetched.

        It is not when it is younger than `max_age_s` and was made from what is configured now. A suite
        that its archive lacks is left out (`dropped`): mirrors are not all whole.
        Raises SuiteMissing when that is the one the origin is about, HostError when no archive is
        configured or one cannot be reached.
        """
        find_program("apt-get", hint=NO_DEBIAN_HINT)
        self.sources = sources_of(self.origin, read_archives())
        self.dropped = []
        stamp = self.root / "updated"
        laid_out = sources_text(self.sources, trusted_keys())
        if _age_s(stamp) < max_age_s and self.config.exists() and _content(stamp) == laid_out:
            return False
        stamp.unlink(missing_ok=True)
        self._require_suite()
        while self._lacking():
            self.sources = [source for source in self.sources if source not in self.dropped]
            self._require_suite()
        stamp.write_text(laid_out)
        return True

    def _require_suite(self) -> None:
        wanted = self.origin.suite
        if any(source.suite == wanted for source in self.sources):
            return
        places = [f"{source.place}: the archive has no such suite" for source in self.dropped]
        raise SuiteMissing(
            f"no archive here has the suite {wanted}",
            evidence=places or [f"{wanted} main: no package source here could have it"],
        )

    def _lacking(self) -> bool:
        """Lay out and fetch; True when suites were found to be missing, and are `dropped` now."""
        self._lay_out()
        past = ("-o", "Acquire::Check-Valid-Until=false") if self.past else ()
        try:
            run(
                self.command("apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", *past, "update"),
                deadline=Deadline.after(_UPDATE_S, "the package index"),
            )
        except CommandFailed as error:
            missing = {(uri.rstrip("/"), suite) for uri, suite in _NO_SUITE.findall(error.output_tail)}
            lost = [source for source in self.sources if (source.archive.uri, source.suite) in missing]
            if not lost:
                raise _archive_error("the package index could not be fetched", error) from error
            self.dropped += lost
            return True
        return False

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
        if not KEYRING.exists():
            raise HostError(f"{KEYRING} is missing", hint=install_hint("the Debian archive's keyring"))
        for name in ("state/lists/partial", "cache/archives/partial"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        # apt tries again and again to write to a full disk.
        require_space(self.root.parent.parent, self.root, _INDEX_BYTES, "the package index")
        (self.root / "state/status").touch()
        (self.root / "debian.sources").write_text(sources_text(self.sources, trusted_keys()))
        self.config.write_text(config_text(self.root, self.architectures, as_root=os.geteuid() == 0))


def open_apt(cache_root: Path, origin: Origin, arch: Arch, host: str, *, past: bool = False) -> Apt:
    """The private apt of a cache for packages of an origin, for guests of `arch` on a `host` architecture.

    With `past` it is one of its own, for no other may take versions out of an old index.
    """
    architectures = list(dict.fromkeys([arch.debian, host]))
    name = f"{arch.debian}-{origin.index}{'-past' if past else ''}"
    return Apt(cache_root / "apt" / name, origin, architectures, past=past)


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
    find_program("dpkg", hint=NO_DEBIAN_HINT)
    done = run(["dpkg", "--print-architecture"], deadline=Deadline.after(_QUERY_S, "dpkg"))
    return done.stdout.decode().strip()


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


def _content(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


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
