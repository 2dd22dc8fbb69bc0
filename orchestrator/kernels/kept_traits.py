# SPDX-License-Identifier: Apache-2.0
"""From a kernel in the cache to its traits, which are kept there: reading BTF takes a tenth of a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator.deadline import Deadline
from orchestrator.kernels.base import CONFIG_FILE, IMAGE_FILE, MODULES, Kernel, KernelRequest, SourceTree
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.traits.config_text import KernelConfig, read_config
from orchestrator.kernels.traits.page_array import (
    HEADER_FILE,
    Element,
    element_in_btf,
    element_in_source,
    unknown,
)
from orchestrator.kernels.traits.traits import KernelTraits, traits_of

_KIND = "traits"
_FILE = "traits.json"
_FORMAT = 1
_NEED_BYTES = 1_000_000
_READ_S = 60.0
_MODULE = f"{MODULES}/{BINDER.file}"


def known_traits(
    cache: Cache, request: KernelRequest, kernel: Kernel, source: SourceTree | None
) -> KernelTraits | None:
    """The traits, if they were read before; starts nothing and makes nothing."""
    entry = cache.find(_KIND, _key(request, kernel, source))
    return _kept(entry) if entry is not None else None


def kernel_traits(
    cache: Cache, request: KernelRequest, kernel: Kernel, source: SourceTree | None
) -> KernelTraits:
    """The traits, read now if need be. `source`: that of the binder driver, where it is at hand."""

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


def _key(request: KernelRequest, kernel: Kernel, source: SourceTree | None) -> dict[str, Any]:
    files = kernel.image.meta.files
    return {
        "format": _FORMAT,
        "arch": request.arch.name,
        "page_size": kernel.page_size_bytes,
        "files": {name: files[name].sha256 for name in (IMAGE_FILE, CONFIG_FILE, _MODULE) if name in files},
        "source": source.name if source is not None else None,
    }


def _kept(entry: CacheEntry) -> KernelTraits | None:
    try:
        return KernelTraits.model_validate_json(entry.file(_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def _read(request: KernelRequest, kernel: Kernel, source: SourceTree | None) -> KernelTraits:
    return traits_of(
        _config(kernel.image),
        request.arch.name,
        _element(kernel.image, source),
        page_size_bytes=kernel.page_size_bytes,
    )


def _config(image: CacheEntry) -> KernelConfig | None:
    if CONFIG_FILE not in image.meta.files:
        return None
    text = image.file(CONFIG_FILE).read_text(errors="replace")
    return read_config(text, "its configuration") if text.strip() else None


def _element(image: CacheEntry, source: SourceTree | None) -> Element:
    """What runs says it itself, if it has BTF; else what it was made from."""
    module = image.file(_MODULE).read_bytes() if _MODULE in image.meta.files else None
    told = element_in_btf(image.file(IMAGE_FILE).read_bytes(), module, "the kernel", BINDER.file)
    if told.size_bytes is not None:
        return told
    header = source.path / BINDER.scope / HEADER_FILE if source is not None else None
    if source is None or header is None or not header.is_file():
        return unknown(f"{told.source}, and the driver's source is not at hand")
    in_source = element_in_source(header.read_text(errors="replace"), source.name)
    return in_source if in_source.size_bytes is not None else unknown(f"{told.source}; {in_source.source}")
