# SPDX-License-Identifier: Apache-2.0
"""From files that somebody brings to a kernel in the cache, and back from there."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS, Arch
from orchestrator.bases import Base, GivenImage
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.kernels.base import (
    BUSYBOX_FILE,
    CONFIG_FILE,
    EXTRA_ROOT_FILE,
    IMAGE_FILE,
    MODULES,
    ORDER_FILE,
    Kernel,
    KernelRequest,
    Progress,
)
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.given.source import GivenImages
from orchestrator.kernels.lock import lock_of
from orchestrator.kernels.manifest import ArtefactManifest, Package
from tests.unit.kernels.given import kernel_images as images
from tests.unit.kernels.given.test_module_files import lay, module

BUSYBOX = Package(name="busybox-static", version="1", architecture="arm64", sha256="0" * 64, size_bytes=1)
IMAGE = images.arm64_image(images.btf())
SILENT = "a kernel without its configuration"


class Boxes:
    """Gives a busybox, and knows it from then on."""

    def known_busybox(self, cache: Cache, arch: Arch) -> tuple[CacheEntry, Package] | None:
        entry = cache.find("busybox", {"arch": arch.name})
        return (entry, BUSYBOX) if entry else None

    def busybox(
        self, cache: Cache, arch: Arch, progress: Progress, *, recorded: Package | None = None
    ) -> tuple[CacheEntry, Package]:
        assert recorded in (None, BUSYBOX)

        def make(directory: Path) -> dict[str, str]:
            progress("busybox")
            (directory / BUSYBOX_FILE).write_bytes(b"busybox")
            return {}

        deadline = Deadline.after(10, "busybox")
        entry = cache.obtain(
            "busybox", {"arch": arch.name}, make, what="busybox", need_bytes=0, deadline=deadline
        )
        return entry, BUSYBOX


class Bench:
    """A directory with files of a kernel, and the source that takes them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = Cache(root / "cache")
        self.source = GivenImages(Boxes())
        self.said: list[str] = []

    def request(
        self, image: bytes, *, modules: bool = False, initramfs: bytes = b"", arch: str = "arm64"
    ) -> KernelRequest:
        path = self.root / "Image.gz"
        path.write_bytes(gzip.compress(image, mtime=0))
        if initramfs:
            (self.root / "more.cpio").write_bytes(initramfs)
        made_from = GivenImage(
            path,
            self.root / "more.cpio" if initramfs else None,
            self.root / "modules" if modules else None,
        )
        return KernelRequest(Base("mine", 4096, made_from), ARCHS[arch])

    def obtain(self, request: KernelRequest) -> Kernel:
        return self.source.obtain(self.cache, request, self.said.append)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def record_of(kernel: Kernel) -> ArtefactManifest:
    return ArtefactManifest(
        base="mine",
        arch="arm64",
        release=kernel.release,
        page_size_bytes=kernel.page_size_bytes,
        packages=kernel.packages,
        given=kernel.given,
        kernel_sha256=kernel.image.sha256(IMAGE_FILE),
        busybox_sha256="",
        agent_sha256="",
        agent_compiler="",
        initramfs_sha256="",
    )


def test_an_image_alone(bench: Bench) -> None:
    kernel = bench.obtain(bench.request(images.arm64_image(images.ikconfig())))
    assert kernel.image.file(IMAGE_FILE).read_bytes() == images.arm64_image(images.ikconfig())
    assert kernel.image.file(CONFIG_FILE).read_text() == images.CONFIG
    assert kernel.image.file(ORDER_FILE).read_text() == ""
    assert (kernel.release, kernel.page_size_bytes, kernel.binder) == (images.RELEASE, 4096, "built-in")
    assert kernel.packages == (BUSYBOX,)
    assert kernel.given is not None
    file = (bench.root / "Image.gz").read_bytes()
    assert (kernel.given.image, kernel.given.image_sha256) == ("Image.gz", hashlib.sha256(file).hexdigest())
    assert kernel.given.version == images.BANNER.strip()


