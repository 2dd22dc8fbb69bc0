# SPDX-License-Identifier: Apache-2.0
"""From what a scenario says of a configuration to fragments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.errors import InputError
from orchestrator.kernels.build.config.fragment import merged
from orchestrator.kernels.build.config.page_size import check_page_size, page_size_of
from orchestrator.kernels.build.config.shipped import fragments_for, guest_needs, is_shipped, shipped_configs
from orchestrator.units import KIB

ARM64 = ARCHS["arm64"]
EACH_ARCH = pytest.mark.parametrize("arch", ARCHS.values(), ids=lambda arch: arch.name)


@dataclass(frozen=True)
class Asked:
    name_or_path: str | Path
    page_size_bytes: int = 4 * KIB
    options: tuple[tuple[str, str], ...] = ()


def values(asked: Asked, arch_name: str = "arm64") -> dict[str, str]:
    fragments = fragments_for(asked, next(arch for arch in ARCHS.values() if arch.name == arch_name))
    return {name: line.value for name, line in merged(fragments).items()}


@EACH_ARCH
@pytest.mark.parametrize("name", shipped_configs())
def test_a_shipped_configuration_has_all_that_guests_need(name: str, arch: object) -> None:
    for arch in ARCHS.values():
        asked = values(Asked(name), arch.name)
        assert all(asked[line.option] == line.value for line in guest_needs(arch))


def test_names_are_those_of_the_files_for_any_architecture() -> None:
    assert "small" in shipped_configs()
    assert not {"guest", "guest-arm64"} & set(shipped_configs())
    assert is_shipped(Asked("small"))
    assert not is_shipped(Asked("debian-6.12"))
    assert not is_shipped(Asked(Path("small")))


def test_the_scenarios_options_count_more() -> None:
    assert values(Asked("small"))["COMPACTION"] == "y"
    assert values(Asked("small", options=(("COMPACTION", "n"),)))["COMPACTION"] == "n"


def test_a_bases_configuration_gets_what_guests_need_and_a_users_does_not() -> None:
    assert values(Asked("debian-6.12"))["ANDROID_BINDER_IPC"] == "y"
    assert "COMPACTION" not in values(Asked("debian-6.12"))
    asked = Asked(Path("/my.config"), options=(("CMA_AREAS", "7"),))
    assert values(asked) == {"ARM64_4K_PAGES": "y", "CMA_AREAS": "7"}


def test_an_option_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="option SWAP: 'perhaps'"):
        fragments_for(Asked("small", options=(("SWAP", "perhaps"),)), ARM64)


def test_page_sizes_are_options_of_arm64_alone() -> None:
    assert values(Asked("small", 16 * KIB))["ARM64_16K_PAGES"] == "y"
    assert values(Asked("small", 64 * KIB))["ARM64_64K_PAGES"] == "y"
    assert not [name for name in values(Asked("small"), "x86_64") if name.endswith("K_PAGES")]
    with pytest.raises(InputError, match="kernels for x86_64 have no pages of 16 KiB") as refused:
        values(Asked("small", 16 * KIB), "x86_64")
    assert refused.value.hint == "page_size: 4KiB"
    with pytest.raises(InputError, match="no pages of 8 KiB"):
        values(Asked("small", 8 * KIB))


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
