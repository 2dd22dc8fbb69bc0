# SPDX-License-Identifier: Apache-2.0
"""A source of kernels that is no distribution: what `kernels.base` asks for is enough for a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from orchestrator import bases
from orchestrator.arch import ARCHS, ArchName
from orchestrator.bases import BASES, Base
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.host.process import run
from orchestrator.host.programs import Stage
from orchestrator.kernels import images, sources
from orchestrator.kernels.base import (
    BUSYBOX_FILE,
    CONFIG_FILE,
    IMAGE_FILE,
    MODULES,
    ORDER_FILE,
    Kernel,
    KernelPlan,
    KernelRecord,
    KernelRequest,
    Progress,
    SourceTree,
)
from orchestrator.kernels.build.guest_agent import AGENT_FILE, agent_key
from orchestrator.kernels.build.toolchain import find_compiler
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.images import image_needs, prepare_images, probe_base, prune_images
from orchestrator.kernels.lock import lock_of
from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.pins import Pins
from orchestrator.kernels.planned import planned_commands
from orchestrator.kernels.sources import source_of
from orchestrator.kernels.variants import VariantRecipe
from orchestrator.paths import cache_dir

NAME = "given"


@dataclass(frozen=True)
class GivenFiles:
    """What a base is made from that somebody brings."""

    content: bytes
    source_name: str = "given"
    archs: tuple[ArchName, ...] = ("arm64",)


class FileSource:
    """Gives kernels that are files. It has no sources, so that nothing is built against them."""

    stages: tuple[Stage, ...] = ()

    def known(self, cache: Cache, request: KernelRequest) -> Kernel | None:
        entries = {kind: cache.find(kind, self._recipe(request)) for kind in ("kernel", "busybox")}
        image, busybox = entries["kernel"], entries["busybox"]
        return self._kernel(request, image, busybox) if image and busybox else None

    def obtain(
        self, cache: Cache, request: KernelRequest, progress: Progress, *, refresh: bool = False
    ) -> Kernel:
        if request.scope is not None:
            raise InputError(f"{request.what} has no source: no module can be built against it")
        progress(f"taking {request.what} as it is, afresh: {refresh}")
        entries = [
            cache.obtain(
                kind,
                self._recipe(request),
                partial(_write, files),
                what=f"{kind} of {NAME}",
                need_bytes=0,
                deadline=Deadline.after(10, kind),
            )
            for kind, files in self._made(request).items()
        ]
        return self._kernel(request, *entries)

    def obtain_recorded(
        self, cache: Cache, request: KernelRequest, record: KernelRecord, progress: Progress
    ) -> Kernel:
        kernel = self.obtain(cache, request, progress)
        if kernel.release != record.release or record.packages:
            raise HostError("it is not there any more")
        return kernel

    def known_source(self, cache: Cache, request: KernelRequest) -> SourceTree | None:
        return None

    def plan(self, cache: Cache, request: KernelRequest, directory: Path) -> KernelPlan:
        def no_source(_tree: Path) -> str:
            raise InputError(f"{request.what} has no source")

        kernel = (f"cp Image {directory}/{IMAGE_FILE}",)
        return KernelPlan("1.0", kernel, (), lambda file: f"cp {BINDER.file} {file}", no_source)

    def forget(self, cache: Cache) -> None:
        (cache.root / "forgotten").touch()

    @staticmethod
    def _made(request: KernelRequest) -> dict[str, dict[str, bytes]]:
        assert isinstance(request.base.made_from, GivenFiles)
        kernel = {
            IMAGE_FILE: request.base.made_from.content,
            CONFIG_FILE: b"",
            ORDER_FILE: b"zram.ko\n",
            f"{MODULES}/zram.ko": b"zram",
            f"{MODULES}/{BINDER.file}": b"binder",
        }
        return {"kernel": kernel, "busybox": {BUSYBOX_FILE: b"busybox"}}

    @staticmethod
    def _recipe(request: KernelRequest) -> dict[str, str]:
        return {"given": repr(request.base.made_from)}

    @staticmethod
    def _kernel(request: KernelRequest, image: CacheEntry, busybox: CacheEntry) -> Kernel:
        return Kernel("1.0", "1", request.base.page_size_bytes, image, busybox, (), None)


def _write(files: dict[str, bytes], directory: Path) -> dict[str, str]:
    for name, content in files.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)
    return {}


@pytest.fixture(autouse=True)
def _given(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A base of that kind beside Debian's, and an agent that nobody has to compile."""
    monkeypatch.setitem(bases.BASES, NAME, Base(NAME, 65536, GivenFiles(b"kernel")))
    monkeypatch.setitem(sources.SOURCES, GivenFiles, FileSource())
    cache = images._cache(cache_dir())
    compiler = find_compiler(ARCHS["arm64"], 12)

    def agent(directory: Path) -> dict[str, str]:
        (directory / AGENT_FILE).write_bytes(b"agent")
        return {"compiler": "none"}

    cache.obtain(
        "agent", agent_key(compiler), agent, what="agent", need_bytes=0, deadline=Deadline.after(10, "agent")
    )
    return iter(())


