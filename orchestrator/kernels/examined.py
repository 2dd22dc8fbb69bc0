# SPDX-License-Identifier: Apache-2.0
"""A kernel looked at: what it is made of, what it has, and what sets it apart."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from orchestrator.arch import ArchName
from orchestrator.frozen import Frozen
from orchestrator.kernels.base import IMAGE_FILE, MODULES, Kernel, KernelRequest, Progress
from orchestrator.kernels.build.config.text import parse_config
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.features import KernelFeatures
from orchestrator.kernels.given.image import KernelImage, read_image_file
from orchestrator.kernels.given.taking import config_beside
from orchestrator.kernels.kept_traits import config_of, kernel_traits
from orchestrator.kernels.manifest import Package, Sha256
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.sources import source_of
from orchestrator.kernels.traits.config import KernelConfig
from orchestrator.kernels.traits.page_array import element_in_btf, unknown
from orchestrator.kernels.traits.traits import KernelTraits, traits_of
from orchestrator.kernels.verified import file_sha256
from orchestrator.text.plain import named


class Examined(Frozen):
    """A kernel. What nothing tells is null."""

    name: str = Field(description="of its base, or of its file")
    arch: ArchName
    release: str = Field(description="`uname -r`")
    version: str | None = Field(description="of the package or the tree, or what the image says of itself")
    made_from: tuple[str, ...] = Field(description="packages, tree and configuration, or the kind of file")
    sha256: Sha256 = Field(description="of the image")
    page_size_bytes: int | None
    ikconfig: bool | None = Field(description="whether its configuration is in it")
    modules: tuple[str, ...] = Field(description="that guests load; what is built in is not among them")
    traits: KernelTraits = Field(description="as it is made, whatever a device sets")
    features: KernelFeatures = Field(exclude=True)


def examine(cache: Cache, request: KernelRequest, progress: Progress) -> Examined:
    """The kernel of a request, fetched or built if need be; raises as `KernelSource.obtain` does."""
    kernel = source_of(request.base).obtain(cache, request, progress)
    config = config_of(kernel.image)
    prefix = f"{MODULES}/"
    modules = [file.removeprefix(prefix) for file in kernel.image.meta.files if file.startswith(prefix)]
    names = tuple(file.removesuffix(".ko") for file in modules)
    return Examined(
        name=request.name,
        arch=request.arch.name,
        release=kernel.release,
        version=kernel.version,
        made_from=tuple(_made_from(kernel)),
        sha256=kernel.image.sha256(IMAGE_FILE),
        page_size_bytes=kernel.page_size_bytes,
        ikconfig=config.on("IKCONFIG") if config is not None else None,
        modules=names,
        traits=kernel_traits(cache, request, kernel),
        features=kernel.features,
    )


def _made_from(kernel: Kernel) -> list[str]:
    told = [_package(package) for package in kernel.packages]
    if kernel.built is not None:
        commit = f", commit {kernel.built.commit}" if kernel.built.commit else ""
        dirty = ", with other files than that" if kernel.built.dirty else ""
        told.insert(0, f"{named(kernel.built.tree)}{commit}{dirty}; {named(kernel.built.config)}")
    if kernel.given is not None:
        told.insert(0, f"{named(kernel.given.image)}, SHA-256 {kernel.given.image_sha256}")
    return told


def _package(package: Package) -> str:
    return f"{package.name} {package.version}, SHA-256 {package.sha256}"


def examine_image(path: Path) -> Examined:
    """A kernel image as it lies there, alone. InputError for a file that is none, or none for guests."""
    image = read_image_file(path)
    text = image.config or config_beside(path)
    where = "its IKCONFIG" if image.config is not None else "the configuration beside it"
    config = KernelConfig(parse_config(text), where) if text is not None else None
    return Examined(
        name=named(path.name),
        arch=image.arch,
        release=named(image.release),
        version=named(image.banner),
        made_from=(image.what,),
        sha256=file_sha256(path),
        page_size_bytes=image.page_size_bytes,
        ikconfig=image.config is not None,
        modules=(),
        traits=_image_traits(image, config),
        features=KernelFeatures(text, present=image.marks),
    )


def _image_traits(image: KernelImage, config: KernelConfig | None) -> KernelTraits:
    if config is not None and config.value("ANDROID_BINDER_IPC") == "m":
        element = unknown(f"the driver is {BINDER.file}, which is not in the image")
    else:
        element = element_in_btf(image.btf, None, "the image", BINDER.file)
    traits = traits_of(
        config, image.arch, element, page_size_bytes=image.page_size_bytes, why_not="it has no IKCONFIG"
    )
    return traits if config is not None else traits.with_drivers(image.marks)
