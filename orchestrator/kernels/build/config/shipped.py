# SPDX-License-Identifier: Apache-2.0
"""From what a scenario says of a configuration to fragments; the shipped ones are in images/kernel/."""

from __future__ import annotations

from pathlib import Path

from orchestrator.arch import Arch
from orchestrator.bases import CONFIGS, ConfigSpec
from orchestrator.kernels.build.config.fragment import (
    ConfigFragment,
    ConfigLine,
    merged,
    parse_fragment,
)
from orchestrator.kernels.build.config.page_size import page_size_fragment
from orchestrator.kernels.build.config.text import line_of, plain_name
from orchestrator.paths import resource_dir

GUEST = "guest"
"""What guests need of any kernel: ours, apart from what a configuration is like."""


def is_shipped(config: ConfigSpec) -> bool:
    """Whether it is one of ours, built up from tinyconfig; else a whole configuration is the start."""
    return config.name_or_path in CONFIGS


def fragments_for(config: ConfigSpec, arch: Arch) -> tuple[ConfigFragment, ...]:
    """What is set on top of tinyconfig, or on top of the whole configuration of a base or of the user.

    A later fragment counts more. A base's configuration gets what guests need, built in, so that it takes
    no modules; a user's file is left as it is, but for what the scenario says. InputError for a page size or
    an option that cannot be.
    """
    names: list[str] = []
    if isinstance(config.name_or_path, str):
        names = [GUEST, f"{GUEST}-{arch.name}"]
    if is_shipped(config):
        names += [str(config.name_or_path), f"{config.name_or_path}-{arch.name}"]
    shipped = tuple(_shipped(name) for name in names if _file(name).exists())
    pages = page_size_fragment(config.page_size_bytes, arch)
    return tuple(part for part in (*shipped, pages, _asked(config)) if part.lines)


def guest_needs(arch: Arch) -> tuple[ConfigLine, ...]:
    """What guests need of any kernel of an architecture, to check a whole configuration by (`unmet`)."""
    return tuple(merged((_shipped(GUEST), _shipped(f"{GUEST}-{arch.name}"))).values())


def _asked(config: ConfigSpec) -> ConfigFragment:
    """The scenario's own options, checked: any of them may come from a stranger's file."""
    lines = []
    for option, value in config.options:
        line_of(option, value)
        lines.append(ConfigLine(plain_name(option), value, "asked for by the scenario"))
    return ConfigFragment("options", tuple(lines))


def _shipped(name: str) -> ConfigFragment:
    return parse_fragment(f"{name}.config", _file(name).read_text())


def _file(name: str) -> Path:
    return _directory() / f"{name}.config"


def _directory() -> Path:
    return resource_dir("images") / "kernel"
