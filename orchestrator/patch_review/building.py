# SPDX-License-Identifier: Apache-2.0
"""What a variant has to be built from, so that a patch makes a difference to it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from orchestrator.arch import ARCHS, Arch
from orchestrator.bases import ConfigSpec
from orchestrator.kernels.build.config.expression import unsatisfied
from orchestrator.kernels.build.config.kconfig import Known, is_kconfig, known_options
from orchestrator.kernels.build.config.shipped import fragments_for
from orchestrator.kernels.build.config.text import parse_config
from orchestrator.mail.diff import FileDiff, FoundPatch
from orchestrator.patch_review.kernel_parts import compiled, is_kernel_part
from orchestrator.patch_review.tree_files import ChangedFiles, Files, TreeFiles

CONFIG = "small"
"""The configuration that whole builds for a patch start from."""

_MOST_SHOWN = 5
_MOST_ALTERNATIVES = 12


class Way(StrEnum):
    """What is built."""

    MODULE = "the driver as a module"
    WHOLE = "the whole kernel"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Building:
    """How a variant with a patch is built on one base. `source` is the package of a whole build.

    `options` are to be set beyond `CONFIG`, so that the files of the patch are compiled; `remarks`: what
    will not be compiled, or of which that is not known.
    """

    way: Way = Way.MODULE
    source: str = ""
    options: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def base(self) -> dict[str, object]:
        """The `base:` of a variant that is built whole."""
        options = {"options": dict.fromkeys(self.options, "y")} if self.options else {}
        return {"source": self.source, "config": CONFIG, **options}


def paths_of(patches: Iterable[FoundPatch]) -> list[str]:
    """Every path that patches name, before and after."""
    names = (name for patch in patches for file in patch.files for name in _sides(file))
    return list(dict.fromkeys(names))


def built_part(patch: FoundPatch) -> FoundPatch:
    """The patch without its documentation and the like, where the rest of it is part of a kernel."""
    files = tuple(file for file in patch.files if any(map(is_kernel_part, _sides(file))))
    return replace(patch, files=files) if files else patch


def left_out(patch: FoundPatch) -> tuple[str, ...]:
    """The paths that `built_part` leaves out."""
    kept = built_part(patch).files
    return tuple(file.path for file in patch.files if file not in kept)


def _sides(file: FileDiff) -> Iterator[str]:
    yield from (name for name in (file.old_path, file.new_path) if name)


def way_of(patches: Iterable[FoundPatch], scope: str) -> Way:
    """What is built for patches that go together, by their paths; those that are no paths need no source.

    Documentation beside a driver is built with nothing, so that the driver alone is.
    """
    each = [paths_of([patch]) for patch in patches]
    if not each or any(not _is_plain(path) for paths in each for path in paths):
        return Way.MODULE
    built = [paths for paths in each if any(map(is_kernel_part, paths))]
    if not built:
        return Way.NOTHING
    parts = [path for paths in built for path in paths if is_kernel_part(path)]
    inside = all(path.startswith(f"{scope}/") for path in parts)
    return Way.MODULE if inside else Way.WHOLE


def _is_plain(path: str) -> bool:
    return not path.startswith("/") and ".." not in path.split("/") and path.isprintable()


def whole_building(patch: FoundPatch, files: Files, arch: Arch, source: str) -> Building:
    """A whole build of a source package with a patch; `files` are those after it."""
    parts = [path for path in paths_of([patch]) if is_kernel_part(path)]
    if not parts:
        return NO_PART
    needs = _Needs(files, arch)
    remarks = []
    left_out = 0
    for path in parts:
        found = compiled(path, files, arch.kbuild)
        why = _foreign(path, found.only_arch, arch) if found.only_arch else needs.obstacle(found.options)
        left_out += bool(why)
        if why:
            remarks.append(why if found.only_arch else f"{path} cannot be compiled: {why}")
        elif not found.known and path in files:
            remarks.append(f"whether {path} is compiled cannot be told from its Makefile")
    if left_out == len(parts):
        return Building(Way.NOTHING, remarks=tuple(remarks[:_MOST_SHOWN]))
    return Building(Way.WHOLE, source, tuple(sorted(needs.wanted)), tuple(remarks[:_MOST_SHOWN]))


NO_PART = Building(Way.NOTHING, remarks=("no file of it is part of a kernel",))


def _foreign(path: str, only: str, arch: Arch) -> str:
    other = next((each.name for each in ARCHS.values() if each.kbuild == only), None)
    hint = f"; --arch {other} takes that" if other else ""
    return f"{path} is not compiled for {arch.name}{hint}"


@dataclass
class _Needs:
    """Options that are wanted, with those that they depend on, as far as these can be set."""

    files: Files
    arch: Arch
    wanted: dict[str, str] = field(default_factory=dict)

    def obstacle(self, options: Iterable[str]) -> str:
        """Want all of these; why that cannot be, or "" where nothing is known against it."""
        wanted = dict(self.wanted)
        for option in options:
            why = self._want(option, wanted)
            if why:
                return why
        self.wanted = wanted
        return ""

    def _want(self, option: str, wanted: dict[str, str]) -> str:
        if self._small.get(option) == "y" or option in wanted:
            return ""
        known = self._known.get(option)
        if known is None or not known.place:
            return f"for {self.arch.name} there is no CONFIG_{option}"
        if not known.has_prompt:
            return ""
        wanted[option] = "y"
        for condition in known.depends:
            for part in unsatisfied(condition, {**self._by_itself, **self._small, **wanted}):
                if why := self._satisfy(part, wanted):
                    return f"CONFIG_{option} depends on {part}" + ("" if part in why else f", and {why}")
        return ""

    def _satisfy(self, part: str, wanted: dict[str, str]) -> str:
        """Have one part of a condition: a name, or the first of several that can be had."""
        why = part
        for name in part.strip("( )").split(" || ")[:_MOST_ALTERNATIVES]:
            known = self._known.get(name)
            if known is not None and known.place:
                tried = dict(wanted)
                why = self._want(name, tried)
                if not why:
                    wanted |= tried
                    return ""
        return why

    @cached_property
    def _known(self) -> Mapping[str, Known]:
        return _options_of(self.files, self.arch)

    @cached_property
    def _by_itself(self) -> dict[str, str]:
        """What nobody can set comes by itself or not, and is taken to come."""
        return {name: "y" for name, known in self._known.items() if known.place and not known.has_prompt}

    @cached_property
    def _small(self) -> Mapping[str, str]:
        return parse_config("\n".join(each.text for each in fragments_for(ConfigSpec(CONFIG), self.arch)))


def _options_of(files: Files, arch: Arch) -> Mapping[str, Known]:
    """The options of a tree; read once, but for patches that change them."""
    if isinstance(files, ChangedFiles) and not any(is_kconfig(path, arch.kbuild) for path in files.changed):
        files = files.before
    memo = files.memo if isinstance(files, TreeFiles) else {}
    if arch.kbuild not in memo:
        texts = ((path, files[path].text) for path in files if is_kconfig(path, arch.kbuild))
        memo[arch.kbuild] = known_options(texts)
    found: Mapping[str, Known] = memo[arch.kbuild]
    return found
