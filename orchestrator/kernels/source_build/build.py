# SPDX-License-Identifier: Apache-2.0
"""One whole build: of a tree itself, in what is kept of it; with patches in a copy that is thrown away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OomlabError
from orchestrator.files.folder import Folder
from orchestrator.kernels.base import Progress
from orchestrator.kernels.build.config.page_size import page_size_of
from orchestrator.kernels.build.config.text import parse_config
from orchestrator.kernels.build.kernel import compile as compiling
from orchestrator.kernels.build.kernel.compile import Built, Subject
from orchestrator.kernels.build.kernel.recipe import Places, Tools
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.patch_file import Patch
from orchestrator.kernels.source_build import worktree
from orchestrator.kernels.source_build.asked import AskedConfig
from orchestrator.kernels.source_build.patched import patch_over
from orchestrator.kernels.source_build.result import BuiltTree
from orchestrator.kernels.source_build.tree import KernelTree
from orchestrator.kernels.source_build.worktree import WorkTree
from orchestrator.kernels.traits.page_array import HEADER_FILE, element_facts
from orchestrator.text.plain import named
from orchestrator.units import MIB


@dataclass(frozen=True)
class KernelBuild:
    """What is built, and with what. `label` is the base in words; `page_size_bytes` if no option says.

    `config`: the whole configuration, where it is known what comes of what is asked for.
    """

    cache: Cache
    tree: KernelTree
    asked: AskedConfig
    tools: Tools
    label: str
    page_size_bytes: int
    patches: tuple[Patch, ...]
    progress: Progress
    config: str | None = None

    def make(self, directory: Path) -> dict[str, str]:
        """Fill a cache entry; its facts. InputError for a tree, options or patches that do not build."""
        with ExitStack() as stack:
            scratch = stack.enter_context(self.cache.scratch())
            build = self._with_patches if self.patches else self._of_the_tree
            source, objects, built, config = stack.enter_context(build(scratch))
            BuiltTree(objects, self.tools.arch, built.build_id).store(config, directory)
            element = element_facts(_driver_header(source), f"the source of {self.label}")
        return {
            "release": built.release,
            "compiler": self.tools.compiler.version(),
            "objects": str(built.compiled),
            "cpu_s": f"{built.cpu_s:.1f}",
            "page_size_bytes": str(self._page_size_bytes(config)),
            "patches": ", ".join(f"{named(patch.name)} {patch.sha256}" for patch in self.patches),
            **self.tree.facts,
            **element,
        }

    def _page_size_bytes(self, config: str) -> int:
        return page_size_of(parse_config(config), self.tools.arch) or self.page_size_bytes

    @contextmanager
    def _of_the_tree(self, scratch: Path) -> Iterator[tuple[Path, Path, Built, str]]:
        with worktree.opened(self.cache, self.tree.lineage, self._what, self.progress) as kept:
            kept.lay_out(self.tree, self.progress)
            with kept.trusted_objects(self.tools.arch.name) as (objects, are_there):
                places = Places(kept.source, objects, kept.store)
                subject = self._subject(kept, from_nothing=not are_there)
                config = self._configured(places, subject, scratch)
                ran = compiling.compile_kernel(places, self.tools, config, subject, scratch, self.progress)
            built = compiling.built(ran, subject)
            if not are_there:
                kept.note_count(self._count_label, built.compiled)
            yield kept.source, objects, built, config

    @contextmanager
    def _with_patches(self, scratch: Path) -> Iterator[tuple[Path, Path, Built, str]]:
        source, objects = scratch / "source", scratch / "objects"
        arch = self.tools.arch.name
        with worktree.opened(self.cache, self.tree.lineage, self._what, self.progress) as kept:
            kept.lay_out(self.tree, self.progress)
            kept.link_source(source)
            kept.copy_objects(arch, objects)
            store = kept.patched_store(tuple(patch.sha256 for patch in self.patches))
            places = Places(source, objects, store, shared=kept.store)
            subject = self._subject(kept, from_nothing=not any(objects.iterdir()))
        patch_over(source, self.patches, self.tree.name, self.progress)
        config = self._configured(places, subject, scratch)
        ran = compiling.compile_kernel(places, self.tools, config, subject, scratch, self.progress)
        yield source, objects, compiling.built(ran, subject), config

    def _configured(self, places: Places, subject: Subject, scratch: Path) -> str:
        if self.config is not None:
            return self.config
        self.progress(f"configuring {subject.what}")
        config = compiling.configure(places, self.tools, self.asked.start, self.asked.text, subject, scratch)
        self.asked.check(config, places.source, self.tools.arch, subject.what)
        return config

    def _subject(self, kept: WorkTree, *, from_nothing: bool) -> Subject:
        blame = ""
        if self.patches:
            blame = f"{'a' if self.patches[1:] else 'the'} patch may need another base"
        elif not self.tree.is_signed:
            blame = "this is the tree as it lies there"
        return Subject(
            what=self._what,
            blame=blame,
            log=kept.log(f"{self.tools.arch.name}-{self._mark}"),
            expected=kept.known_count(self._count_label) if from_nothing else 0,
        )

    @property
    def _what(self) -> str:
        names = ", ".join(named(patch.name) for patch in self.patches)
        return f"{self.label} {self.tools.arch.name}" + (f" with {names}" if names else "")

    @property
    def _mark(self) -> str:
        """Tells the logs of different builds of a tree apart."""
        parts = [self.label, self.asked.text, *(patch.sha256 for patch in self.patches)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]

    @property
    def _count_label(self) -> str:
        return f"{self.label} {self.tools.arch.name}"


def _driver_header(source: Path) -> bytes | None:
    """The header that tells of the binder driver's page array; None where the tree has none to be read."""
    try:
        return Folder(source).folder(*BINDER.scope.split("/")).read(HEADER_FILE, most_bytes=MIB)
    except (OSError, OomlabError):
        return None
