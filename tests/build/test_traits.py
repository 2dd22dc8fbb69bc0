# SPDX-License-Identifier: Apache-2.0
"""Traits of Debian's own kernels: their real BTF, a module's on top of the kernel's, and their source."""

from __future__ import annotations

import pytest

from orchestrator.arch import ArchName
from orchestrator.bases import find_base
from orchestrator.kernels.base import KernelRequest
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.examined import Examined, examine
from orchestrator.paths import cache_dir

pytestmark = pytest.mark.build


def examined(base: str, arch: ArchName) -> Examined:
    return examine(Cache(cache_dir()), KernelRequest(*find_base(base, arch)), lambda _: None)


@pytest.mark.parametrize(
    ("base", "arch"), [("debian-6.1", "arm64"), ("debian-6.1", "x86_64"), ("debian-6.12", "arm64")]
)
def test_the_element_is_read_from_the_modules_btf(base: str, arch: ArchName) -> None:
    """These are of before 6.14, and each of them is packed otherwise."""
    element = examined(base, arch).traits.element
    assert (element.size_bytes, element.source) == (32, "BTF of binder_linux.ko")


def test_what_a_distribution_configures_is_known_whole() -> None:
    found = examined("debian-6.1", "arm64")
    assert found.traits.unknown == {}
    assert (found.traits.numa, found.traits.nodes, found.traits.mglru) == (True, 16, "off")
    assert (found.traits.thp, found.traits.binder, found.traits.binderfs) == ("always", "module", False)
    assert {"binder_linux", "null_blk", "zram"} <= {*found.modules}
