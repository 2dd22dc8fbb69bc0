# SPDX-License-Identifier: Apache-2.0
"""Traits by a kernel's configuration and its device: what is known, what is not, and what differs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.arch import ARCHS
from orchestrator.kernels.build.config.text import parse_config
from orchestrator.kernels.phone import PHONE, phone_traits
from orchestrator.kernels.traits.config import KernelConfig
from orchestrator.kernels.traits.on_device import Settings, on_device
from orchestrator.kernels.traits.page_array import Element, unknown
from orchestrator.kernels.traits.rows import ROWS
from orchestrator.kernels.traits.table import ARRAY, KernelTable, kernel_table
from orchestrator.kernels.traits.traits import KernelTraits, traits_of
from orchestrator.units import KIB, MIB

# Lines of the configuration of Debian's 6.1.0-50-arm64.
DEBIAN = """
CONFIG_PSI=y
# CONFIG_PSI_DEFAULT_DISABLED is not set
CONFIG_MEMCG=y
CONFIG_ARM64_4K_PAGES=y
# CONFIG_ARM64_16K_PAGES is not set
CONFIG_ARM64_VA_BITS_48=y
CONFIG_ARM64_VA_BITS=48
CONFIG_NUMA=y
CONFIG_NODES_SHIFT=4
CONFIG_SHUFFLE_PAGE_ALLOCATOR=y
CONFIG_COMPACTION=y
CONFIG_TRANSPARENT_HUGEPAGE=y
CONFIG_TRANSPARENT_HUGEPAGE_ALWAYS=y
# CONFIG_TRANSPARENT_HUGEPAGE_MADVISE is not set
CONFIG_CMA=y
CONFIG_CMA_SIZE_MBYTES=64
CONFIG_CMA_SIZE_SEL_MBYTES=y
CONFIG_LRU_GEN=y
# CONFIG_LRU_GEN_ENABLED is not set
CONFIG_ZRAM=m
CONFIG_ANDROID_BINDER_IPC=m
# CONFIG_ANDROID_BINDERFS is not set
CONFIG_INIT_ON_ALLOC_DEFAULT_ON=y
"""
LRU_PAGES = Element(size_bytes=32, source="BTF of binder_linux.ko")


def traits(text: str = DEBIAN, *, whole: bool = True) -> KernelTraits:
    config = KernelConfig(parse_config(text), "its configuration", whole)
    return traits_of(config, "arm64", LRU_PAGES)


def changed(line: str, becomes: str) -> KernelTraits:
    assert line in DEBIAN
    return traits(DEBIAN.replace(line, becomes))


def table(**kernels: KernelTraits) -> KernelTable:
    return kernel_table(kernels, phone_traits("arm64"), PHONE)


def told(given: KernelTraits, label: str) -> str:
    return next(row for row in ROWS if row.label == label).text(given)


def test_a_distributions_configuration() -> None:
    assert traits() == KernelTraits(
        page_size_bytes=4 * KIB, numa=True, nodes=16, page_shuffle="off", mglru="off", psi="on", cma=True,
        cma_bytes=64 * MIB, init_on_alloc=True, thp="always", zram="module", compaction=True,
        compaction_proactiveness=20, binder="module", binder_rust="absent", binderfs=False, memcg="on",
        va_bits=48, element=LRU_PAGES,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "becomes", "label", "text"),
    [
        ("CONFIG_NUMA=y", "# CONFIG_NUMA is not set", "NUMA", "no"),
        ("CONFIG_NUMA=y", "", "NUMA", "no"),
        ("CONFIG_NODES_SHIFT=4", "CONFIG_NODES_SHIFT=10", "NUMA", "yes, 1024 nodes at most"),
        ("CONFIG_SHUFFLE_PAGE_ALLOCATOR=y", "", "page shuffle", "absent"),
        ("# CONFIG_LRU_GEN_ENABLED is not set", "CONFIG_LRU_GEN_ENABLED=y", "MGLRU", "on"),
        ("CONFIG_LRU_GEN=y", "", "MGLRU", "absent"),
        ("# CONFIG_PSI_DEFAULT_DISABLED is not set", "CONFIG_PSI_DEFAULT_DISABLED=y", "PSI", "off"),
        ("CONFIG_CMA=y", "# CONFIG_CMA is not set", "CMA", "none"),
        ("CONFIG_CMA_SIZE_MBYTES=64", "CONFIG_CMA_SIZE_MBYTES=0", "CMA", "none"),
        ("CONFIG_CMA_SIZE_SEL_MBYTES=y", "CONFIG_CMA_SIZE_SEL_PERCENTAGE=y", "CMA", "unknown"),
        ("CONFIG_INIT_ON_ALLOC_DEFAULT_ON=y", "", "init on alloc", "off"),
        ("HUGEPAGE_ALWAYS=y", "HUGEPAGE_NEVER=y", "huge pages (THP)", "never"),
        ("CONFIG_TRANSPARENT_HUGEPAGE=y", "", "huge pages (THP)", "absent"),
        ("CONFIG_ZRAM=m", "CONFIG_ZRAM=y", "zram", "built in"),
        ("CONFIG_COMPACTION=y", "", "compaction", "no"),
        ("CONFIG_ANDROID_BINDER_IPC=m", "", "binder", "absent"),
        ("CONFIG_ANDROID_BINDER_IPC=m", "CONFIG_ANDROID_BINDER_IPC_RUST=y", "binder", "Rust, built in"),
        (
            "CONFIG_ANDROID_BINDER_IPC=m",
            "CONFIG_ANDROID_BINDER_IPC=y\nCONFIG_ANDROID_BINDER_IPC_RUST=m\nCONFIG_ANDROID_BINDERFS=y",
            "binder",
            "C, built in and Rust, module, binderfs",
        ),
        ("CONFIG_MEMCG=y", "", "memory groups", "absent"),
        ("CONFIG_ARM64_4K_PAGES=y", "CONFIG_ARM64_64K_PAGES=y", "page size", "64 KiB"),
        ("CONFIG_ARM64_VA_BITS=48", "CONFIG_ARM64_VA_BITS=39", "address bits", "39"),
    ],
)
def test_every_trait_follows_its_options(line: str, becomes: str, label: str, text: str) -> None:
    without = DEBIAN.replace("# CONFIG_ANDROID_BINDERFS is not set\n", "")
    assert line in without
    assert told(traits(without.replace(line, becomes)), label) == text


def test_what_a_fragment_does_not_say_is_unknown_and_says_why() -> None:
    given = traits("CONFIG_NUMA=y\n", whole=False)
    assert told(given, "NUMA") == "unknown"
    assert given.unknown["nodes"] == "its configuration does not say"
    assert "numa" not in given.unknown
    nothing = traits_of(None, "arm64", unknown("no source"), page_size_bytes=4096)
    assert nothing.page_size_bytes == 4096
    assert nothing.unknown["numa"] == "it comes without its configuration"
    rows = {row.trait: row for row in table(given=nothing).rows}
    assert rows["NUMA"].cells == ("unknown",)
    assert rows["NUMA"].differs == (False,)
    assert rows["NUMA"].unknown == ("given: it comes without its configuration",)
    assert rows[ARRAY].unknown == ("given: no source",)


@pytest.mark.parametrize(
    ("word", "label", "text"),
    [
        ("page_alloc.shuffle=1", "page shuffle", "on"),
        ("page_alloc.shuffle=Y", "page shuffle", "on"),
        ("psi=0", "PSI", "off"),
        ("psi=off", "PSI", "off"),
        ("init_on_alloc=0", "init on alloc", "off"),
        ("transparent_hugepage=never", "huge pages (THP)", "never"),
        ("transparent_hugepage=sometimes", "huge pages (THP)", "always"),
        ("cgroup_disable=cpu,memory", "memory groups", "off"),
        ("cgroup_disable=cpu", "memory groups", "on"),
        ("slub_max_order=0", "page shuffle", "off"),
    ],
)
def test_a_devices_command_line_counts(word: str, label: str, text: str) -> None:
    assert told(on_device(traits(), Settings(cmdline=(word,))), label) == text


def test_what_is_not_compiled_in_is_not_switched_on() -> None:
    without = changed("CONFIG_SHUFFLE_PAGE_ALLOCATOR=y", "")
    assert on_device(without, Settings(cmdline=("page_alloc.shuffle=1",))).page_shuffle == "absent"
    assert on_device(changed("CONFIG_CMA=y", ""), Settings(cma_bytes=32 * MIB)).cma_bytes == 0


def test_a_devices_cma_and_sysctls_count() -> None:
    device = Settings(sysctls={"vm.compaction_proactiveness": 0, "vm.swappiness": 100}, cma_bytes=32 * MIB)
    there = on_device(traits(), device)
    assert (there.cma_bytes, there.compaction_proactiveness) == (32 * MIB, 0)
    odd = Settings(sysctls={"vm.compaction_proactiveness": "many"})
    assert on_device(traits(), odd).compaction_proactiveness == 20


def test_rows_that_differ_come_first_and_say_what_that_means() -> None:
    rows = table(debian=traits()).rows
    differing = [row for row in rows if any(row.differs)]
    assert rows[: len(differing)] == tuple(differing)
    assert {"NUMA", "MGLRU", "huge pages (THP)", "binder", "address bits"} <= {row.trait for row in differing}
    assert all(row.means[0] for row in differing)
    assert not any(row.means[0] for row in rows[len(differing) :])


def test_a_phones_kernel_does_not_differ_from_a_phones() -> None:
    assert table(phone=phone_traits("arm64")).differing == ()


def test_kernels_of_one_run_have_a_column_each() -> None:
    other = changed("CONFIG_NUMA=y", "# CONFIG_NUMA is not set")
    rows = {row.trait: row for row in table(debian=traits(), small=other).rows}
    assert rows["NUMA"].cells == ("yes, 16 nodes at most", "no")
    assert rows["NUMA"].differs == (True, False)
    assert rows["NUMA"].means[1] == ""


def test_a_module_of_zram_is_as_good_as_one_built_in() -> None:
    assert "zram" not in {row.trait for row in table(debian=traits()).differing}


def test_the_phones_column_is_read_from_the_shipped_configuration() -> None:
    phone = phone_traits("arm64")
    assert (phone.numa, phone.mglru, phone.thp, phone.binder, phone.binderfs) == (
        False, "on", "madvise", "built in", True,
    )  # fmt: skip
    assert phone.page_shuffle == "off"


@pytest.mark.parametrize("arch", ARCHS)
def test_every_architecture_has_a_phones_column(arch: str) -> None:
    assert phone_traits(ARCHS[arch].name).page_size_bytes == 4 * KIB


def test_options_as_they_are_asked_for() -> None:
    config = KernelConfig({"A": "n", "B": '"x y"', "C": "0x10"}, "it")
    assert (config.on("A"), config.on("B"), config.number("C")) == (False, True, 16)
    assert config.number("B") is None
    assert config.on("D") is False


@given(st.text(max_size=200))
def test_any_text_is_a_configuration(text: str) -> None:
    given = traits(f"{DEBIAN}{text}")
    assert all(row.text(given) for row in ROWS)
    table(it=given)


@given(st.lists(st.text(max_size=20), max_size=5))
def test_any_words_are_a_command_line(words: list[str]) -> None:
    on_device(traits(), Settings(cmdline=words))
