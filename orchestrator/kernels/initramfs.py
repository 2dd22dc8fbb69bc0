# SPDX-License-Identifier: Apache-2.0
"""The guests' root: a cpio archive with agent, busybox and modules, the same bytes every time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.deadline import Deadline
from orchestrator.guest_files.archive import GuestFiles, write_archive
from orchestrator.host.process import run
from orchestrator.kernels.base import BUSYBOX_FILE, EXTRA_ROOT_FILE, MODULES, ORDER_FILE, Kernel, Progress
from orchestrator.kernels.build.guest_agent import AGENT_FILE
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.modules import BINDER

INITRAMFS_FILE = "initramfs.cpio"

_PACK_S = 60.0
_NEED_BYTES = 50_000_000
_FORMAT = 1
_DIRECTORIES = ("bin", "dev", "proc", "sys", "tmp", "modules", "modules/common")
CPIO = ("cpio", "-o", "-0", "-H", "newc", "--quiet", "--reproducible", "-R", "0:0")


ModuleEntry = tuple[CacheEntry, str]
"""What holds a module, and the file's name in it."""


def initramfs_key(
    kernel: Kernel,
    agent: CacheEntry,
    modules: Mapping[str, str],
    own: GuestFiles,
    test_module: ModuleEntry | None = None,
) -> dict[str, Any]:
    """Everything the archive depends on; `modules` are the checksums of the variants' modules."""
    files = kernel.image.meta.files
    common = {name: fact.sha256 for name, fact in files.items() if name.startswith(f"{MODULES}/")}
    return {
        "format": _FORMAT,
        "agent": agent.sha256(AGENT_FILE),
        "busybox": kernel.busybox.sha256(BUSYBOX_FILE),
        "common": common,
        "order": kernel.image.sha256(ORDER_FILE),
        "variants": dict(modules),
        **({"test module": test_module[0].sha256(test_module[1])} if test_module else {}),
        **({"before": kernel.image.sha256(EXTRA_ROOT_FILE)} if EXTRA_ROOT_FILE in files else {}),
        **({"files": own.key} if own.records else {}),
    }


def build_initramfs(
    cache: Cache,
    kernel: Kernel,
    agent: CacheEntry,
    modules: Mapping[str, tuple[Path, str]],
    own: GuestFiles,
    progress: Progress,
    test_module: ModuleEntry | None = None,
) -> CacheEntry:
    """The archive, from the cache or packed now. `modules`: path and checksum by variant name.

    `own` files of the user's come in an archive of their own behind the rest.
    """
    files = _layout(kernel, agent, {name: path for name, (path, _) in modules.items()})
    if test_module is not None:
        entry, name = test_module
        files[f"modules/common/{name}"] = (entry.file(name), 0o644)
    what = f"initramfs for {kernel.image.meta.what}: {', '.join(modules) or 'no variant'}"

    def make(directory: Path) -> dict[str, str]:
        progress(f"packing the {what}")
        with cache.scratch() as root:
            names = _stage(root, files)
            archive = run(
                CPIO,
                cwd=root,
                input_bytes="\0".join(names).encode(),
                deadline=Deadline.after(_PACK_S, "packing the initramfs"),
            ).stdout
        with (directory / INITRAMFS_FILE).open("wb") as file:
            file.write(_extra_root(kernel) + archive)
            if own.records:
                write_archive(own, file)
        return {}

    checksums = {name: sha256 for name, (_, sha256) in modules.items()}
    key = initramfs_key(kernel, agent, checksums, own, test_module)
    return cache.obtain(
        "initramfs",
        key,
        make,
        what=what,
        need_bytes=_NEED_BYTES + sum(each.size_bytes for each in own.records),
        deadline=Deadline.after(2 * _PACK_S, "the initramfs"),
    )


def _extra_root(kernel: Kernel) -> bytes:
    """What a kernel comes with, whose files the guest's own replace."""
    there = EXTRA_ROOT_FILE in kernel.image.meta.files
    return kernel.image.file(EXTRA_ROOT_FILE).read_bytes() if there else b""


def _layout(kernel: Kernel, agent: CacheEntry, modules: Mapping[str, Path]) -> dict[str, tuple[Path, int]]:
    """Where each file goes in the guest, where it comes from, and its mode."""
    files = {
        "init": (agent.file(AGENT_FILE), 0o755),
        "bin/busybox": (kernel.busybox.file(BUSYBOX_FILE), 0o755),
        "modules/common/order": (kernel.image.file(ORDER_FILE), 0o644),
    }
    for name in kernel.image.file(ORDER_FILE).read_text().split():
        files[f"modules/common/{name}"] = (kernel.image.file(f"{MODULES}/{name}"), 0o644)
    for variant, path in modules.items():
        files[f"modules/{variant}/{BINDER.file}"] = (path, 0o644)
    return files


def _stage(root: Path, files: Mapping[str, tuple[Path, int]]) -> list[str]:
    """Lay the files out below `root` with fixed modes and times; all names, sorted."""
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, (source, mode) in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        target.chmod(mode)
    (root / "bin/sh").symlink_to("busybox")
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    for name in reversed(names):
        if (root / name).is_dir():
            (root / name).chmod(0o755)
        os.utime(root / name, (0, 0), follow_symlinks=False)
    return names
