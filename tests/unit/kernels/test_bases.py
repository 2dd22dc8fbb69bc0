# SPDX-License-Identifier: Apache-2.0
"""Which bases exist for which architecture."""

from __future__ import annotations

import pytest

from orchestrator.bases import BASES, find_base, find_scope
from orchestrator.errors import InputError


@pytest.mark.parametrize(
    ("base", "arch"),
    [
        ("debian-6.1", "arm64"),
        ("debian-6.12", "arm64"),
        ("debian-6.12-16k", "arm64"),
        ("debian-6.1", "x86_64"),
        ("debian-6.12", "x86_64"),
    ],
)
def test_all_promised_bases_exist(base: str, arch: str) -> None:
    found, architecture = find_base(base, arch)
    assert (found.name, architecture.name) == (base, arch)
    assert all(origin.suite in origin.suites for origin in found.origins)


def test_meta_packages_are_named_as_their_suite_names_them() -> None:
    base, arch = find_base("debian-6.12-16k", "arm64")
    assert {origin.suite: base.meta_package("image", arch, origin) for origin in base.origins} == {
        "bookworm-security": "linux-image-6.12-arm64-16k",
        "trixie": "linux-image-arm64-16k",
        "bookworm-backports": "linux-image-arm64-16k",
    }


def test_page_sizes() -> None:
    assert [BASES[name].page_size_bytes for name in ("debian-6.1", "debian-6.12-16k")] == [4096, 16384]


def test_a_base_that_the_architecture_lacks_names_those_it_has() -> None:
    with pytest.raises(InputError, match="does not exist for x86_64") as caught:
        find_base("debian-6.12-16k", "x86_64")
    assert "arm64" in caught.value.hint
    assert "debian-6.1, debian-6.12" in caught.value.hint


def test_an_unknown_base_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown base 'debian-6\.2'") as caught:
        find_base("debian-6.2", "arm64")
    assert "did you mean 'debian-6.1" in caught.value.hint


def test_an_unknown_scope_names_those_that_can_be_built() -> None:
    with pytest.raises(InputError, match="scope 'mm'") as caught:
        find_scope("mm")
    assert "drivers/android" in caught.value.hint
