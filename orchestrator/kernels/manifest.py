# SPDX-License-Identifier: Apache-2.0
"""What a guest is made of, by checksum: the record that makes a run repeatable."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.frozen import Frozen
from orchestrator.guest_files.record import GuestFile
from orchestrator.kernels.traits.page_array import Element
from orchestrator.kernels.traits.traits import KernelTraits

Sha256 = str
_SHOWN_OF_A_COMMIT = 12


class Package(Frozen):
    """One binary package of the distribution, exactly."""

    name: str
    version: str
    architecture: str
    sha256: Sha256
    size_bytes: int


class PatchFile(Frozen):
    """A patch by content; the name is what the user called it."""

    name: str
    sha256: Sha256


class VariantArtefacts(Frozen):
    """The driver one variant runs, and where it came from."""

    name: str
    scope: str | None
    patches: tuple[PatchFile, ...] = ()
    module_sha256: Sha256 | None = None
    module_origin: Literal["distribution", "built", "built-in"] = Field(
        description="'built' is also used for an unpatched variant that is compared with a patched one, "
        "so that both come from the same compiler and differ by the patch alone. 'built-in': the kernel has"
        " the driver in it, and no module is loaded"
    )
    compiler: str | None = Field(default=None, description="first line of the compiler's --version")
    element: Element | None = Field(
        default=None,
        description="of the page array, where the variant's patches touch the header that says it; null: that"
        " of the kernel's `traits`",
    )


class TestModuleArtefact(Frozen):
    """The module that the trigger makes its requests by: this program's own, no code under test."""

    __test__ = False
    name: str = Field(description="of the module")
    sha256: Sha256 = Field(description="of its file")
    compiler: str = Field(description="first line of the compiler's --version")


class BuiltKernel(Frozen):
    """What a kernel was built from, besides the packages that its source came in."""

    tree: str = Field(description="what the scenario calls it: a package, a directory, a tarball")
    version: str = Field(description="of the source: a package's, or what its Makefile says")
    commit: str | None = Field(default=None, description="of a git repository")
    dirty: bool = Field(default=False, description="the files were not those of the commit")
    source_sha256: Sha256 = Field(description="of the tree without patches: its tarball, or all its files")
    patches: tuple[PatchFile, ...] = Field(default=(), description="compiled into the kernel, in this order")
    config: str = Field(description="what the scenario calls it, with page size and options")
    config_sha256: Sha256 = Field(description="of the whole .config that was built")
    compiler: str = Field(description="first line of the compiler's --version")

    @property
    def words(self) -> str:
        """The tree, its version and commit, in one line."""
        commit = f", commit {self.commit[:_SHOWN_OF_A_COMMIT]}" if self.commit else ""
        changed = " and changes that are not committed" if self.commit and self.dirty else ""
        return f"{self.tree} {self.version}{commit}{changed}"


class GivenKernel(Frozen):
    """A kernel that somebody brought: its files, by content."""

    image: str = Field(description="the file's name")
    image_sha256: Sha256 = Field(description="of that file; `kernel_sha256` is of what was booted")
    version: str | None = Field(default=None, description="the version string in it, if any")
    initramfs_sha256: Sha256 | None = Field(default=None, description="of the initramfs that came with it")
    modules_sha256: Sha256 | None = Field(default=None, description="of the modules that were taken from it")


class ArtefactManifest(Frozen):
    """Everything the guests of one kernel are made of."""

    base: str
    arch: str
    release: str
    page_size_bytes: int
    packages: tuple[Package, ...]
    built: BuiltKernel | None = Field(default=None, description="of a kernel that was built whole")
    given: GivenKernel | None = Field(default=None, description="of a kernel that somebody brought")
    kernel_sha256: Sha256
    busybox_sha256: Sha256
    agent_sha256: Sha256
    agent_compiler: str
    initramfs_sha256: Sha256
    test_module: TestModuleArtefact | None = Field(
        default=None, description="what the trigger makes its requests by; null where it needs none"
    )
    variants: tuple[VariantArtefacts, ...] = ()
    files: tuple[GuestFile, ...] = Field(
        default=(), description="of the user's in the guests' root, and the libraries of programs among them"
    )
    traits: KernelTraits | None = Field(
        default=None,
        description="what sets the kernel apart for memory, as it is made; null in older runs",
    )

    @property
    def elements(self) -> dict[str, Element]:
        """By variant the element of binder's page array; empty where nobody has looked at the kernel."""
        if self.traits is None:
            return {}
        return {variant.name: variant.element or self.traits.element for variant in self.variants}
