# SPDX-License-Identifier: Apache-2.0
"""What stands for a phone's kernel: the shipped configuration `gki-like`, and nothing beyond what it says."""

from __future__ import annotations

from orchestrator.arch import ARCHS, ArchName
from orchestrator.bases import ConfigSpec
from orchestrator.kernels.build.config.fragment import merged
from orchestrator.kernels.build.config.shipped import fragments_for
from orchestrator.kernels.traits.config import KernelConfig
from orchestrator.kernels.traits.page_array import unknown
from orchestrator.kernels.traits.traits import KernelTraits, traits_of

PHONE = "gki-like"


def phone_traits(arch: ArchName) -> KernelTraits:
    """Its traits, as it is built where nobody asks for other pages."""
    spec = ConfigSpec(PHONE)
    lines = merged(fragments_for(spec, ARCHS[arch]))
    config = KernelConfig({name: line.value for name, line in lines.items()}, f"{PHONE}.config", whole=False)
    element = unknown("a configuration says nothing of the source")
    return traits_of(config, arch, element, page_size_bytes=spec.page_size_bytes)
