# SPDX-License-Identifier: Apache-2.0
"""How many NUMA nodes a kernel can have, and why no more. Pure, but for the shipped configurations."""

from __future__ import annotations

from orchestrator.arch import ARCHS, ArchName
from orchestrator.bases import ConfigSpec
from orchestrator.errors import InputError
from orchestrator.kernels.build.config.fragment import merged
from orchestrator.kernels.build.config.shipped import fragments_for, is_shipped
from orchestrator.kernels.traits.config_text import KernelConfig
from orchestrator.kernels.traits.page_array import unknown
from orchestrator.kernels.traits.traits import KernelTraits, traits_of
from orchestrator.text.amounts import count_of


def traits_asked_for(config: ConfigSpec, arch: ArchName) -> KernelTraits | None:
    """The traits of a kernel before it is built, as far as its configuration says them by itself.

    What is built up from ours is known whole; of any other, only what the scenario sets on top.
    None where it cannot be read: building it says why.
    """
    try:
        lines = merged(fragments_for(config, ARCHS[arch]))
    except (InputError, OSError):
        return None
    options = {name: line.value for name, line in lines.items()}
    asked = KernelConfig(options, str(config.name_or_path), whole=is_shipped(config))
    return traits_of(asked, arch, unknown("it is not built yet"))


def too_few_nodes(traits: KernelTraits | None, wanted: int) -> str | None:
    """Why a kernel cannot have so many nodes; None where it can, or nothing is known."""
    if traits is None or wanted == 1:
        return None
    if traits.numa is False:
        return f"has no NUMA (CONFIG_NUMA is off): all memory is one node to it, not {wanted}"
    if traits.nodes is not None and traits.nodes < wanted:
        return f"has {count_of('NUMA node', traits.nodes)} at most (CONFIG_NODES_SHIFT), not {wanted}"
    return None
