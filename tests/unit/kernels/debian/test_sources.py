# SPDX-License-Identifier: Apache-2.0
"""Which Debian archives a host's package sources name, fetched or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import HostError, InputError
from orchestrator.kernels.debian import sources
from orchestrator.kernels.debian.sources import (
    KEYRING,
    Archive,
    debian_archives,
    mirror_archives,
    parse_deb822,
    parse_list,
    read_archives,
    trusted_keys,
)

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb http://mirror.example/debian/ bookworm main contrib # and why
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg check-valid-until=no] \
http://snap.example/archive bookworm-security main
deb-src http://mirror.example/debian bookworm main
deb cdrom:[Debian GNU/Linux 12 _Bookworm_]/ bookworm main
deb http://flat.example/debian binary/
"""
STANZAS = """\
# A comment
Types: deb deb-src
URIs: http://mirror.example/debian
# another
Suites: trixie trixie-updates
 trixie-backports
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDME
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main

Types: deb
URIs: http://mirror.example/debian-security http://other.example/debian-security
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
KNOWN = frozenset({"Debian"})


def archives(text: str, release: str = "", **origins: frozenset[str]) -> list[Archive]:
    return debian_archives(
        parse_list(text, "a.list"),
        {f"http://{name}.example/apt": value for name, value in origins.items()},
        release,
    )


def test_lines_of_sources_list() -> None:
    assert debian_archives(parse_list(ONE_LINE, "/etc/apt/sources.list"), {}, "bookworm") == [
        Archive("http://mirror.example/debian", frozenset({""}), "/etc/apt/sources.list:2"),
        Archive(
            "http://snap.example/archive",
            frozenset({"security"}),
            "/etc/apt/sources.list:3",
            str(KEYRING),
            (("check-valid-until", "no"),),
        ),
    ]


def test_stanzas() -> None:
    key = "\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n.\nmDME\n-----END PGP PUBLIC KEY BLOCK-----"
    pockets, security = frozenset({"", "updates", "backports"}), frozenset({"security"})
    assert debian_archives(parse_deb822(STANZAS, "d.sources"), {}, "trixie") == [
        Archive("http://mirror.example/debian", pockets, "d.sources:2", key),
        *(
            Archive(f"http://{name}.example/debian-security", security, "d.sources:20", str(KEYRING))
            for name in ("mirror", "other")
        ),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "deb https://vendor.example/linux/debian bookworm stable",
        "deb [signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example/debian bookworm main",
        "deb https://vendor.example/apt cloud-sdk-bookworm main",
        "deb https://vendor.example/debian bookworm-pgdg main",
        "deb https://vendor.example/apt nodistro main",
        "deb http://mirror.example/ubuntu noble main",
        "deb http://mirror.example/debian bookworm contrib",
        "deb",
    ],
)
def test_foreign_archives_and_other_components_are_left_out(line: str) -> None:
    real = "deb http://mirror.example/debian bookworm main"
    assert [found.uri for found in archives(f"{line}\n{real}", "bookworm")] == [
        "http://mirror.example/debian"
    ]
    assert archives(line) == []


def test_what_fetched_lists_say_comes_before_names() -> None:
    vendor = "deb http://vendor.example/apt bookworm main"
    assert archives(vendor, vendor=KNOWN) != []
    assert archives(vendor, vendor=frozenset({"Vendor"})) == []
    assert archives(vendor, "bookworm", vendor=frozenset({"Vendor"})) == []
    assert archives(vendor, vendor=KNOWN | {"Debian Backports"}) != []


def test_a_mirror_of_an_odd_name_is_believed_on_a_debian_host_with_that_release() -> None:
    mirror = "deb https://files.example/remote-debian-cache bookworm main"
    assert archives(mirror, "bookworm") != []
    assert archives(mirror, "trixie") == []
    assert archives(mirror) == []
    assert archives(mirror.replace("bookworm", "stable"), "trixie") != []


@pytest.mark.parametrize("release", ["bookworm", "trixie", "stable", "oldstable", "sid", "forky"])
def test_any_release_will_do(release: str) -> None:
    assert archives(f"deb http://mirror.example/debian {release} main") != []


@pytest.mark.parametrize(
    "uri", ["mirror+file:///etc/apt/mirrors/debian.list", "file:/srv/debian", "tor+http://x.example/debian/"]
)
def test_other_ways_of_fetching(uri: str) -> None:
    assert [found.uri for found in archives(f"deb {uri} bookworm main")] == [uri.rstrip("/")]


def test_a_mirror_and_its_security_archive() -> None:
    main, security = mirror_archives("http://mirror.example/debian/ http://mirror.example/lts")
    assert (main.uri, main.has("trixie"), main.has("bookworm-security")) == (
        "http://mirror.example/debian",
        True,
        False,
    )
    assert main.has("bookworm-backports")
    assert (security.uri, security.has("bookworm-security"), security.has("trixie")) == (
        "http://mirror.example/lts",
        True,
        False,
    )


@pytest.mark.parametrize(
    "setting", ["", "mirror.example", "/srv/debian", "http://a http://b http://c", "http://a b"]
)
def test_a_mirror_that_is_no_uri_is_bad_input(setting: str) -> None:
    with pytest.raises(InputError, match="not the URI of a Debian archive"):
        mirror_archives(setting)


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration, where apt would look; no package list was ever fetched."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "trusted.gpg.d").mkdir()
    names = {"Dir::Etc::sourcelist/f": "sources.list", "Dir::Etc::sourceparts/d": "sources.list.d",
             "Dir::Etc::trusted/f": "trusted.gpg", "Dir::Etc::trustedparts/d": "trusted.gpg.d"}  # fmt: skip
    monkeypatch.setattr(sources, "_apt_paths", lambda *asked: [tmp_path / names[name] for name in asked])
    monkeypatch.setattr(sources, "_fetched_origins", dict)
    monkeypatch.setattr(sources, "_host_release", lambda: "")
    monkeypatch.delenv("OOMLAB_MIRROR", raising=False)
    return tmp_path


def test_all_files_that_apt_reads_and_no_others(etc: Path) -> None:
    (etc / "sources.list").write_text("deb http://one.example/debian bookworm main\n")
    for name in ("two.list", "three.list.disabled", "fo ur.list"):
        text = f"deb http://{name[:2].strip()}.example/debian bookworm main\n"
        (etc / "sources.list.d" / name).write_text(text)
    (etc / "sources.list.d/five.sources").write_text(STANZAS)
    found = {archive.uri.split("/")[2].split(".")[0] for archive in read_archives()}
    assert found == {"one", "tw", "mirror", "other"}


def test_no_debian_names_the_files_and_the_setting(etc: Path) -> None:
    (etc / "sources.list").write_text("deb http://mirror.example/ubuntu noble main\n")
    with pytest.raises(HostError, match="no Debian archive") as caught:
        read_archives()
    assert str(etc / "sources.list") in caught.value.evidence[0]
    assert "OOMLAB_MIRROR" in caught.value.hint


def test_a_mirror_that_is_named_comes_before_what_is_configured(
    etc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (etc / "sources.list").write_text("deb http://one.example/debian bookworm main\n")
    monkeypatch.setenv("OOMLAB_MIRROR", "http://mirror.example/debian")
    assert [archive.uri for archive in read_archives()] == ["http://mirror.example/debian"]


def test_the_keys_that_a_host_trusts_for_all(etc: Path) -> None:
    (etc / "trusted.gpg").touch()
    for name in ("b.asc", "a.gpg", "a.gpg~"):
        (etc / "trusted.gpg.d" / name).write_text("key")
    assert [path.name for path in trusted_keys()] == ["a.gpg", "b.asc"]


def test_where_apt_has_its_configuration() -> None:
    paths = sources._apt_paths("Dir::Etc::sourcelist/f", "Dir::Etc::trustedparts/d")
    assert [path.name for path in paths] == ["sources.list", "trusted.gpg.d"]
