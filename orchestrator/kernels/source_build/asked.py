# SPDX-License-Identifier: Apache-2.0
"""What is asked of a kernel's configuration, and whether it came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.arch import Arch
from orchestrator.bases import BASES, ConfigSpec
from orchestrator.errors import BuildBroken
from orchestrator.files.reading import read_bounded
from orchestrator.kernels.base import CONFIG_FILE, KernelRequest, KernelSource, Progress
from orchestrator.kernels.build.config.fragment import ConfigFragment, merged
from orchestrator.kernels.build.config.kconfig import is_kconfig, known_options
from orchestrator.kernels.build.config.page_size import check_page_size
from orchestrator.kernels.build.config.shipped import fragments_for
from orchestrator.kernels.build.config.text import checked_config, parse_config
from orchestrator.kernels.build.config.unmet import required, unmet
from orchestrator.kernels.cache import Cache
from orchestrator.units import MIB

_MOST_CONFIG_BYTES = 4 * MIB


@dataclass(frozen=True)
class AskedConfig:
    """A whole configuration to start from, or None for tinyconfig, and what is set on top."""

    start: bytes | None
    fragments: tuple[ConfigFragment, ...]

    @property
    def text(self) -> str:
        """The fragments, the later ones counting more."""
        return "".join(f"{fragment.text}\n" for fragment in self.fragments)

    @property
    def has_module(self) -> bool:
        """Whether the driver under test is asked for as a module."""
        options = parse_config((self.start or b"").decode(errors="replace")) | parse_config(self.text)
        return options.get("ANDROID_BINDER_IPC") == "m"

    def check(self, config: str, source: Path, arch: Arch, what: str) -> None:
        """BuildBroken that names each option which is not as it was asked for, and why."""
        wanted = merged(self.fragments).values()
        if not required(unmet(wanted, config)):
            return
        known = known_options(_kconfig_files(source, arch.kbuild))
        missing = [each.message for each in required(unmet(wanted, config, known))]
        raise BuildBroken(
            f"{what}: {missing[0]}" + (f", and {len(missing) - 1} more" if missing[1:] else ""),
            hint="an option needs what it depends on: set that as well, or leave it out",
            evidence=missing,
        )


def asked_config(
    spec: ConfigSpec, arch: Arch, bases: KernelSource, cache: Cache, progress: Progress | None
) -> AskedConfig | None:
    """What a spec asks for. Without `progress` only what is in the cache: None when that is not enough.

    InputError for a file that is no configuration, or one for another page size.
    """
    fragments = fragments_for(spec, arch)
    if isinstance(spec.name_or_path, Path):
        content = read_bounded(spec.name_or_path, _MOST_CONFIG_BYTES, what="configuration")
        options = checked_config(content.decode(errors="replace"), str(spec.name_or_path))
        check_page_size(options, spec.page_size_bytes, arch, str(spec.name_or_path))
        return AskedConfig(content, fragments)
    base = BASES.get(spec.name_or_path)
    if base is None:
        return AskedConfig(None, fragments)
    request = KernelRequest(base, arch)
    kernel = bases.known(cache, request) if progress is None else bases.obtain(cache, request, progress)
    return AskedConfig(kernel.image.file(CONFIG_FILE).read_bytes(), fragments) if kernel else None


def _kconfig_files(source: Path, kbuild_arch: str) -> Iterator[tuple[str, str]]:
    for path in sorted(source.rglob("Kconfig*")):
        name = path.relative_to(source).as_posix()
        if path.is_file() and not path.is_symlink() and is_kconfig(name, kbuild_arch):
            yield name, path.read_text(errors="replace")
