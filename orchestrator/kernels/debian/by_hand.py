# SPDX-License-Identifier: Apache-2.0
"""The commands that fetch and unpack Debian's packages by hand, for a dry run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from orchestrator.bases import Origin
from orchestrator.host.process import paste_ready
from orchestrator.kernels.base import HEADERS_FILE, IMAGE_FILE, KernelPlan, KernelRequest
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.debian import fetch
from orchestrator.kernels.debian.apt import apt_name, open_apt
from orchestrator.kernels.debian.resolve import BUSYBOX, ResolvedBase, packages_of
from orchestrator.kernels.modules import BINDER, COMMON_MODULES


def plan_commands(cache: Cache, request: KernelRequest, directory: Path) -> KernelPlan:
    """What fetching would run below a directory.

    Before the first download neither the packages' names nor what their modules depend on is known: then
    the meta packages stand for them, and the modules for themselves.
    """
    resolved = fetch.recorded_base(cache, request.base, request.arch)
    return KernelPlan(
        release=resolved.release if resolved else "RELEASE",
        kernel=(*_fetch_lines(cache, request, resolved, directory), *_kernel_lines(directory)),
        headers=tuple(_headers_lines(directory)),
        driver=partial(_driver_line, directory),
        source=partial(_source_line, directory, request.scope),
    )


def build_scope(request: KernelRequest) -> str | None:
    """What is fetched for builds: headers come with the source of the driver under test."""
    return request.scope or (BINDER.scope if request.test_module is not None else None)


def _fetch_lines(
    cache: Cache, request: KernelRequest, resolved: ResolvedBase | None, directory: Path
) -> list[str]:
    shipped, arch = packages_of(request.base), request.arch
    origin = resolved.origin(request.base) if resolved else shipped.origins[0]
    apt = open_apt(cache.root, origin, arch, arch.debian)
    debs, target = shlex.quote(str(directory / "debs")), shlex.quote(str(directory))
    # Releases differ in where their packages have things; what is looked into has to be there.
    places = [
        directory / place for place in ("debs", "boot", "bin", "usr/bin", "lib/modules", "usr/lib/modules")
    ]
    download = paste_ready(apt.command("apt-get", "download", *_packages(request, resolved, origin)))
    return [
        paste_ready(["mkdir", "-p", *places]),
        paste_ready(apt.command("apt-get", "update")),
        f"cd {debs} && {download}",
        f'for deb in {debs}/*.deb; do dpkg-deb -x "$deb" {target}; done',
    ]


def _packages(request: KernelRequest, resolved: ResolvedBase | None, origin: Origin) -> Sequence[str]:
    scope = build_scope(request)
    if resolved is not None and (scope is None or resolved.builds_modules):
        parts = fetch.parts_of(resolved, scope)
        return [apt_name(package) for part in parts for package in part.packages]
    shipped, arch = packages_of(request.base), request.arch
    names = [f"{shipped.meta_package('image', arch, origin)}:{arch.debian}", f"{BUSYBOX}:{arch.debian}"]
    if scope is not None:
        headers = f"{shipped.meta_package('headers', arch, origin)}:{arch.debian}"
        names += [headers, shipped.source_name]
    return names


def _kernel_lines(directory: Path) -> list[str]:
    """Kernel, busybox and modules to their places in the guest.

    A run unpacks x86_64 kernels as well (`bzimage`): they boot the same, only sooner.
    """
    here, modules = shlex.quote(str(directory)), shlex.quote(str(directory / "root/modules/common"))
    names = " -o ".join(f"-name '{name}.ko*'" for name in COMMON_MODULES)
    return [
        f"find {here}/boot {here}/usr/lib/modules -name 'vmlinuz*' -exec cp {{}} {here}/{IMAGE_FILE} \\;",
        f"find {here}/bin {here}/usr/bin -name busybox -exec cp {{}} {here}/root/bin/ \\;",
        f"find {here}/lib/modules {here}/usr/lib/modules \\( {names} \\) -exec cp {{}} {modules} \\;",
        f"find {modules} -name '*.xz' -exec unxz {{}} +",
        f"cd {modules} && for name in {' '.join(COMMON_MODULES)}; do ls $name.ko; done >order",
    ]


def _headers_lines(directory: Path) -> list[str]:
    """The kbuild tools beside the headers, see `unpack.unpack_headers`."""
    source, tools = shlex.quote(str(directory / "usr/src")), shlex.quote(str(directory / "usr/lib"))
    links = "for link in linux-headers-*/scripts linux-headers-*/tools"
    point = 'ln -sfn "../$(echo linux-kbuild-*)/${link#*/}" "$link"'
    return [
        f"rm {source}/linux-kbuild-* && mv {tools}/linux-kbuild-* {source}",
        f"cd {source} && {links}; do {point}; done",
        f"tar -C {source} -cf {shlex.quote(str(directory / HEADERS_FILE))} .",
    ]


def _driver_line(directory: Path, target: Path) -> str:
    """The driver as it is shipped: packed by xz, or not."""
    here = shlex.quote(str(directory))
    found = f"find {here}/lib/modules {here}/usr/lib/modules -name '{BINDER.file}*'"
    return f"{found} -exec xz -dcf {{}} \\; >{shlex.quote(str(target))}"


def _source_line(directory: Path, scope: str | None, tree: Path) -> str:
    tarball = f"{shlex.quote(str(directory / 'usr/src'))}/linux-source-*.tar.xz"
    place = shlex.quote(str(tree))
    return f"mkdir -p {place} && tar -xf {tarball} -C {place} --strip-components=1 --wildcards '*/{scope}'"
