# SPDX-License-Identifier: Apache-2.0
"""A base is looked for in all of its origins before anybody is told that it is not to be had."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchestrator.bases import Origin, find_base
from orchestrator.errors import HostError
from orchestrator.kernels.debian.apt import IndexRecord, PackageSource, SuiteMissing
from orchestrator.kernels.debian.origins import BaseSearch
from orchestrator.kernels.debian.resolve import ResolvedBase
from orchestrator.kernels.debian.sources import Archive
from tests.unit.kernels.debian.test_resolve import BUSYBOX, kernel

URI = "http://mirror.example/debian"
OLD, NEW = (2, 36), (2, 41)
LATER = [*kernel("6.12.117+deb12", "6.12.117-1~deb12u1", "linux-image-6.12-arm64", libc="2.34"), BUSYBOX]
OWN = [*kernel("6.12.117+deb13", "6.12.117-1", "linux-image-arm64", libc="2.38"), BUSYBOX]
BACKPORT = [*kernel("6.12.95+deb12", "6.12.95-1~bpo12+1", "linux-image-arm64", libc="2.34"), BUSYBOX]


class Lists:
    """The index of one origin: what it had when it was fetched before (None: never), and what it has now."""

    def __init__(self, suite: str, before: list[IndexRecord] | None, now: list[IndexRecord]) -> None:
        self.sources = [PackageSource(Archive(URI, frozenset({""}), "a.sources:1"), suite)]
        self.records = before or []
        self.stale = before is None
        self.now = now
        self.fetched = 0

    def update(self, *, max_age_s: float) -> bool:
        if max_age_s > 0 and not self.stale:
            return False
        self.records, self.stale = self.now, False
        self.fetched += 1
        return True

    def show(self, names: Sequence[str]) -> list[IndexRecord]:
        wanted = {name.split(":")[0] for name in names}
        return [record for record in self.records if record.package.name in wanted]


class Environment:
    """Indexes by suite; what is not among them is in no configured archive."""

    def __init__(self, **indexes: Lists) -> None:
        self.indexes = {name.replace("_", "-"): index for name, index in indexes.items()}

    def open(self, origin: Origin) -> Lists:
        if origin.suite not in self.indexes:
            raise SuiteMissing("none", evidence=[f"{origin.suite} main: nowhere"])
        return self.indexes[origin.suite]

    def find(
        self,
        base: str = "debian-6.12",
        *,
        libc: tuple[int, ...] = OLD,
        afresh: bool = False,
        image_alone: bool = False,
    ) -> ResolvedBase:
        return BaseSearch(*find_base(base, "arm64"), "amd64", libc, self.open, afresh, image_alone).find()


def fresh(suite: str, records: list[IndexRecord]) -> Lists:
    return Lists(suite, None, records)


def test_an_index_that_lacks_a_base_is_fetched_anew_before_anybody_is_told() -> None:
    lists = Lists("bookworm-security", [BUSYBOX], LATER)
    found = Environment(bookworm_security=lists).find()
    assert (found.release, found.suite, lists.fetched) == ("6.12.117+deb12-arm64", "bookworm-security", 1)


def test_an_index_that_was_just_fetched_is_not_fetched_twice() -> None:
    lists = fresh("bookworm-security", [BUSYBOX])
    with pytest.raises(HostError):
        Environment(bookworm_security=lists).find()
    assert lists.fetched == 1


def test_an_index_that_has_the_base_is_left_alone() -> None:
    lists = Lists("bookworm-security", LATER, [])
    assert Environment(bookworm_security=lists).find().release == "6.12.117+deb12-arm64"
    assert lists.fetched == 0


def test_a_refresh_trusts_no_index() -> None:
    lists = Lists("bookworm-security", [], LATER)
    assert Environment(bookworm_security=lists).find(afresh=True).release == "6.12.117+deb12-arm64"
    assert lists.fetched == 1


@pytest.mark.parametrize("libc", [OLD, NEW])
def test_hosts_of_all_releases_agree_when_all_origins_are_there(libc: tuple[int, ...]) -> None:
    environment = Environment(
        trixie=fresh("trixie", OWN), bookworm_security=fresh("bookworm-security", LATER)
    )
    assert environment.find(libc=libc).suite == "bookworm-security"


def test_without_a_security_archive_the_release_itself_has_it() -> None:
    assert Environment(trixie=fresh("trixie", OWN)).find(libc=NEW).suite == "trixie"


def test_build_tools_that_this_host_cannot_run_are_passed_over() -> None:
    environment = Environment(
        trixie=fresh("trixie", OWN), bookworm_backports=fresh("bookworm-backports", BACKPORT)
    )
    assert environment.find(libc=OLD).suite == "bookworm-backports"
    assert environment.find(libc=NEW).suite == "trixie"


def test_a_release_s_own_kernel_of_another_series_is_no_base() -> None:
    with pytest.raises(HostError) as caught:
        Environment(bookworm=fresh("bookworm", OWN)).find("debian-6.1", libc=NEW)
    assert caught.value.evidence[0] == "no linux-image-arm64:arm64 of 6.1"


def test_whoever_is_told_learns_what_was_looked_for_and_where() -> None:
    environment = Environment(trixie=fresh("trixie", OWN), bookworm_security=fresh("bookworm-security", []))
    with pytest.raises(HostError, match=r"debian-6\.12 for arm64 is in no package source") as caught:
        environment.find()
    there = "linux-image-6.12.117+deb13-arm64 6.12.117-1 is there"
    assert caught.value.evidence == (
        "no linux-image-6.12-arm64:arm64 of 6.12",
        "looked in",
        f"  bookworm-security main of {URI} (a.sources:1)",
        f"{there}, but linux-kbuild-6.12.117+deb13 needs libc6 2.38, and this host has 2.36",
        "looked in",
        f"  trixie main of {URI} (a.sources:1)",
        "bookworm-backports main: nowhere",
    )
    assert "OOMLAB_MIRROR" in caught.value.hint
    assert "later" not in caught.value.hint


def test_a_kernel_that_is_run_as_shipped_is_there_where_its_build_tools_do_not_run() -> None:
    environment = Environment(trixie=fresh("trixie", OWN))
    found = environment.find("debian-13", image_alone=True)
    assert (found.release, found.builds_modules) == ("6.12.117+deb13-arm64", False)
    assert [package.name for package in found.packages] == [
        "linux-image-6.12.117+deb13-arm64",
        "busybox-static",
    ]


def test_its_modules_are_built_where_they_do() -> None:
    found = Environment(trixie=fresh("trixie", OWN)).find("debian-13", libc=NEW, image_alone=True)
    assert found.builds_modules
    assert found == Environment(trixie=fresh("trixie", OWN)).find("debian-13", libc=NEW)


def test_where_they_do_not_it_is_said_why_and_what_to_do() -> None:
    with pytest.raises(HostError, match="no module can be built for debian-13 on this host") as caught:
        Environment(trixie=fresh("trixie", OWN)).find("debian-13")
    assert "linux-kbuild-6.12.117+deb13 needs libc6 2.38, and this host has 2.36" in caught.value.evidence[0]
    assert "without scope and patches" in caught.value.hint
    assert "source: linux-source" in caught.value.hint


def test_another_base_is_not_taken_without_what_builds_its_modules() -> None:
    with pytest.raises(HostError, match=r"debian-6\.12 for arm64 is in no package source"):
        Environment(bookworm_security=fresh("bookworm-security", OWN)).find()
