# SPDX-License-Identifier: Apache-2.0
"""The map of rooms in docs/design.md and the contract of import-linter are one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

_ROW = re.compile(r"^\| (?P<floor>[↓=]) \| `(?P<room>[\w./]+)` \| (?P<what>.+) \|$", re.MULTILINE)


def contract(checkout: Path) -> list[list[str]]:
    """The floors, the highest first, and the rooms on each."""
    settings = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (each["layers"] for each in settings["contracts"] if each["type"] == "layers")
    return [[room.strip() for room in floor.split("|")] for floor in layers]


def test_the_map_shows_every_room_on_its_floor(checkout: Path) -> None:
    shown: list[list[str]] = []
    for row in _ROW.finditer((checkout / "docs" / "design.md").read_text()):
        room = row["room"].removesuffix(".py").removesuffix("/")
        if row["floor"] == "↓":
            shown.append([room])
        else:
            shown[-1].append(room)
    assert shown == contract(checkout)


def test_a_folder_is_shown_as_one_and_a_module_as_one(checkout: Path) -> None:
    rooms = [row["room"] for row in _ROW.finditer((checkout / "docs" / "design.md").read_text())]
    package = checkout / "orchestrator"
    assert [room for room in rooms if not (package / room).exists()] == []
    assert [room for room in rooms if room.endswith("/") != (package / room).is_dir()] == []


def test_rooms_within_rooms_that_the_map_names_exist(checkout: Path) -> None:
    for row in _ROW.finditer((checkout / "docs" / "design.md").read_text()):
        inner = re.findall(r"`(\w+)/`", row["what"])
        assert [name for name in inner if not (checkout / "orchestrator" / row["room"] / name).is_dir()] == []
