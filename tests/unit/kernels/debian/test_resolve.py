# SPDX-License-Identifier: Apache-2.0
"""From meta packages to a complete set of packages of one version."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchestrator.bases import find_base
from orchestrator.kernels.debian.apt import IndexRecord
from orchestrator.kernels.debian.resolve import BaseMissing, ResolvedBase, host_libc, packages_of, resolve
from orchestrator.kernels.manifest import Package

BASE, ARCH = find_base("debian-6.1", "arm64")
ORIGIN = packages_of(BASE).origins[0]


def record(name: str, version: str, depends: str = "", architecture: str = "arm64") -> IndexRecord:
    package = Package(name=name, version=version, architecture=architecture, sha256=name, size_bytes=1)
    return IndexRecord(package, depends)


def kernel(stem: str, text: str, meta: str = "linux-image-arm64", *, libc: str = "2.34") -> list[IndexRecord]:
    """Everything the archive has of one kernel version; `stem` is its release without the flavour."""
    series = ".".join(stem.split(".")[:2])
    kbuild = f"linux-kbuild-{series if series == '6.1' else stem}"
    release = f"{stem}-arm64"
    headers = f"linux-headers-{stem}-common (= {text}), {kbuild} (>= {text}), linux-compiler-gcc-12-arm"
    return [
        record(meta, text, f"linux-image-{release} (= {text})"),
        record(f"linux-image-{release}", text),
        record(f"linux-headers-{release}", text, headers),
        record(f"linux-headers-{stem}-common", text, architecture="all"),
        record(kbuild, text, f"libc6 (>= {libc}), libelf1 (>= 0.142)", architecture="amd64"),
        record(f"linux-source-{series}", text, architecture="all"),
    ]


def version(number: int, text: str, *, source: bool = True) -> list[IndexRecord]:
    """Everything the archive has of one 6.1 version."""
    records = kernel(f"6.1.0-{number}", text)
    return records if source else records[:-1]


class Index:
    """An index that answers only for what it has, as apt-cache does, in the order it was given."""

    def __init__(self, *records: IndexRecord) -> None:
        self.records = records

    def __call__(self, names: Sequence[str]) -> list[IndexRecord]:
        wanted = {name.split(":")[0] for name in names}
        assert all(name.islower() for name in wanted)
        return [item for item in self.records if item.package.name in wanted]


BUSYBOX = record("busybox-static", "1:1.35")


def find(index: Index, libc: tuple[int, ...] = ()) -> ResolvedBase:
    return resolve(BASE, ARCH, ORIGIN, "amd64", index, libc)


def test_the_newest_version_and_all_its_parts() -> None:
    resolved = find(Index(*version(56, "6.1.192-2"), *version(55, "6.1.180-1"), BUSYBOX))
    assert resolved.release == "6.1.0-56-arm64"
    assert [package.name for package in resolved.headers] == [
        "linux-headers-6.1.0-56-arm64",
        "linux-headers-6.1.0-56-common",
        "linux-kbuild-6.1",
    ]
    assert {package.version for package in resolved.packages} == {"6.1.192-2", "1:1.35"}
    assert resolved.suite == "bookworm"
    assert resolved.origin(BASE) == ORIGIN


def test_an_image_whose_source_is_not_there_yet_is_passed_over() -> None:
    index = Index(*version(56, "6.1.192-2", source=False), *version(55, "6.1.180-1"), BUSYBOX)
    assert find(index).release == "6.1.0-55-arm64"


@pytest.mark.parametrize("lacking", range(1, 6))
def test_no_complete_set_names_what_is_there_and_what_is_not(lacking: int) -> None:
    records = version(56, "6.1.192-2")
    lost = records.pop(lacking).package.name
    with pytest.raises(BaseMissing, match="no complete set") as caught:
        find(Index(*records, BUSYBOX))
    (line,) = caught.value.evidence
    assert line.startswith("linux-image-6.1.0-56-arm64 6.1.192-2 is ")
    assert line.endswith(f"not its {lost}") or (lacking == 1 and line.endswith("not its image"))


def test_an_empty_index_names_the_meta_package() -> None:
    with pytest.raises(BaseMissing) as caught:
        find(Index())
    assert caught.value.evidence == ("no linux-image-arm64:arm64 of 6.1",)


def test_a_kernel_of_another_series_under_the_same_name_is_passed_over() -> None:
    newer = [*kernel("7.3.4+deb13", "7.3.4-1~bpo13+1"), *kernel("6.12.95+deb12", "6.12.95-1~bpo12+1")]
    assert find(Index(*newer, *version(56, "6.1.192-2"), BUSYBOX)).release == "6.1.0-56-arm64"


def test_build_tools_need_a_libc_that_is_here() -> None:
    index = Index(*kernel("6.1.0-57", "6.1.193-1", libc="2.38"), *version(56, "6.1.192-2"), BUSYBOX)
    assert find(index, libc=(2, 36)).release == "6.1.0-56-arm64"
    assert find(index, libc=(2, 38)).release == "6.1.0-57-arm64"
    assert find(index).release == "6.1.0-57-arm64"


def test_the_libc_of_this_host() -> None:
    major, minor = host_libc()[:2]
    assert (major, minor) >= (2, 36)


PARTS = ("base", "binary", "modules")


def divided(stem: str, text: str) -> list[IndexRecord]:
    """As Debian packages kernels from 6.18 on: the image is in parts."""
    release = f"{stem}-arm64"
    records = kernel(stem, text, libc="2.38")
    parts = ", ".join(f"linux-{part}-{release} (= {text})" for part in PARTS)
    needs = f"dracut | initramfs-tools (>= 0.120+deb8u2), {parts}"
    records[0] = record(
        "linux-image-arm64", text, f"linux-base-arm64 (= {text}), linux-image-{release} (= {text})"
    )
    records[1] = record(f"linux-image-{release}", text, needs)
    return [*records, *(record(f"linux-{part}-{release}", text) for part in PARTS)]


def newest(index: Index, libc: tuple[int, ...] = (2, 36)) -> ResolvedBase:
    base, arch = find_base("debian-sid", "arm64")
    return resolve(base, arch, packages_of(base).origins[0], "amd64", index, libc, image_alone=True)


def test_the_newest_of_a_suite_is_taken_whatever_its_series_is() -> None:
    index = Index(*divided("7.2.13+deb14", "7.2.13-1"), *kernel("6.12.118+deb13", "6.12.118-1"), BUSYBOX)
    found = newest(index)
    assert (found.release, found.suite) == ("7.2.13+deb14-arm64", "sid")
    assert [package.name for package in found.images] == [
        "linux-image-7.2.13+deb14-arm64",
        *(f"linux-{part}-7.2.13+deb14-arm64" for part in PARTS),
    ]
    assert not found.builds_modules
    assert (
        newest(index, libc=(2, 41)).source
        == record("linux-source-7.2", "7.2.13-1", architecture="all").package
    )


def test_an_image_with_a_part_missing_is_passed_over() -> None:
    index = Index(*divided("7.2.13+deb14", "7.2.13-1")[:-1], *divided("7.2.12+deb14", "7.2.12-1"), BUSYBOX)
    assert newest(index).release == "7.2.12+deb14-arm64"
    with pytest.raises(BaseMissing) as caught:
        newest(Index(*divided("7.2.13+deb14", "7.2.13-1")[:-1], BUSYBOX))
    assert caught.value.evidence[0].endswith("but not its linux-modules-7.2.13+deb14-arm64")
