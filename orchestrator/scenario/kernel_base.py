# SPDX-License-Identifier: Apache-2.0
"""The base of a variant: a name, a tree that is built whole, or an image that is given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from orchestrator.arch import ARCHS, ArchName
from orchestrator.bases import (
    BASES,
    CONFIGS,
    DEFAULT_BASE,
    Base,
    BaseName,
    ConfigSpec,
    GivenImage,
    SourceBuild,
    TreeSpec,
    counterpart,
    peculiarities,
    unlisted_bases,
)
from orchestrator.scenario.fields import Cross, Model, Prose, Size, refuse
from orchestrator.text.nearest import nearest
from orchestrator.units import KIB, USUAL_PAGE_BYTES, format_size

_PACKAGE = re.compile(r"linux-source(-[0-9][0-9a-z.+~-]*)?")
_PAGE_SIZES = tuple(sorted({size for arch in ARCHS.values() for size in arch.page_sizes_bytes}))
_OPTION = re.compile(r"[A-Z0-9][A-Za-z0-9_]{0,99}")
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]+")
_PAGE_SIZE_OPTION = re.compile(r"(ARM64_\d+K_PAGES|(HAVE_)?PAGE_SIZE_\d+KB|ARM64_PAGE_SHIFT|PAGE_SHIFT)")
_REVISION = re.compile(r"[A-Za-z0-9_.@][A-Za-z0-9_./@{}^~+-]{0,199}")
_SUITE = re.compile(r"[a-z][a-z0-9-]{0,63}")
_MOST_OPTIONS = 500


def is_package(source: str) -> bool:
    """Whether a `source` is the name of a Debian source package, not a path; `./NAME` is always a path."""
    return _PACKAGE.fullmatch(source) is not None


def is_config_name(config: str) -> bool:
    """Whether a `config` is a shipped one or that of a base, not a file."""
    return config in CONFIGS or config in BASES


def config_names() -> tuple[str, ...]:
    """What `config` may be beside a file."""
    return (*CONFIGS, *BASES)


def _option_name(value: str) -> str:
    if value.startswith("CONFIG_"):
        raise ValueError(f"options are named without CONFIG_: '{value.removeprefix('CONFIG_')[:80]}'")
    if not _OPTION.fullmatch(value):
        raise ValueError(f"not the name of a Kconfig option, such as COMPACTION: {value[:80]!r}")
    if _PAGE_SIZE_OPTION.fullmatch(value):
        raise ValueError(f"the size of pages is the key 'page_size', not the option {value}")
    return value


def _option_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"an option is 'y', 'm', 'n', a number or a text, not {str(value).lower()}")
    if isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"[\x20-\x7e]{0,200}", value)):
        return value
    raise ValueError("an option is 'y', 'm', 'n', a whole number, or a text of up to 200 plain characters")


def _revision(value: str) -> str:
    if not _REVISION.fullmatch(value):
        raise ValueError(f"not a revision of a git repository, such as v6.12.3: {value[:80]!r}")
    return value


def _suite(value: str) -> str:
    if not _SUITE.fullmatch(value):
        raise ValueError(f"not the name of a suite, such as sid: {value[:80]!r}")
    return value


def _page_size(value: Any) -> Any:
    if value not in _PAGE_SIZES:
        sizes = ", ".join(map(format_size, _PAGE_SIZES))
        raise ValueError(f"no kernel has pages of {format_size(value)}: {sizes}")
    return value


PathText = Annotated[Prose, Field(min_length=1, max_length=4096)]


class SourceBase(Model):
    """A kernel that is built whole from its source: a variant's patches may touch anything, and are in it."""

    source: PathText = Field(
        description="the tree: a package of Debian's (`linux-source-6.12`; `linux-source` with a `suite` is"
        " the newest there), or, relative to the scenario, a directory, a git repository with a `revision`,"
        " or a tarball",
        examples=["linux-source-6.12", "../linux"],
    )
    revision: Annotated[str, AfterValidator(_revision)] | None = Field(
        None,
        description="of a git repository: this revision, whatever is checked out. Without it the files are"
        " taken as they lie there",
        examples=["v6.12.3"],
    )
    suite: Annotated[str, AfterValidator(_suite)] | None = Field(
        None, description="the suite that a package is taken from", examples=["sid"]
    )
    config: PathText = Field(
        description=f"the configuration: {', '.join(f'`{name}`' for name in CONFIGS)}, the name of a base"
        " (that distribution's configuration), or a file, relative to the scenario",
        examples=["small"],
    )
    page_size: Annotated[Size, AfterValidator(_page_size)] | None = Field(
        None,
        description=f"size of the kernel's pages: {', '.join(map(format_size, _PAGE_SIZES))} on arm64, 4KiB"
        " on x86_64; without it what the configuration has",
        examples=["16KiB"],
    )
    options: Annotated[
        dict[
            Annotated[str, AfterValidator(_option_name)],
            Annotated[int | str, BeforeValidator(_option_value, json_schema_input_type=int | str)],
        ],
        Field(max_length=_MOST_OPTIONS),
    ] = Field(
        default_factory=dict,
        description="Kconfig options on top, named without `CONFIG_`: `y`, `m`, `n`, a number, or a text."
        " What the kernel cannot have is refused with the reason",
        examples=[{"COMPACTION": "n"}],
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        found = []
        if is_package(self.source):
            if self.revision is not None:
                found.append(Cross(("revision",), f"'{self.source}' is a package, which has no revisions"))
            if self.source == "linux-source" and self.suite is None:
                found.append(Cross(("source",), "'linux-source' needs a 'suite' whose newest kernel it is"))
        elif self.suite is not None:
            what = f"only a package comes from a suite, and '{self.source}' is a path"
            found.append(Cross(("suite",), what, nearest(self.source, _packages())))
        refuse(found)
        return self

    @property
    def page_bytes(self) -> int:
        """Page size of the kernel in bytes."""
        if self.page_size is not None:
            return self.page_size
        return BASES[self.config].page_size_bytes if self.config in BASES else USUAL_PAGE_BYTES

    @property
    def made_from(self) -> SourceBuild:
        """As the kernels room has it."""
        source = self.source if is_package(self.source) else Path(self.source)
        config = self.config if is_config_name(self.config) else Path(self.config)
        options = tuple(sorted((name, _as_in_config(value)) for name, value in self.options.items()))
        return SourceBuild(
            TreeSpec(source, self.revision, self.suite), ConfigSpec(config, self.page_bytes, options)
        )


class ImageBase(Model):
    """A kernel that you bring. It is booted as it is: a variant of it has neither scope nor patches."""

    image: PathText = Field(
        description="`Image`, `bzImage` or `vmlinux`, as it is, compressed, or wrapped (`vmlinuz.efi`,"
        " `boot.img`); relative to the scenario",
        examples=["./Image"],
    )
    initramfs: PathText | None = Field(
        None,
        description="an initramfs (cpio) that the guest's own files are put behind",
        examples=["./more.cpio.gz"],
    )
    modules: PathText | None = Field(
        None,
        description="the kernel's modules: a directory as /lib/modules/RELEASE, or any with .ko files",
        examples=["./lib/modules/6.6.30"],
    )

    page_size: Annotated[Size, AfterValidator(_page_size)] | None = Field(
        None,
        description="size of the kernel's pages. It is read from the image: leave it out",
        examples=["16KiB"],
    )

    @property
    def page_bytes(self) -> int:
        """Page size in bytes; the usual one, where the image did not say."""
        return self.page_size or USUAL_PAGE_BYTES

    @property
    def made_from(self) -> GivenImage:
        """As the kernels room has it."""
        more = (None if path is None else Path(path) for path in (self.initramfs, self.modules))
        return GivenImage(Path(self.image), *more)


def _as_in_config(value: int | str) -> str:
    """The value as a .config has it."""
    if isinstance(value, int) or value in ("y", "m", "n") or _HEXADECIMAL.fullmatch(value):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _packages() -> tuple[str, ...]:
    return (*dict.fromkeys(base.source_name for base in BASES.values()), "linux-source")


def _one_kind(value: Any) -> Any:
    """A mapping says one of two things, and which one is told by its keys."""
    if not isinstance(value, Mapping):
        return value
    if "source" in value and "image" in value:
        what = "a base is built from 'source' or booted as 'image', not both"
        refuse([Cross(("image",), what)])
    if "source" not in value and "image" not in value:
        near = next((key for key in map(str, value) if nearest(key, ("source", "image"))), None)
        what = "a base that has keys needs 'source' (it is built) or 'image' (it is given)"
        refuse([Cross((near,) if near else (), what, nearest(near or "", ("source", "image")))])
    return value


def _kind(value: Any) -> str:
    # None of these is a key of a base: in the place of an error that would be taken for one.
    if isinstance(value, Mapping):
        return "given" if "image" in value else "built"
    if isinstance(value, SourceBase):
        return "built"
    return "given" if isinstance(value, ImageBase) else "named"


KernelBase = Annotated[
    Annotated[BaseName, Tag("named")]
    | Annotated[SourceBase, Tag("built")]
    | Annotated[ImageBase, Tag("given")],
    Discriminator(_kind),
    BeforeValidator(_one_kind, json_schema_input_type=BaseName | SourceBase | ImageBase),
]

_BASE_IS = (
    "the kernel that this variant is, or is built against: a distribution's by name, one that is built from"
    " `source`, or one that is given as `image`"
)
BASE_WORDS = "; ".join(filter(None, [_BASE_IS, peculiarities()]))
BASE_EXAMPLES: list[Any] = [DEFAULT_BASE, {"source": "linux-source-6.12", "config": "small"}]


def bases_of(bases: Mapping[str, str | SourceBase | ImageBase]) -> dict[str, Base]:
    """The base of every variant by its name; equal ones are equal, and no others have one name."""
    unlisted = unlisted_bases(base.made_from for base in bases.values() if not isinstance(base, str))
    return {
        name: BASES[base] if isinstance(base, str) else unlisted[base.made_from]
        for name, base in bases.items()
    }


def base_problems(base: str | SourceBase | ImageBase, arch: ArchName) -> Iterator[Cross]:
    """What of a base does not exist for the device's architecture; paths below `base`."""
    if isinstance(base, ImageBase):
        return
    if isinstance(base, SourceBase):
        yield from _page_size_problems(base, arch)
    name, path = (base, ()) if isinstance(base, str) else (base.config, ("config",))
    listed = BASES.get(name)
    if listed is not None and arch not in listed.archs:
        what = f"'{name}' exists for {', '.join(listed.archs)} only, not for {arch}"
        yield Cross(path, what, counterpart(listed, arch))


def base_node_problems(base: str | SourceBase | ImageBase, arch: ArchName, nodes: int) -> Iterator[Cross]:
    """Why a kernel that is to be built cannot have so many NUMA nodes, where its configuration says so.

    Of others that is known once they are at hand.
    """
    if isinstance(base, SourceBase) and nodes > 1:
        from orchestrator.kernels.nodes import too_few_nodes, traits_asked_for

        why = too_few_nodes(traits_asked_for(base.made_from.config, arch), nodes)
        if why is not None:
            yield Cross(
                ("config",), f"a kernel of '{base.config}' {why}; 'options: {{NUMA: y}}' compiles it in"
            )


def _page_size_problems(base: SourceBase, arch: ArchName) -> Iterator[Cross]:
    possible = ARCHS[arch].page_sizes_bytes
    if base.page_size is not None and base.page_size not in possible:
        sizes = ", ".join(f"{size // KIB}KiB" for size in possible)
        what = f"{arch} has pages of {sizes}, not of {format_size(base.page_size)}"
        yield Cross(("page_size",), what, format_size(possible[-1]))
