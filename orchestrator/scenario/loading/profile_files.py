# SPDX-License-Identifier: Apache-2.0
"""Where device profiles are found: beside a scenario first, then among the shipped ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from orchestrator.paths import resource_dir
from orchestrator.scenario.loading.document import read_document
from orchestrator.scenario.loading.files import read_scenario_text
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.text.plain import named

_SUFFIXES = (".yaml", ".yml")
_OF_SCENARIOS = frozenset({"variants", "trigger"})
_MOST_BESIDE = 200
"""Files of a folder that are looked at for the list of its profiles: it may be anybody's downloads."""


@cache
def profile_files() -> dict[str, Path]:
    """The shipped profiles' files by name."""
    return {path.stem: path for path in sorted((resource_dir("scenarios") / "devices").glob("*.yaml"))}


def find_profile(name: str, folders: Iterable[Path]) -> Path | None:
    """The file of the profile called `name`, or in the file of that name; None when there is none.

    A scenario of the same name is none. Nothing is said of what is in the file.
    """
    whole = name.endswith(_SUFFIXES)
    for folder in folders:
        for file in [folder / name] if whole else [folder / f"{name}{suffix}" for suffix in _SUFFIXES]:
            if _is_file(file) and (whole or not _is_scenario(file)):
                return file
    return profile_files().get(name)


def known_names(folders: Iterable[Path]) -> list[str]:
    """The names of the profiles that `find_profile` finds."""
    return [*dict.fromkeys([name for folder in folders for name in _beside(folder)]), *profile_files()]


def places(folders: Sequence[Path]) -> str:
    """Where profiles were looked for and which there are, for a message."""
    own = [(folder, _beside(folder)) for folder in folders]
    looked = "; ".join(
        f"beside the scenario ({named(str(folder))}) there is {', '.join(names) or 'none'}"
        if str(folder) != "."
        else f"in this directory there is {', '.join(names) or 'none'}"
        for folder, names in own
    )
    return f"{looked}; shipped are: {', '.join(profile_files())}"


def _beside(folder: Path) -> list[str]:
    try:
        entries = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    except OSError:
        return []
    return [path.stem for path in entries[:_MOST_BESIDE] if _is_file(path) and _looks_like_profile(path)]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _keys(file: Path) -> set[str]:
    try:
        data = read_document(read_scenario_text(file), str(file)).data
    except ScenarioInvalid:
        return set()
    return set(data) if isinstance(data, dict) else set()


def _is_scenario(file: Path) -> bool:
    return bool(_keys(file) & _OF_SCENARIOS)


def _looks_like_profile(file: Path) -> bool:
    keys = _keys(file)
    return bool(keys & {"device", "provenance"}) and not keys & _OF_SCENARIOS
