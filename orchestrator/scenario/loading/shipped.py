# SPDX-License-Identifier: Apache-2.0
"""The index of the shipped scenarios (`scenarios/shipped.toml`): what each is for, by group.

It is read without the models of scenarios, for completion asks for it at every key.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.scenario.loading.files import shipped_scenarios

_INDEX = "shipped.toml"


@dataclass(frozen=True)
class Shipped:
    """A scenario that comes with the program. `seconds`: a run on two cores without KVM, with its kernels
    in the cache; None where that was not taken."""

    name: str
    group: str
    purpose: str
    path: Path
    seconds: int | None = None


def shipped_index() -> list[Shipped]:
    """All of them in the order of the index; one that is not in it comes last, in a group without a title."""
    files = shipped_scenarios()
    found = [
        Shipped(each["name"], group["title"], each["purpose"], files.pop(each["name"]), each.get("seconds"))
        for group in _groups(files)
        for each in group["scenarios"]
        if each["name"] in files
    ]
    return [*found, *(Shipped(name, "", "", path) for name, path in files.items())]


def _groups(files: dict[str, Path]) -> list[dict[str, Any]]:
    index = next((path.parent / _INDEX for path in files.values()), None)
    if index is None or not index.is_file():
        return []
    groups: list[dict[str, Any]] = tomllib.loads(index.read_text(encoding="utf-8"))["group"]
    return groups
