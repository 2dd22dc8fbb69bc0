# SPDX-License-Identifier: Apache-2.0
"""From a kernel in the cache to its traits, which are kept there: reading BTF takes a tenth of a second."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator.bases import SourceBuild
from orchestrator.deadline import Deadline
from orchestrator.errors import OomlabError
from orchestrator.kernels.base import CONFIG_FILE, IMAGE_FILE, MODULES, Kernel, KernelRequest, SourceTree
from orchestrator.kernels.build.config.text import parse_config
from orchestrator.kernels.build.patch import touches
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.given.image import KernelImage, read_image
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.sources import source_of
from orchestrator.kernels.traits.config import KernelConfig
from orchestrator.kernels.traits.page_array import (
    ELEMENT_FACT,
    HEADER_FILE,
    Element,
    element_in_btf,
    element_in_source,
    element_of_facts,
    unknown,
)
from orchestrator.kernels.traits.traits import KernelTraits, traits_of

_KIND = "traits"
_FILE = "traits.json"
_FORMAT = 2
_NEED_BYTES = 1_000_000
_READ_S = 60.0
_MODULE = f"{MODULES}/{BINDER.file}"


def known_traits(cache: Cache, request: KernelRequest, kernel: Kernel) -> KernelTraits | None:
    """The traits, if they were read before; starts nothing and makes nothing."""
    entry = cache.find(_KIND, _key(request, kernel, _driver_source(cache, request)))
    return _kept(entry) if entry is not None else None


def known_element(cache: Cache, request: KernelRequest) -> Element | None:
    """The element of binder's page array, by what the cache holds of a kernel; starts and makes nothing.

    None for a kernel that is not there, or that nobody has looked at. A tree that lies on this machine is
    not looked through for it.
    """
    if isinstance(request.base.made_from, SourceBuild):
        return None
    kernel = source_of(request.base).known(cache, request)
    traits = known_traits(cache, request, kernel) if kernel is not None else None
    return traits.element if traits is not None else None


def kernel_traits(cache: Cache, request: KernelRequest, kernel: Kernel) -> KernelTraits:
    """The traits, read now if need be."""
    source = _driver_source(cache, request)

    def make(directory: Path) -> dict[str, str]:
        traits = _read(request, kernel, source)
        (directory / _FILE).write_text(traits.model_dump_json(indent=1))
        return {}

    what = f"traits of {kernel.image.meta.what}"
    entry = cache.obtain(
        _KIND,
        _key(request, kernel, source),
        make,
        what=what,
        need_bytes=_NEED_BYTES,
        deadline=Deadline.after(_READ_S, what),
    )
    return _kept(entry) or _read(request, kernel, source)


def _driver_source(cache: Cache, request: KernelRequest) -> SourceTree | None:
    """The source of the driver under test, as the kernel has it, where the cache has that."""
    if touches(request.patches, HEADER_FILE):
        return None
    return source_of(request.base).known_source(cache, replace(request, scope=BINDER.scope))


def _key(request: KernelRequest, kernel: Kernel, source: SourceTree | None) -> dict[str, Any]:
    files = kernel.image.meta.files
    return {
        "format": _FORMAT,
        "arch": request.arch.name,
        "page_size": kernel.page_size_bytes,
        "files": {name: files[name].sha256 for name in (IMAGE_FILE, CONFIG_FILE, _MODULE) if name in files},
        "source": source.name if source is not None else None,
        "built": kernel.image.meta.facts.get(ELEMENT_FACT),
    }


def _kept(entry: CacheEntry) -> KernelTraits | None:
    try:
        return KernelTraits.model_validate_json(entry.file(_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def _read(request: KernelRequest, kernel: Kernel, source: SourceTree | None) -> KernelTraits:
    image: KernelImage | None = None
    try:
        image = read_image(kernel.image.file(IMAGE_FILE).read_bytes(), "the kernel")
        told = _told(kernel.image, image)
    except OomlabError as error:
        told = unknown(f"no BTF can be read: {error.message}")
    config = config_of(kernel.image)
    element = told if told.size_bytes is not None else _made_from(kernel.image, told, source)
    traits = traits_of(config, request.arch.name, element, page_size_bytes=kernel.page_size_bytes)
    return traits if config is not None or image is None else traits.with_drivers(image.marks)


def config_of(image: CacheEntry) -> KernelConfig | None:
    """The configuration that lies in a kernel's entry; None where there is none."""
    if CONFIG_FILE not in image.meta.files:
        return None
    options = parse_config(image.file(CONFIG_FILE).read_text(errors="replace"))
    return KernelConfig(options, "its configuration") if options else None


def _told(entry: CacheEntry, image: KernelImage) -> Element:
    """What runs says it itself, if it has BTF."""
    module = entry.file(_MODULE).read_bytes() if _MODULE in entry.meta.files else None
    return element_in_btf(image.btf, module, "the kernel", BINDER.file)


def _made_from(entry: CacheEntry, told: Element, source: SourceTree | None) -> Element:
    """By what it was made from, where it does not say it itself."""
    found = element_of_facts(entry.meta.facts) or _in_source(source)
    if found is None:
        return unknown(f"{told.source}, and the driver's source is not at hand")
    return found if found.size_bytes is not None else unknown(f"{told.source}; {found.source}")


def _in_source(source: SourceTree | None) -> Element | None:
    header = source.path / BINDER.scope / HEADER_FILE if source is not None else None
    if source is None or header is None or not header.is_file():
        return None
    return element_in_source(header.read_text(errors="replace"), source.name)
