# SPDX-License-Identifier: Apache-2.0
"""The private apt state: sources rewritten from the host's, configuration, index records."""

from __future__ import annotations

import pytest

from orchestrator.kernels.apt import (
    Source,
    apt_name,
    config_text,
    deb_file_name,
    debian_sources,
    parse_index,
    sources_text,
)
from orchestrator.kernels.manifest import Package

MIRROR = "http://mirror.example/debian/"
SECURITY = "http://mirror.example/debian-security/"
WANTED = [
    Source(MIRROR, "bookworm"),
    Source(MIRROR, "bookworm-updates"),
    Source(SECURITY, "bookworm-security"),
]


@pytest.mark.parametrize("release", ["bookworm", "trixie", "stable", "oldstable"])
def test_any_debian_release_leads_to_the_suites_of_the_kernels(release: str) -> None:
    lines = [
        f"{MIRROR} {release} main Debian",
        f"{MIRROR} {release}-updates main Debian",
        f"{SECURITY} {release}-security main Debian",
    ]
    assert debian_sources("\n".join(lines)) == WANTED


def test_one_source_for_each_suite_however_many_architectures_and_releases() -> None:
    lines = [
        f"{MIRROR} bookworm main Debian",
        f"{MIRROR} bookworm main Debian",
        f"{MIRROR} trixie main Debian",
    ]
    assert debian_sources("\n".join(lines)) == [Source(MIRROR, "bookworm")]


@pytest.mark.parametrize(
    "line",
    [
        "https://apt.example/linux bookworm main Example Vendor",
        f"{MIRROR} bookworm contrib Debian",
        f"{MIRROR} bookworm-backports main Debian",
        f"{MIRROR} bookworm-pgdg main Debian",
        "cdrom:[Debian] bookworm main Debian",
        "https://apt.example/linux bookworm main $(ORIGIN)",
        "",
        "bookworm main",
    ],
)
def test_foreign_archives_and_other_components_are_left_out(line: str) -> None:
    assert debian_sources(line) == []


def test_before_the_first_update_names_have_to_do() -> None:
    assert debian_sources(f"{MIRROR} bookworm main $(ORIGIN)") == [Source(MIRROR, "bookworm")]


def test_sources_are_signed_and_without_translations() -> None:
    text = sources_text(WANTED)
    assert text.count("Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg") == 3
    assert text.count("Targets: Packages") == 3
    assert f"URIs: {SECURITY}\nSuites: bookworm-security\n" in text


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
