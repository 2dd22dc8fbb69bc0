# SPDX-License-Identifier: Apache-2.0
"""How large an element of the binder driver's page array is: one for each page of a mapping.

`struct binder_alloc` (drivers/android/binder_alloc.h) points to the array with its member `pages`: to
`struct binder_lru_page` from 4.14 to 6.13, 32 bytes, to `struct page *` from 6.14 on, 8 bytes. Whoever
changes that is measured, too: nothing here goes by a version.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from orchestrator.frozen import Frozen
from orchestrator.kernels.traits.btf import Btf, BtfError
from orchestrator.kernels.traits.c_struct import pointee_bytes
from orchestrator.kernels.traits.elf import section

OWNER, MEMBER = "binder_alloc", "pages"
HEADER_FILE = "binder_alloc.h"
ELEMENT_FACT = "element"
"""The fact of a cache entry that holds an `Element`."""


class Element(Frozen):
    """Size of an element in bytes and where that is known from; or None, and why it is not known."""

    size_bytes: int | None = Field(description="size of one element")
    source: str = Field(description="where that is known from, or why it is not")


def element_facts(header: bytes | None, where: str) -> dict[str, str]:
    """What a cache entry notes of the source that it was built from: no fact without the header."""
    if header is None:
        return {}
    return {ELEMENT_FACT: element_in_source(header.decode(errors="replace"), where).model_dump_json()}


def element_of_facts(facts: Mapping[str, str]) -> Element | None:
    """The element by the facts of an entry; None where they do not tell, as those of older ones."""
    fact = facts.get(ELEMENT_FACT)
    return Element.model_validate_json(fact) if fact is not None else None


def unknown(why: str) -> Element:
    """No size, and why."""
    return Element(size_bytes=None, source=why)


def element_in_btf(kernel: bytes | None, module: bytes | None, kernel_name: str, module_name: str) -> Element:
    """Out of the BTF of a kernel, or of a module (its whole file), on top of the kernel's."""
    if kernel is None:
        return unknown(f"{kernel_name} has no BTF")
    own = section(module, ".BTF") if module is not None else None
    if module is not None and own is None:
        return unknown(f"{module_name} has no BTF")
    try:
        types = Btf(kernel) if own is None else Btf(own, Btf(kernel))
        size_bytes = types.pointee_bytes(OWNER, MEMBER)
    except BtfError as error:
        return unknown(f"BTF of {module_name if own else kernel_name}: {error}")
    name = module_name if own else kernel_name
    if size_bytes is None:
        return unknown(f"BTF of {name} has no struct {OWNER}")
    return Element(size_bytes=size_bytes, source=f"BTF of {name}")


def element_in_source(header: str, where: str) -> Element:
    """Out of the text of binder_alloc.h; `where` names the source in words."""
    size_bytes = pointee_bytes(header, OWNER, MEMBER)
    if size_bytes is None:
        return unknown(f"{HEADER_FILE} of {where} does not say simply what struct {OWNER} points to")
    return Element(size_bytes=size_bytes, source=f"{HEADER_FILE} of {where}")
