# SPDX-License-Identifier: Apache-2.0
"""From meta packages to a complete set of packages of one version."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchestrator.errors import HostError
from orchestrator.kernels.apt import IndexRecord
from orchestrator.kernels.bases import find_base
from orchestrator.kernels.manifest import Package
from orchestrator.kernels.resolve import resolve

BASE, ARCH = find_base("debian-6.1", "arm64")


def record(name: str, version: str, depends: str = "", architecture: str = "arm64") -> IndexRecord:
    package = Package(name=name, version=version, architecture=architecture, sha256=name, size_bytes=1)
    return IndexRecord(package, depends)


def version(number: int, text: str, *, source: bool = True) -> list[IndexRecord]:
    """Everything the archive has of one kernel version."""
    release = f"6.1.0-{number}"
    headers = (
        f"linux-headers-{release}-common (= {text}), linux-kbuild-6.1 (>= {text}), linux-compiler-gcc-12-arm"
    )
    records = [
        record("linux-image-arm64", text, f"linux-image-{release}-arm64 (= {text})"),
        record(f"linux-image-{release}-arm64", text),
        record(f"linux-headers-{release}-arm64", text, headers),
        record(f"linux-headers-{release}-common", text, architecture="all"),
        record("linux-kbuild-6.1", text, architecture="amd64"),
    ]
    return [*records, record("linux-source-6.1", text, architecture="all")] if source else records


class Index:
    """An index that answers only for what it has, as apt-cache does, in the order it was given."""

    def __init__(self, *records: IndexRecord) -> None:
        self.records = records

    def __call__(self, names: Sequence[str]) -> list[IndexRecord]:
        wanted = {name.split(":")[0] for name in names}
        assert all(name.islower() for name in wanted)
        return [item for item in self.records if item.package.name in wanted]


BUSYBOX = record("busybox-static", "1:1.35")


def test_the_newest_version_and_all_its_parts() -> None:
    index = Index(*version(56, "6.1.192-2"), *version(55, "6.1.180-1"), BUSYBOX)
    resolved = resolve(BASE, ARCH, "amd64", index)
    assert resolved.release == "6.1.0-56-arm64"
    assert [package.name for package in resolved.headers] == [
        "linux-headers-6.1.0-56-arm64",
        "linux-headers-6.1.0-56-common",
        "linux-kbuild-6.1",
    ]
    assert {package.version for package in resolved.packages} == {"6.1.192-2", "1:1.35"}


def test_an_image_whose_source_is_not_there_yet_is_passed_over() -> None:
    index = Index(*version(56, "6.1.192-2", source=False), *version(55, "6.1.180-1"), BUSYBOX)
    assert resolve(BASE, ARCH, "amd64", index).release == "6.1.0-55-arm64"


def test_no_complete_set_names_what_was_seen() -> None:
    index = Index(*version(56, "6.1.192-2", source=False), BUSYBOX)
    with pytest.raises(HostError, match="no complete set") as caught:
        resolve(BASE, ARCH, "amd64", index)
    assert caught.value.evidence == ("linux-image-6.1.0-56-arm64 6.1.192-2",)


def test_an_empty_index_names_the_meta_package() -> None:
    with pytest.raises(HostError) as caught:
        resolve(BASE, ARCH, "amd64", Index())
    assert "linux-image-arm64 is not in the index" in caught.value.evidence
