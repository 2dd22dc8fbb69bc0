# SPDX-License-Identifier: Apache-2.0
"""Out of distribution packages, only what guests and module builds need."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.host.process import run, start
from orchestrator.kernels import kmod
from orchestrator.kernels.base import MODULES, ORDER_FILE
from orchestrator.kernels.given import bzimage
from orchestrator.kernels.modules import DRIVERS, guest_modules, module_file

# Where what these modules depend on usually lives. Anything else costs a second pass over the package.
_LIKELY = (
    *(f"{scope}/" for scope in DRIVERS), "drivers/block/null_blk/", "drivers/block/zram/",
    "crypto/", "fs/configfs/", "lib/", "mm/",
)  # fmt: skip
_IMAGE_OR_CONFIG = re.compile(r"boot/(vmlinuz|config)-[^/]+|usr/lib/modules/[^/]+/(vmlinuz|config)")
"""Where they are, and where newer packages have them."""
_UNPACK_S = 300.0


@contextmanager
def deb_members(deb: Path) -> Iterator[tarfile.TarFile]:
    """The files of a package as a stream; whoever has seen enough may leave early."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as stream, ExitStack() as stack:
        try:
            stack.enter_context(start(["dpkg-deb", "--fsys-tarfile", deb], stdout=write_end))
        finally:
            os.close(write_end)
        try:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                yield archive
        except (tarfile.TarError, EOFError) as error:
            raise HostError(f"cannot read the package {deb.name}: {error}") from error


def unpack_kernel(debs: Sequence[Path], directory: Path) -> dict[str, str]:
    """`vmlinuz`, `config`, `modules/*.ko` and their load order out of an image package, or of its parts.

    `vmlinuz` is what QEMU is to start: a bzImage is unpacked if it can be.
    Returns the facts of the entry. HostError when the kernel lacks the driver under test.
    """
    contents, builtin = _read_kernel(debs, frozenset())
    order, missing = _order(contents, builtin)
    if missing:
        more, _ = _read_kernel(debs, frozenset(missing))
        contents |= more
        order, missing = _order(contents, builtin)
    if missing:
        names = ", ".join(deb.name for deb in debs)
        raise HostError(f"{names} has no module {', '.join(sorted(missing))}")
    modules = directory / MODULES
    modules.mkdir()
    for path, content in contents.items():
        if not kmod.is_module(path):
            name = PurePosixPath(path).name.partition("-")[0]
            (directory / name).write_bytes(bzimage.unpacked(content) if name == "vmlinuz" else content)
        elif kmod.module_name(path) in order:
            (modules / module_file(kmod.module_name(path))).write_bytes(kmod.decompress(path, content))
    drivers = {driver.module for driver in DRIVERS.values()}
    common = [name for name in order if name not in drivers]
    (directory / ORDER_FILE).write_text("".join(f"{module_file(name)}\n" for name in common))
    return {}


def _order(contents: dict[str, bytes], builtin: set[str]) -> tuple[list[str], set[str]]:
    modules = {kmod.module_name(path): path for path in contents if kmod.is_module(path)}
    dependencies = _LazyDependencies(modules, contents)
    return kmod.load_order(guest_modules(), dependencies, builtin)


class _LazyDependencies(dict[str, tuple[str, ...]]):
    """Dependencies by module name; only modules that are asked for are decompressed."""

    def __init__(self, paths: dict[str, str], contents: dict[str, bytes]) -> None:
        super().__init__(dict.fromkeys(paths, ()))
        self._paths = paths
        self._contents = contents

    def __getitem__(self, name: str) -> tuple[str, ...]:
        path = self._paths[name]
        return kmod.depends(kmod.decompress(path, self._contents[path]))


