# SPDX-License-Identifier: Apache-2.0
"""How large an element of binder's page array is, by BTF and by source: what is not known is said so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kernels.given.contents import btf_of
from orchestrator.kernels.traits.btf import Btf, BtfError
from orchestrator.kernels.traits.elf import section
from orchestrator.kernels.traits.page_array import Element, element_in_btf, element_in_source
from tests.unit.kernels.traits.btf_writer import (
    PTR,
    STRUCT,
    BtfWriter,
    elf,
    kernel,
    with_lru_pages,
    with_page_pointers,
)

NOISE = b"Linux version 6.12.1 \x9f\xeb\x01\x00 \x9f\xeb\x01\x00\x18\0\0\0" + bytes(range(256)) * 3
LRU_PAGES = """
/**
 * struct binder_lru_page - page object used for binder shrinker
 */
struct binder_lru_page {
	struct list_head lru; /* entry; of a list */
	struct page *page_ptr;
	struct binder_alloc *alloc;
};
struct binder_alloc {
	spinlock_t lock;
	struct list_head buffers;
	%s
	size_t buffer_size;
};
"""


def in_image(image: bytes, module: bytes | None = None) -> Element:
    return element_in_btf(btf_of(image), module, "the kernel", "binder_linux.ko")


def test_a_module_is_read_on_top_of_the_kernel() -> None:
    base = kernel()
    module = elf({".text": b"code", ".BTF": with_lru_pages(BtfWriter(base)).data()})
    found = in_image(NOISE + base.data() + NOISE, module)
    assert found == Element(size_bytes=32, source="BTF of binder_linux.ko")


@pytest.mark.parametrize("size", [16, 32, 40])
def test_a_driver_that_is_built_in(size: int) -> None:
    found = in_image(NOISE + with_lru_pages(kernel(), size).data())
    assert found == Element(size_bytes=size, source="BTF of the kernel")


def test_an_array_of_pointers() -> None:
    assert in_image(with_page_pointers(kernel()).data()).size_bytes == 8
    base = kernel()
    module = elf({".BTF": with_page_pointers(BtfWriter(base)).data()})
    assert in_image(base.data(), module).size_bytes == 8


def test_what_is_unknown_says_why() -> None:
    base, empty = kernel(), kernel().data()
    lost = BtfWriter(base)
    lost.add(STRUCT, "binder_alloc", 8, [("vma", 3)])
    void = BtfWriter(base)
    void.add(STRUCT, "binder_alloc", 8, [("pages", void.next_number + 1)])
    void.add(PTR)
    reasons = {
        in_image(b"no types").source: "the kernel has no BTF",
        in_image(empty).source: "BTF of the kernel has no struct binder_alloc",
        in_image(empty, elf({".text": b""})).source: "binder_linux.ko has no BTF",
        in_image(empty, elf({".BTF": b"\x9f\xeb"})).source: "BTF of binder_linux.ko: no BTF header",
        in_image(empty, elf({".BTF": lost.data()})).source: (
            "BTF of binder_linux.ko: struct binder_alloc has no member 'pages'"
        ),
        in_image(empty, elf({".BTF": void.data()})).source: (
            "BTF of binder_linux.ko: it points to what has no size"
        ),
    }
    assert list(reasons) == list(reasons.values())


def test_types_that_go_in_circles_are_refused() -> None:
    writer = kernel()
    number = writer.next_number
    writer.add(8, "mine", number)
    writer.add(STRUCT, "binder_alloc", 8, [("pages", number)])
    with pytest.raises(BtfError, match="a name for itself"):
        Btf(writer.data()).pointee_bytes("binder_alloc", "pages")


@given(st.binary(max_size=300))
def test_any_bytes_are_btf_or_none(data: bytes) -> None:
    header = with_lru_pages(kernel()).data()
    for image in (data, header[:24] + data, header + data, elf({".BTF": data})):
        in_image(image, elf({".BTF": data}))
        element_in_btf(image, elf({".BTF": data}), "the kernel", "binder_linux.ko")
        section(image, ".BTF")


def test_a_table_of_sections_that_is_said_to_be_nowhere_is_none() -> None:
    file = bytearray(elf({".BTF": kernel().data()}))
    file[40:48] = b"\xff" * 8
    assert section(bytes(file), ".BTF") is None


@given(st.data())
def test_damaged_btf_never_ends_in_a_traceback(data: st.DataObject) -> None:
    base = kernel()
    own = bytearray(elf({".BTF": with_lru_pages(BtfWriter(base)).data()}))
    for _ in range(data.draw(st.integers(1, 4))):
        own[data.draw(st.integers(0, len(own) - 1))] = data.draw(st.integers(0, 255))
    size = data.draw(st.integers(0, len(own)))
    in_image(base.data(), bytes(own[:size]))
    in_image(bytes(own), None)


@pytest.mark.parametrize(
    ("member", "size"),
    [
        ("struct binder_lru_page *pages;", 32),
        ("struct page **pages;", 8),
        ("struct page * * pages; /* of them */", 8),
        ("unsigned int *pages;", 4),
        ("struct list_head *pages;", 16),
        ("struct page *pages;", None),
        ("struct binder_lru_page pages[4];", None),
        ("struct binder_lru_page pages;", None),
        ("struct page **others;", None),
        ("#ifdef X\n\tstruct page **pages;\n#endif", None),
    ],
)
def test_the_header_tells_where_it_is_simple(member: str, size: int | None) -> None:
    found = element_in_source(LRU_PAGES % member, "linux-source-6.12")
    assert found.size_bytes == size
    assert "binder_alloc.h of linux-source-6.12" in found.source


@pytest.mark.parametrize(
    ("members", "size"),
    [
        ("struct page *page_ptr;", 8),
        ("u8 flags; struct page *page_ptr;", 16),
        ("struct page *page_ptr; u32 a; u8 b[3];", 16),
        ("u32 a; u16 b;", 8),
        ("u32 a:3;", None),
        ("spinlock_t lock;", None),
        ("union { int a; } u;", None),
        ("struct binder_lru_page self;", None),
    ],
)
def test_members_lie_as_the_compiler_lays_them(members: str, size: int | None) -> None:
    header = (
        f"struct binder_lru_page {{ {members} }};\nstruct binder_alloc {{ struct binder_lru_page *pages; }};"
    )
    assert element_in_source(header, "a tree").size_bytes == size


def test_line_ends_and_tabs_are_no_reason_to_know_less() -> None:
    text = (LRU_PAGES % "struct\tbinder_lru_page\t*pages;").replace("\n", "\r\n")
    assert element_in_source(text, "a tree").size_bytes == 32