def test_modules_and_initramfs_go_with_it(bench: Bench) -> None:
    lay(bench.root / "modules", binder_linux=module(), null_blk=module("configfs"), configfs=module())
    kernel = bench.obtain(bench.request(IMAGE, modules=True, initramfs=b"070701 files"))
    assert kernel.binder == "module"
    assert kernel.image.file(ORDER_FILE).read_text() == "configfs.ko\nnull_blk.ko\n"
    assert kernel.image.file(f"{MODULES}/binder_linux.ko").read_bytes() == module()
    assert kernel.image.file(EXTRA_ROOT_FILE).read_bytes() == b"070701 files"
    assert kernel.image.file(CONFIG_FILE).read_text() == "", SILENT


def test_the_driver_in_rust_is_loaded_in_the_others_place(bench: Bench) -> None:
    lay(bench.root / "modules", rust_binder=module())
    kernel = bench.obtain(bench.request(IMAGE, modules=True))
    assert kernel.image.file(f"{MODULES}/binder_linux.ko").read_bytes() == module()
    assert kernel.image.file(ORDER_FILE).read_text() == ""


def test_no_module_is_taken_for_a_driver_that_is_built_in(bench: Bench) -> None:
    lay(bench.root / "modules", binder_linux=module())
    assert (
        bench.obtain(bench.request(images.arm64_image(images.C_MESSAGE), modules=True)).binder == "built-in"
    )


def test_what_is_known_starts_nothing_and_changes_with_the_files(bench: Bench) -> None:
    lay(bench.root / "modules", binder_linux=module())
    request = bench.request(IMAGE, modules=True)
    assert bench.source.known(bench.cache, request) is None
    made = bench.obtain(request)
    again = bench.source.known(bench.cache, request)
    assert again is not None
    assert (again.image.key, again.given) == (made.image.key, made.given)
    before = len(bench.said)
    bench.obtain(request)
    assert len(bench.said) == before
    bench.request(images.arm64_image(), modules=True)
    assert bench.source.known(bench.cache, request) is None


def test_a_record_is_made_again_unless_the_files_are_others(bench: Bench) -> None:
    request = bench.request(IMAGE)
    record = record_of(bench.obtain(request))
    locked = lock_of([record], "1").bases["mine"]
    assert bench.source.obtain_recorded(bench.cache, request, locked, print).given == record.given
    bench.request(images.arm64_image())
    with pytest.raises(HostError, match="mine is not what it was") as caught:
        bench.source.obtain_recorded(bench.cache, request, record, print)
    assert caught.value.evidence[0].startswith("the image: SHA-256 ")
    without = record.model_copy(update={"given": None})
    with pytest.raises(InputError, match="names no image"):
        bench.source.obtain_recorded(bench.cache, request, without, print)


def test_another_architecture_is_refused(bench: Bench) -> None:
    with pytest.raises(InputError, match="is a kernel for arm64, and the scenario's device is x86_64"):
        bench.obtain(bench.request(IMAGE, arch="x86_64"))


def test_an_unknown_page_size_is_not_guessed(bench: Bench) -> None:
    with pytest.raises(InputError, match="does not say how large its pages are"):
        bench.obtain(bench.request(images.arm64_image(flags=0)))


def test_nothing_is_built_into_it(bench: Bench) -> None:
    request = bench.request(IMAGE)
    with pytest.raises(InputError, match="nothing can be built into it"):
        bench.obtain(KernelRequest(request.base, request.arch, "drivers/android"))


def test_the_configuration_beside_a_distributions_image_is_taken(bench: Bench) -> None:
    image = bench.root / f"vmlinuz-{images.RELEASE}"
    image.write_bytes(IMAGE)
    (bench.root / f"config-{images.RELEASE}").write_text("CONFIG_Y=y\n")
    request = KernelRequest(Base("mine", 4096, GivenImage(image)), ARCHS["arm64"])
    assert bench.obtain(request).image.file(CONFIG_FILE).read_text() == "CONFIG_Y=y\n"