def _read_kernel(debs: Sequence[Path], extra_modules: frozenset[str]) -> tuple[dict[str, bytes], set[str]]:
    """Paths and contents of image, config and modules that may be needed; names of built-in modules."""
    contents: dict[str, bytes] = {}
    builtin: set[str] = set()
    for deb in debs:
        deadline = Deadline.after(_UNPACK_S, f"unpacking {deb.name}")
        with deb_members(deb) as archive:
            for member in archive:
                deadline.check()
                path = member.name.removeprefix("./")
                if _IMAGE_OR_CONFIG.fullmatch(path) or _may_need(path, extra_modules):
                    contents[path] = _read(archive, member)
                elif PurePosixPath(path).name == "modules.builtin":
                    lines = _read(archive, member).decode().split()
                    builtin = {kmod.module_name(line) for line in lines}
    return contents, builtin


def _may_need(path: str, extra_modules: frozenset[str]) -> bool:
    if not kmod.is_module(path):
        return False
    inside = path.partition("/kernel/")[2]
    return inside.startswith(_LIKELY) or kmod.module_name(path) in extra_modules


def unpack_source(deb: Path, scope: str, directory: Path) -> dict[str, str]:
    """The files of one source directory, such as `drivers/android`, out of a linux-source package.

    The tarball is sorted, so reading ends behind the directory: a third of it for drivers/android.
    """
    with source_archive(deb) as archive:
        found = _copy_scope(archive, scope, directory)
    if not found:
        raise HostError(f"{deb.name} has no {scope}")
    return {}


@contextmanager
def source_archive(deb: Path) -> Iterator[tarfile.TarFile]:
    """The tarball in a linux-source package, as a stream; HostError for a package without one."""
    with deb_members(deb) as outer:
        for member in outer:
            if member.name.endswith((".tar.xz", ".tar.gz", ".tar.zst")):
                inner = cast(IO[bytes], outer.extractfile(member))
                with tarfile.open(fileobj=inner, mode="r|xz") as archive:
                    yield archive
                return
    raise HostError(f"{deb.name} holds no source tarball")


def _copy_scope(archive: tarfile.TarFile, scope: str, directory: Path) -> bool:
    deadline = Deadline.after(_UNPACK_S, f"unpacking {scope} of the kernel source")
    found = False
    for member in archive:
        deadline.check()
        path = member.name.partition("/")[2]
        inside = path == scope or path.startswith(f"{scope}/")
        if found and not inside:
            break
        found = found or inside
        if inside and member.isreg():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_read(archive, member))
    return found


def unpack_busybox(deb: Path, directory: Path) -> dict[str, str]:
    """The static busybox out of its package."""
    with deb_members(deb) as archive:
        for member in archive:
            if member.isreg() and member.name.removeprefix("./") in ("bin/busybox", "usr/bin/busybox"):
                (directory / "busybox").write_bytes(_read(archive, member))
                return {}
    raise HostError(f"{deb.name} holds no busybox")


def unpack_headers(debs: list[Path], directory: Path) -> None:
    """A `/usr/src` for out-of-tree builds: both header packages and the host's kbuild tools.

    The headers link to `../../lib/linux-kbuild-VERSION`. The host's read-only /usr has no such
    directory to mount on, so the tools move beside the headers and the links follow.
    """
    unpacked = directory / "unpacked"
    for deb in debs:
        run(["dpkg-deb", "-x", deb, unpacked], deadline=Deadline.after(_UNPACK_S, f"unpacking {deb.name}"))
    source = unpacked / "usr/src"
    for tools in (unpacked / "usr/lib").glob("linux-kbuild-*"):
        link = source / tools.name
        link.unlink(missing_ok=True)
        tools.rename(link)
    for link in source.glob("linux-headers-*/*"):
        if link.is_symlink():
            target = PurePosixPath(link.readlink())
            link.unlink()
            link.symlink_to(PurePosixPath("..", target.parent.name, target.name))
    source.rename(directory / "src")
    shutil.rmtree(unpacked)


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None:
        raise HostError(f"the package has no regular file {member.name}")
    with file:
        return file.read()
