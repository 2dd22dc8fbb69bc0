# SPDX-License-Identifier: Apache-2.0
"""Exactly the recorded packages, from whichever archive has them, or each that cannot be had by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.bases import Origin, find_base
from orchestrator.errors import HostError, InputError
from orchestrator.kernels.debian.apt import ArchiveMovedOn, IndexRecord, PackageSource, SuiteMissing
from orchestrator.kernels.debian.recorded import Recall, recorded_packages
from orchestrator.kernels.debian.sources import Archive
from orchestrator.kernels.manifest import Package
from tests.unit.kernels.debian.test_resolve import BUSYBOX, kernel, record

BASE, _ = find_base("debian-6.12", "arm64")
NOW = [*kernel("6.12.117+deb12", "6.12.117-1"), BUSYBOX]
THEN = [*kernel("6.12.95+deb12", "6.12.95-1"), BUSYBOX]
RECORDED = [each.package for each in THEN[1:]]


class Lists:
    """The index of one suite, strict: it gives out only what it has, and only after an update."""

    def __init__(self, suite: str, records: Sequence[IndexRecord], *, gone: Sequence[str] = ()) -> None:
        self.sources = [PackageSource(Archive("http://mirror.example/debian", frozenset({""}), "a:1"), suite)]
        self.records = list(records)
        self.gone = gone
        self.ages: list[float] = []
        self.downloaded: list[Package] = []

    def update(self, *, max_age_s: float) -> bool:
        self.ages.append(max_age_s)
        return True

    def show(self, names: Sequence[str]) -> list[IndexRecord]:
        assert self.ages, "asked before it was fetched"
        wanted = {name.partition(":")[0] for name in names}
        return [record for record in self.records if record.package.name in wanted]

    def download(self, packages: Sequence[Package], directory: Path) -> None:
        known = [record.package for record in self.records]
        assert all(package in known for package in packages), "not in this index"
        if any(package.name in self.gone for package in packages):
            raise ArchiveMovedOn("404")
        self.downloaded += packages


class Archives:
    """Indexes by suite, those of any age by suite and `past`; the others are configured nowhere."""

    def __init__(self, now: Sequence[Lists] = (), past: Sequence[Lists] = ()) -> None:
        self.lists = {(each.sources[0].suite, False): each for each in now}
        self.lists |= {(each.sources[0].suite, True): each for each in past}
        self.said: list[str] = []

    def open(self, origin: Origin, past: bool) -> Lists:
        found = self.lists.get((origin.suite, past))
        return found if found is not None else _Nowhere(origin.suite)

    def download(self, packages: Sequence[Package]) -> None:
        Recall(BASE, self.open, self.said.append).download(packages, Path("nowhere"))


class _Nowhere(Lists):
    def __init__(self, suite: str) -> None:
        super().__init__(suite, ())

    def update(self, *, max_age_s: float) -> bool:
        raise SuiteMissing("none", evidence=[f"{self.sources[0].suite} main: no package source here"])


def test_an_index_that_still_offers_them_is_enough() -> None:
    lists = Lists("trixie", [*NOW, *THEN])
    archives = Archives([lists])
    archives.download(RECORDED)
    assert lists.downloaded == RECORDED
    assert all(age > 0 for age in lists.ages), "nothing is fetched for the sake of it"
    assert len(archives.said) == 1


def test_each_comes_from_where_it_is() -> None:
    security, trixie = Lists("bookworm-security", THEN[:3]), Lists("trixie", THEN[3:])
    Archives([security, trixie]).download(RECORDED)
    assert [*security.downloaded, *trixie.downloaded] == RECORDED


def test_an_old_index_will_do_for_what_is_known_by_checksum() -> None:
    now, past = Lists("trixie", NOW), Lists("trixie", THEN)
    Archives([now], [past]).download(RECORDED)
    assert now.downloaded == [BUSYBOX.package]
    assert past.downloaded == RECORDED[:-1]
    assert past.ages == [0.0]


def test_what_an_index_names_and_its_archive_has_no_more_is_looked_for_elsewhere() -> None:
    now = Lists("trixie", THEN, gone=["linux-source-6.12"])
    past = Lists("trixie", THEN)
    Archives([now], [past]).download(RECORDED)
    assert past.downloaded == RECORDED


def test_all_that_cannot_be_had_is_named_with_where_was_looked() -> None:
    wanted = [*RECORDED[:2], RECORDED[-1]]
    archives = Archives([Lists("trixie", NOW)], [Lists("trixie", NOW)])
    with pytest.raises(HostError) as caught:
        archives.download(wanted)
    assert archives.said == [], "nothing was downloaded in vain"
    first, second, _ = wanted
    for package in (first, second):
        assert f"{package.name} {package.version} (arm64)" in caught.value.message
    assert "busybox" not in caught.value.message
    evidence = "\n".join(caught.value.evidence)
    assert f"{first.name} 6.12.95-1 with SHA-256 {first.sha256}: offered is no version" in evidence
    assert "  trixie main of http://mirror.example/debian (a:1)" in evidence
    assert "bookworm-security main: no package source here" in evidence
    assert "OOMLAB_MIRROR=URI" in caught.value.hint


def test_other_versions_and_other_checksums_are_told_apart() -> None:
    source = RECORDED[4].model_copy(update={"version": "6.12.90-1"})
    changed = RECORDED[0].model_copy(update={"sha256": "other"})
    with pytest.raises(HostError) as caught:
        Archives([Lists("trixie", [*NOW, *THEN])]).download([source, changed])
    evidence = "\n".join(caught.value.evidence)
    assert "linux-source-6.12 6.12.90-1" in evidence
    assert "offered are 6.12.117-1, 6.12.95-1" in evidence
    assert "there is one of that version with another checksum" in evidence


def test_gone_everywhere_is_not_to_be_had() -> None:
    gone = ["linux-source-6.12"]
    archives = Archives([Lists("trixie", THEN, gone=gone)], [Lists("trixie", THEN, gone=gone)])
    with pytest.raises(HostError, match="not to be had any more") as caught:
        archives.download(RECORDED)
    assert "its archive has them no more" in "\n".join(caught.value.evidence)


def test_a_record_is_understood_by_the_names_in_it() -> None:
    found = recorded_packages("debian-6.12", "arm64", "6.12.95+deb12-arm64", RECORDED)
    assert found.packages == tuple(RECORDED)
    plain = recorded_packages("debian-6.12", "arm64", "6.12.95+deb12-arm64", [RECORDED[0], RECORDED[-1]])
    assert (plain.image, plain.headers, plain.busybox) == (RECORDED[0], (), RECORDED[-1])


@pytest.mark.parametrize("kept", [[], RECORDED[:-1], RECORDED[1:], [*RECORDED[:2], RECORDED[-1]]])
def test_a_record_that_no_guest_can_be_made_of_is_refused(kept: list[Package]) -> None:
    with pytest.raises(InputError, match="no guest can be made"):
        recorded_packages("debian-6.12", "arm64", "x", kept)


def test_a_record_of_a_divided_image_has_all_its_parts() -> None:
    release = "7.2.13+deb14-arm64"
    names = [f"linux-{part}-{release}" for part in ("image", "base", "binary", "modules")]
    packages = [record(name, "7.2.13-1").package for name in names]
    found = recorded_packages("debian-sid", "arm64", release, [*packages, BUSYBOX.package])
    assert found.images == tuple(packages)
    assert not found.builds_modules
