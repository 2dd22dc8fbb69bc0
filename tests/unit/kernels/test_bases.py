# SPDX-License-Identifier: Apache-2.0
"""Which bases exist for which architecture."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from orchestrator import bases
from orchestrator.arch import ARCHS, ArchName
from orchestrator.bases import BASES, counterpart, find_base, peculiarities
from orchestrator.errors import InputError
from orchestrator.kernels.debian.resolve import packages_of
from orchestrator.kernels.modules import (
    BINDER,
    DRIVERS,
    TEST_MODULES,
    find_driver,
    guest_modules,
    module_file,
)
from orchestrator.paths import resource_dir
from orchestrator.scenario.device import Variant


@pytest.mark.parametrize(
    ("base", "arch"),
    [
        ("debian-6.1", "arm64"),
        ("debian-6.12", "arm64"),
        ("debian-6.12-16k", "arm64"),
        ("debian-6.1", "x86_64"),
        ("debian-6.12", "x86_64"),
        *((name, arch) for name in ("debian-13", "debian-testing", "debian-sid") for arch in ARCHS),
    ],
)
def test_all_promised_bases_exist(base: str, arch: str) -> None:
    found, architecture = find_base(base, arch)
    assert (found.name, architecture.name) == (base, arch)
    assert all(origin.suite in origin.suites for origin in packages_of(found).origins)


def test_meta_packages_are_named_as_their_suite_names_them() -> None:
    base, arch = find_base("debian-6.12-16k", "arm64")
    shipped = packages_of(base)
    assert {origin.suite: shipped.meta_package("image", arch, origin) for origin in shipped.origins} == {
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
        find_driver("mm")
    assert "drivers/android" in caught.value.hint


def test_the_words_of_records_are_the_keys_of_the_tables() -> None:
    assert list(ARCHS) == list(get_args(ArchName))
    schema = Variant.model_json_schema()["properties"]
    assert schema["base"]["anyOf"][0]["enum"] == list(BASES)
    scopes = schema["scope"]["anyOf"][0]
    assert scopes.get("enum", [scopes.get("const")]) == list(DRIVERS)


@pytest.mark.parametrize("name", BASES)
def test_a_variant_takes_its_page_size_from_the_table(name: str) -> None:
    assert Variant(base=name).page_bytes == BASES[name].page_size_bytes


def test_what_a_base_has_of_its_own_is_said_where_bases_are_chosen() -> None:
    assert "`debian-6.12-16k` has 16 KiB pages and exists for arm64 only" in peculiarities()
    assert "`debian-6.1`" not in peculiarities(), "it is like most"
    assert peculiarities() in str(Variant.model_json_schema()["properties"]["base"]["description"])


def test_the_nearest_base_of_another_architecture_is_of_the_same_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lacking = BASES["debian-6.12-16k"]
    assert counterpart(lacking, "x86_64") == "debian-6.12"
    others = {name: base for name, base in BASES.items() if base.source_name != lacking.source_name}
    monkeypatch.setattr(bases, "BASES", others)
    assert counterpart(lacking, "x86_64") == next(iter(others))
    monkeypatch.setattr(bases, "BASES", {})
    assert counterpart(lacking, "x86_64") is None


def test_the_guest_agent_asks_for_modules_of_the_table() -> None:
    guest = resource_dir("images") / "guest"
    spelt = {
        name for source in guest.rglob("*.[ch]") for name in re.findall(r"(\w+\.ko)\b", source.read_text())
    }
    assert BINDER.file in spelt
    assert spelt <= {module_file(name) for name in (*guest_modules(), *TEST_MODULES)}


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "images/guest/PROTOCOL.md"])
def test_the_pages_name_modules_of_the_table(page: str) -> None:
    text = (resource_dir("images").parent / page).read_text()
    assert set(re.findall(r"\w+\.ko\b", text)) <= {
        module_file(name) for name in (*guest_modules(), *TEST_MODULES)
    }
    assert BINDER.module in text
