# SPDX-License-Identifier: Apache-2.0
"""The private apt state: suites of the configured archives, configuration, index records."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.bases import BASES, Origin
from orchestrator.errors import HostError
from orchestrator.kernels.debian.apt import (
    Apt,
    SuiteMissing,
    apt_name,
    config_text,
    deb_file_name,
    parse_index,
    sources_of,
    sources_text,
)
from orchestrator.kernels.debian.resolve import packages_of
from orchestrator.kernels.debian.sources import KEYRING, Archive
from orchestrator.kernels.manifest import Package

MIRROR = "http://mirror.example/debian"
SECURITY = "http://mirror.example/debian-security"
MAIN = Archive(MIRROR, frozenset({"", "updates"}), "a.sources:1", str(KEYRING))
LTS = Archive(SECURITY, frozenset({"security"}), "a.sources:7", str(KEYRING))

FINGERPRINT = "4CB50190207B4758A3F73A796ED0E7B82643E131!"

OF_6_1 = packages_of(BASES["debian-6.1"]).origins[0]
LATER, TRIXIE, BACKPORTS = packages_of(BASES["debian-6.12"]).origins


def suites(origin: Origin, *archives: Archive) -> list[tuple[str, str]]:
    return [(source.archive.uri, source.suite) for source in sources_of(origin, archives)]


def test_whatever_release_is_configured_the_suites_are_those_of_the_kernels() -> None:
    assert suites(OF_6_1, MAIN, LTS) == [
        (MIRROR, "bookworm"),
        (MIRROR, "bookworm-updates"),
        (SECURITY, "bookworm-security"),
    ]
    assert suites(TRIXIE, MAIN, LTS)[0] == (MIRROR, "trixie")


def test_backports_lie_beside_every_release_and_need_no_configuration() -> None:
    assert suites(BACKPORTS, Archive(MIRROR, frozenset({""}), "a")) == [
        (MIRROR, "bookworm"),
        (MIRROR, "bookworm-backports"),
    ]


def test_every_mirror_of_a_suite_is_used() -> None:
    other = Archive("http://other.example/debian", frozenset({""}), "b")
    assert suites(OF_6_1, MAIN, other)[:2] == [(MIRROR, "bookworm"), (other.uri, "bookworm")]


def test_the_sources_are_signed_and_without_translations() -> None:
    text = sources_text(sources_of(OF_6_1, [MAIN, LTS]), [])
    assert text.count(f"Signed-By: {KEYRING}\n") == 3
    assert text.count("Targets: Packages\n") == 3
    assert f"URIs: {SECURITY}\nSuites: bookworm-security\nComponents: main\n" in text


@pytest.mark.parametrize(
    ("signed_by", "line"),
    [
        ("", f"Signed-By: /etc/apt/trusted.gpg.d/ours.asc {KEYRING}\n"),
        ("/srv/ours.gpg", f"Signed-By: /srv/ours.gpg {KEYRING}\n"),
        (
            "4CB50190207B4758A3F73A796ED0E7B82643E131!",
            "Signed-By: 4CB50190207B4758A3F73A796ED0E7B82643E131!\n",
        ),
        ("\n-----BEGIN\n.\nmDME\n-----END", "Signed-By: \n -----BEGIN\n .\n mDME\n -----END\n"),
    ],
)
def test_an_archive_is_trusted_as_the_host_trusts_it(signed_by: str, line: str) -> None:
    archive = Archive(MIRROR, frozenset({""}), "a", signed_by)
    text = sources_text(sources_of(OF_6_1, [archive]), [Path("/etc/apt/trusted.gpg.d/ours.asc")])
    assert text.endswith(line)


def test_how_an_archive_is_checked_is_kept() -> None:
    archive = Archive(MIRROR, frozenset({""}), "a", options=(("check-valid-until", "no"),))
    assert "\nCheck-Valid-Until: no\n" in sources_text(sources_of(OF_6_1, [archive]), [])


class Host:
    """A host whose apt-get knows which suites the mirror has, and counts what it is asked to fetch."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.archives = [MAIN]
        self.log = directory / "log"
        self.missing = directory / "missing"
        self.missing.touch()
        programs = directory / "programs"
        programs.mkdir()
        program = programs / "apt-get"
        program.write_text(
            "#!/bin/sh\n"
            '[ "$1" = -c ] && [ "$6" = update ] || { echo "refused: $*" >&2; exit 99; }\n'
            'sources=$(dirname "$2")/debian.sources\n'
            f"grep Suites: \"$sources\" | tr '\\n' ' ' >>{self.log}; echo >>{self.log}\n"
            f"for suite in $(cat {self.missing}); do\n"
            '  grep -qx "Suites: $suite" "$sources" || continue\n'
            f"  echo \"E: The repository '{MIRROR} $suite Release' does not have a Release file.\" >&2\n"
            "  bad=1\n"
            "done\n"
            "exit ${bad:+100}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        monkeypatch.setattr("orchestrator.kernels.debian.apt.read_archives", lambda: self.archives)
        monkeypatch.setattr("orchestrator.kernels.debian.apt.trusted_keys", list)
        monkeypatch.setattr("orchestrator.kernels.debian.apt.KEYRING", program)
        self.root = directory / "apt"

    def lacks(self, *names: str) -> None:
        self.missing.write_text(" ".join(names))

    @property
    def fetched(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line.replace("Suites: ", "").strip() for line in lines]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_a_young_index_is_fetched_again_when_other_sources_are_configured(host: Host) -> None:
    apt = Apt(host.root, OF_6_1, ["arm64"])
    assert apt.update()
    assert not apt.update()
    host.archives = [MAIN, LTS]
    assert apt.update()
    assert host.fetched == ["bookworm bookworm-updates", "bookworm bookworm-updates bookworm-security"]
    assert not apt.update()


def test_an_old_index_is_fetched_again(host: Host) -> None:
    apt = Apt(host.root, OF_6_1, ["arm64"])
    apt.update()
    long_ago = time.time() - 13 * 3600
    os.utime(host.root / "updated", (long_ago, long_ago))
    assert apt.update()


def test_a_suite_that_a_mirror_lacks_is_left_out(host: Host) -> None:
    host.lacks("bookworm-updates")
    apt = Apt(host.root, OF_6_1, ["arm64"])
    assert apt.update()
    assert host.fetched == ["bookworm bookworm-updates", "bookworm"]
    assert [source.suite for source in apt.sources] == ["bookworm"]
    assert not apt.update()


def test_without_the_suite_with_the_kernel_it_says_where_that_was_looked_for(host: Host) -> None:
    host.lacks("trixie", "trixie-updates")
    with pytest.raises(SuiteMissing, match="trixie") as caught:
        Apt(host.root, TRIXIE, ["arm64"]).update()
    assert caught.value.evidence[0] == f"trixie main of {MIRROR} (a.sources:1): the archive has no such suite"
    with pytest.raises(SuiteMissing) as caught:
        Apt(host.root, LATER, ["arm64"]).update()
    assert caught.value.evidence == ("bookworm-security main: no package source here could have it",)


def test_a_full_cache_is_said_before_apt_tries_to_fill_it(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(HostError) as caught:
        Apt(host.root, OF_6_1, ["arm64"]).update()
    where = host.root.parent.parent
    assert caught.value.message == (
        f"no space in the cache for the package index: 150 MB needed, 1 MB free in {where}"
    )
    assert "OOMLAB_CACHE" in caught.value.hint
    assert host.fetched == []


def test_a_failure_leaves_no_index_that_passes_for_fetched(host: Host) -> None:
    apt = Apt(host.root, OF_6_1, ["arm64"])
    apt.update()
    (host.root.parent / "programs/apt-get").write_text("#!/bin/sh\nexit 100\n")
    with pytest.raises(HostError, match="could not be fetched"):
        apt.update(max_age_s=0.0)
    with pytest.raises(HostError, match="could not be fetched"):
        apt.update()


def test_only_root_changes_the_sandbox_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("apt")
    assert 'APT::Sandbox::User "root";' in config_text(root, ["arm64"], as_root=True)
    assert "Sandbox" not in config_text(root, ["arm64"], as_root=False)


def test_the_guest_architecture_comes_first(tmp_path_factory: pytest.TempPathFactory) -> None:
    text = config_text(tmp_path_factory.mktemp("apt"), ["arm64", "amd64"], as_root=False)
    assert 'APT::Architecture "arm64";' in text
    assert text.index('APT::Architectures:: "arm64"') < text.index('APT::Architectures:: "amd64"')


def test_index_records_need_a_checksum() -> None:
    text = (
        "Package: a\nVersion: 1:2-3\nArchitecture: arm64\nDepends: b (= 2), c\n"
        "Size: 12\nSHA256: ab\nDescription: x\n more\n\n"
        "Package: virtual\nVersion: 1\n\n"
    )
    records = parse_index(text)
    assert [record.package.name for record in records] == ["a"]
    assert records[0].depends == "b (= 2), c"
    assert records[0].package.size_bytes == 12


def test_names_for_the_command_line_and_of_the_file() -> None:
    package = Package(
        name="busybox-static", version="1:1.35-4+b1", architecture="arm64", sha256="", size_bytes=0
    )
    assert apt_name(package) == "busybox-static:arm64=1:1.35-4+b1"
    assert deb_file_name(package) == "busybox-static_1%3a1.35-4+b1_arm64.deb"
    assert apt_name(package.model_copy(update={"architecture": "all"})) == "busybox-static=1:1.35-4+b1"
