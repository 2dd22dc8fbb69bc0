# SPDX-License-Identifier: Apache-2.0
"""What a whole kernel costs: from nothing, again, and after changes.

    python -m benchmarks.kernel_build [--source linux-source-6.12] [--config small] [--arch arm64]

In a cache of its own, which is removed at the end: the source is downloaded for it. CPU time is that of
compiling and linking; wall time has fetching, copying and configuring in it and needs an idle machine.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from orchestrator.arch import ARCHS
from orchestrator.bases import ConfigSpec, SourceBuild, TreeSpec, unlisted_bases
from orchestrator.errors import OomlabError
from orchestrator.kernels.base import Kernel, KernelRequest
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.patch_file import Patch
from orchestrator.kernels.source_build import worktree
from orchestrator.kernels.sources import source_of
from orchestrator.report.tables import PlainTable

_GOAL_S = 60.0


@dataclass(frozen=True)
class Cost:
    """One build: wall and CPU seconds, and how many objects were compiled or taken from the store."""

    what: str
    wall_s: float
    cpu_s: float
    objects: str


@dataclass(frozen=True)
class Bench:
    """Builds of one base in one cache."""

    cache: Cache
    request: KernelRequest

    def cost(self, what: str, *patches: Patch) -> Cost:
        """Of the kernel with these patches."""
        request = KernelRequest(self.request.base, self.request.arch, None, patches)
        return _measured(what, lambda: source_of(request.base).obtain(self.cache, request, _tell))

    def changed(self, path: str, old: str, new: str) -> Patch:
        """A patch of one place in the source."""
        assert isinstance(self.request.base.made_from, SourceBuild)
        with worktree.opened(self.cache, str(self.request.base.made_from.tree.source)) as kept:
            before = (kept.source / path).read_text()
        if before.count(old) != 1:
            sys.exit(f"{path} of this kernel has '{old}' {before.count(old)} times, not once")
        lines = difflib.unified_diff(
            before.splitlines(keepends=True),
            before.replace(old, new).splitlines(keepends=True),
            f"a/{path}",
            f"b/{path}",
        )
        return Patch(f"{Path(path).stem}.patch", "".join(lines).encode())


def _measured(what: str, build: Callable[[], Kernel]) -> Cost:
    started = time.monotonic()
    kernel = build()
    wall_s = time.monotonic() - started
    made = kernel.image.meta.made_at >= time.time() - wall_s
    facts = kernel.image.meta.facts
    return Cost(what, wall_s, float(facts["cpu_s"]) if made else 0.0, facts["objects"] if made else "0")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _costs(bench: Bench) -> Iterator[Cost]:
    yield bench.cost("from nothing, download and unpacking included")
    yield bench.cost("again: known")
    line = bench.changed("mm/page_alloc.c", "int min_free_kbytes = 1024;", "int min_free_kbytes = 1025;")
    yield bench.cost("a line of mm/page_alloc.c", line)
    header = ("#define PAGE_ALLOC_COSTLY_ORDER 3", "#define PAGE_ALLOC_COSTLY_ORDER 4")
    yield bench.cost(
        "include/linux/mmzone.h, which nearly all include", bench.changed("include/linux/mmzone.h", *header)
    )
    for entry in bench.cache.entries():
        if entry.meta.kind == "kernel":
            (entry.path / "meta.json").unlink()
    for whole in bench.cache.root.glob("store/tree/*/whole-*"):
        whole.unlink()
    yield bench.cost("all objects, out of the store of compilations")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernel_build")
    parser.add_argument("--source", default="linux-source-6.12")
    parser.add_argument("--config", default="small")
    parser.add_argument("--arch", default="arm64", choices=sorted(ARCHS))
    options = parser.parse_args()
    load = os.getloadavg()[0]
    made_from = SourceBuild(TreeSpec(options.source), ConfigSpec(options.config))
    base = unlisted_bases([made_from])[made_from]
    table = PlainTable(
        "build", "wall", "CPU", "objects", title=f"{base.name} {options.arch}, {os.cpu_count()} CPUs"
    )
    with tempfile.TemporaryDirectory(prefix="oomlab-benchmark-", dir="/var/tmp") as scratch:
        bench = Bench(Cache(Path(scratch)), KernelRequest(base, ARCHS[options.arch]))
        try:
            for cost in _costs(bench):
                table.add_row(cost.what, f"{cost.wall_s:.1f} s", f"{cost.cpu_s:.1f} s", cost.objects)
        except OomlabError as error:
            Console(stderr=True).print(f"error: {error.message}", *error.evidence, sep="\n", markup=False)
            sys.exit(error.exit_code)
    console = Console()
    console.print(table)
    console.print(f"goal: a line of mm/page_alloc.c below {_GOAL_S:.0f} s; load {load:.1f} before")


if __name__ == "__main__":
    main()