def prepare(progress: Progress = print, *, pins: Pins | None = None) -> images.GuestImages:
    recipes = [VariantRecipe("a", bases.BASES[NAME]), VariantRecipe("b", bases.BASES[NAME])]
    made = prepare_images("arm64", recipes, progress=progress, pins=pins)
    assert made["a"] == made["b"]
    return made["a"]


def test_a_run_gets_kernel_root_and_record_from_any_source() -> None:
    said: list[str] = []
    guest = prepare(said.append)
    assert guest.kernel.read_bytes() == b"kernel"
    listing = run(["cpio", "-t", "--quiet", "-F", guest.initramfs], deadline=Deadline.after(10, "cpio"))
    names = listing.stdout.decode().split()
    assert {"init", "bin/busybox", "modules/common/zram.ko", f"modules/a/{BINDER.file}"} <= set(names)
    assert f"modules/common/{BINDER.file}" not in names
    assert (guest.release, guest.page_size_bytes) == ("1.0", 65536)
    assert guest.manifest.packages == ()
    assert said[0] == "taking given for arm64 as it is, afresh: False"


def test_what_is_there_needs_no_program_and_is_a_probe_s_kernel() -> None:
    assert probe_base("arm64") is None
    stages = {need.stage for need in image_needs("arm64", [VariantRecipe("a", bases.BASES[NAME])])}
    assert "fetch" not in stages, "this source fetches nothing"
    prepare()
    assert probe_base("arm64") == NAME
    assert probe_base("x86_64") is None


def test_a_record_is_made_again_or_told_to_be_gone() -> None:
    record: ArtefactManifest = prepare().manifest
    assert lock_of([record], "1").bases[NAME].release == "1.0"
    prune_images(everything=True)
    gone = replace_release(record, "0.9")
    with pytest.raises(HostError, match="not there any more"):
        prepare(pins=Pins((gone,)))


def replace_release(record: ArtefactManifest, release: str) -> ArtefactManifest:
    return record.model_copy(update={"release": release, "kernel_sha256": "0" * 64})


def test_a_kernel_without_source_refuses_a_module_build(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="given for arm64 has no source"):
        prepare_images("arm64", [VariantRecipe("a", bases.BASES[NAME], BINDER.scope)], progress=print)


def test_a_dry_run_takes_its_commands_from_the_source() -> None:
    text = "\n".join(planned_commands("arm64", [VariantRecipe("a", bases.BASES[NAME])]).commands)
    assert "cp Image " in text
    assert f"cp {BINDER.file} " in text
    assert "apt-get" not in text


def test_all_sources_forget_what_they_chose() -> None:
    prepare()
    sources.forget_choices(images._cache(cache_dir()))
    assert (cache_dir() / "forgotten").exists()


def test_every_base_has_a_source() -> None:
    assert all(source_of(base) for base in BASES.values())
    with pytest.raises(KeyError):
        source_of(replace(BASES["debian-6.1"], made_from=object()))  # type: ignore[arg-type]
