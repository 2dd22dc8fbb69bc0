# SPDX-License-Identifier: Apache-2.0
"""How many NUMA nodes a kernel can have, and why no more. Pure, but for reading configurations."""

from __future__ import annotations

from pathlib import Path

from orchestrator.arch import ARCHS, ArchName
from orchestrator.bases import ConfigSpec
from orchestrator.errors import InputError
from orchestrator.files.reading import read_bounded
from orchestrator.kernels.build.config.fragment import merged
from orchestrator.kernels.build.config.shipped import fragments_for, is_shipped
from orchestrator.kernels.build.config.text import parse_config
from orchestrator.kernels.traits.config import KernelConfig
from orchestrator.kernels.traits.page_array import unknown
from orchestrator.kernels.traits.traits import KernelTraits, traits_of
from orchestrator.text.amounts import count_of
from orchestrator.units import MIB

_MOST_BYTES = 4 * MIB
"""A whole configuration has some 300 KiB."""


def traits_asked_for(config: ConfigSpec, arch: ArchName) -> KernelTraits | None:
    """The traits of a kernel before it is built, as far as its configuration says them by itself.

    What is built up from ours and the user's own file are known whole; of a distribution's, only what the
    scenario sets on top. None where it cannot be read: building it says why.
    """
    path = config.name_or_path
    try:
        data = read_bounded(path, _MOST_BYTES) if isinstance(path, Path) else b""
        lines = merged(fragments_for(config, ARCHS[arch]))
    except (InputError, OSError):
        return None
    told = parse_config(data.decode(errors="replace"))
    options = {**told, **{name: line.value for name, line in lines.items()}}
    whole = isinstance(path, Path) or is_shipped(config)
    return traits_of(KernelConfig(options, str(path), whole), arch, unknown("it is not built yet"))


def too_few_nodes(traits: KernelTraits | None, wanted: int) -> str | None:
    """Why a kernel cannot have so many nodes; None where it can, or nothing is known."""
    if traits is None or wanted == 1:
        return None
    if traits.numa is False:
        return f"has no NUMA (CONFIG_NUMA is off): all memory is one node to it, not {wanted}"
    if traits.nodes is not None and traits.nodes < wanted:
        return f"has {count_of('NUMA node', traits.nodes)} at most (CONFIG_NODES_SHIFT), not {wanted}"
    return None
