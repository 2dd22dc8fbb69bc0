# SPDX-License-Identifier: Apache-2.0
"""From what a scenario says of a configuration to fragments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.bases import CONFIGS, ConfigSpec
from orchestrator.errors import InputError
from orchestrator.kernels.build.config.fragment import merged, parse_fragment
from orchestrator.kernels.build.config.page_size import check_page_size, page_size_of
from orchestrator.kernels.build.config.shipped import fragments_for, guest_needs, is_shipped
from orchestrator.paths import resource_dir
from orchestrator.units import KIB

ARM64 = ARCHS["arm64"]
KERNEL = resource_dir("images") / "kernel"


def values(asked: ConfigSpec, arch_name: str = "arm64") -> dict[str, str]:
    fragments = fragments_for(asked, next(arch for arch in ARCHS.values() if arch.name == arch_name))
    return {name: line.value for name, line in merged(fragments).items()}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_shipped_configuration_has_all_that_guests_need(name: str) -> None:
    for arch in ARCHS.values():
        asked = values(ConfigSpec(name), arch.name)
        assert all(asked[line.option] == line.value for line in guest_needs(arch))


def test_each_file_is_of_a_configuration_that_scenarios_can_name() -> None:
    stems = {path.stem for path in KERNEL.glob("*.config")}
    for arch in ARCHS:
        stems = {stem.removesuffix(f"-{arch}") for stem in stems}
    assert stems == {"guest", *CONFIGS}


@pytest.mark.parametrize("path", sorted(KERNEL.glob("gki-like*.config")), ids=lambda path: path.stem)
def test_each_line_that_is_like_a_phones_says_where_that_is_from(path: Path) -> None:
    for line in parse_fragment(path.name, path.read_text()).lines:
        assert re.match(r"(both|14-6\.1|16-6\.12|default: \w+/\S*Kconfig|ours: )", line.comment), line.option


def test_a_name_that_is_not_shipped_is_not_ours() -> None:
    assert is_shipped(ConfigSpec("small"))
    assert not is_shipped(ConfigSpec("debian-6.12"))
    assert not is_shipped(ConfigSpec(Path("small")))


def test_the_scenarios_options_count_more() -> None:
    assert values(ConfigSpec("small"))["COMPACTION"] == "y"
    assert values(ConfigSpec("small", options=(("COMPACTION", "n"),)))["COMPACTION"] == "n"


def test_a_bases_configuration_gets_what_guests_need_and_a_users_does_not() -> None:
    assert values(ConfigSpec("debian-6.12"))["ANDROID_BINDER_IPC"] == "y"
    assert "COMPACTION" not in values(ConfigSpec("debian-6.12"))
    asked = ConfigSpec(Path("/my.config"), options=(("CMA_AREAS", "7"),))
    assert values(asked) == {"ARM64_4K_PAGES": "y", "CMA_AREAS": "7"}


def test_an_option_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="option SWAP: 'perhaps'"):
        fragments_for(ConfigSpec("small", options=(("SWAP", "perhaps"),)), ARM64)


def test_page_sizes_are_options_of_arm64_alone() -> None:
    assert values(ConfigSpec("small", 16 * KIB))["ARM64_16K_PAGES"] == "y"
    assert values(ConfigSpec("small", 64 * KIB))["ARM64_64K_PAGES"] == "y"
    assert not [name for name in values(ConfigSpec("small"), "x86_64") if name.endswith("K_PAGES")]
    with pytest.raises(InputError, match="kernels for x86_64 have no pages of 16 KiB") as refused:
        values(ConfigSpec("small", 16 * KIB), "x86_64")
    assert refused.value.hint == "page_size: 4KiB"
    with pytest.raises(InputError, match="no pages of 8 KiB"):
        values(ConfigSpec("small", 8 * KIB))


def test_a_configuration_says_its_page_size() -> None:
    assert page_size_of({"ARM64_16K_PAGES": "y"}, ARM64) == 16 * KIB
    assert page_size_of({}, ARM64) is None
    assert page_size_of({}, ARCHS["x86_64"]) == 4 * KIB


def test_a_users_page_size_is_not_changed_unsaid() -> None:
    with pytest.raises(InputError, match="my is for pages of 16 KiB, and the base for 4 KiB") as refused:
        check_page_size({"ARM64_16K_PAGES": "y"}, 4 * KIB, ARM64, "my")
    assert refused.value.hint == "add page_size: 16KiB to the base"
    check_page_size({"ARM64_16K_PAGES": "y"}, 16 * KIB, ARM64, "my")
    check_page_size({"ARM64_4K_PAGES": "y"}, 16 * KIB, ARM64, "my")
    check_page_size({}, 4 * KIB, ARM64, "my")
