# SPDX-License-Identifier: Apache-2.0
"""A whole build as commands for a dry run: one command, for a build goes on from what is kept of others.

It is `kernels.by_hand`, which gets the request as JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.arch import ARCHS
from orchestrator.bases import ConfigSpec, SourceBuild, TreeSpec, unlisted_bases
from orchestrator.host.process import paste_ready
from orchestrator.kernels.base import (
    BUSYBOX_FILE,
    IMAGE_FILE,
    MODULES,
    ORDER_FILE,
    Kernel,
    KernelPlan,
    KernelRequest,
)
from orchestrator.kernels.build.patch import read_patch
from orchestrator.kernels.modules import BINDER


def plan(request: KernelRequest, made_from: SourceBuild, directory: Path, *, has_module: bool) -> KernelPlan:
    """The commands; `has_module`: the driver under test is none of the kernel's own."""
    patches = [directory / f"{number:02}-{patch.name}" for number, patch in enumerate(request.patches, 1)]
    wanted = json.dumps(_described(request, made_from, patches), sort_keys=True)
    command = [sys.executable, "-m", "orchestrator.kernels.by_hand", wanted, str(directory)]
    root = Path(__file__).parents[3]
    return KernelPlan(
        release="RELEASE",
        kernel=(
            *(
                f"{paste_ready(['printf', '%s', patch.content.decode(errors='surrogateescape')])}"
                f" >{paste_ready([file])}"
                for patch, file in zip(request.patches, patches, strict=True)
            ),
            f"PYTHONPATH={paste_ready([root])} {paste_ready(command)}",
        ),
        headers=(),
        driver=partial(_driver_line, directory) if has_module else None,
        source=lambda _: "false # modules are not built against a kernel that is built whole",
    )


def _driver_line(directory: Path, file: Path) -> str:
    return paste_ready(["cp", directory / BINDER.file, file])


def _described(request: KernelRequest, made_from: SourceBuild, patches: list[Path]) -> dict[str, Any]:
    tree, config = made_from.tree, made_from.config
    return {
        "arch": request.arch.name,
        "source": _place(tree.source),
        "revision": tree.revision,
        "suite": tree.suite,
        "config": _place(config.name_or_path),
        "page_size_bytes": config.page_size_bytes,
        "options": dict(config.options),
        "patches": [str(patch) for patch in patches],
    }


def _place(source: str | Path) -> dict[str, str]:
    return {"path" if isinstance(source, Path) else "name": str(source)}


def _placed(place: dict[str, str]) -> str | Path:
    return Path(place["path"]) if "path" in place else place["name"]


def read_request(text: str) -> KernelRequest:
    """What `plan` wrote."""
    wanted = json.loads(text)
    tree = TreeSpec(_placed(wanted["source"]), wanted["revision"], wanted["suite"])
    options = tuple(sorted(wanted["options"].items()))
    made_from = SourceBuild(tree, ConfigSpec(_placed(wanted["config"]), wanted["page_size_bytes"], options))
    base = unlisted_bases([made_from])[made_from]
    return KernelRequest(
        base, ARCHS[wanted["arch"]], None, tuple(read_patch(Path(path)) for path in wanted["patches"])
    )


def lay_out(kernel: Kernel, directory: Path) -> None:
    """The kernel's files to where a dry run looks for them."""
    common = directory / "root/modules/common"
    common.mkdir(parents=True, exist_ok=True)
    (directory / "root/bin").mkdir(exist_ok=True)
    shutil.copy(kernel.image.file(IMAGE_FILE), directory / IMAGE_FILE)
    shutil.copy(kernel.busybox.file(BUSYBOX_FILE), directory / "root/bin/busybox")
    (directory / "root/bin/busybox").chmod(0o755)
    shutil.copy(kernel.image.file(ORDER_FILE), common / "order")
    for name in kernel.image.file(ORDER_FILE).read_text().split():
        shutil.copy(kernel.image.file(f"{MODULES}/{name}"), common / name)
    if kernel.binder == "module":
        shutil.copy(kernel.image.file(f"{MODULES}/{BINDER.file}"), directory / BINDER.file)
