# SPDX-License-Identifier: Apache-2.0
"""What the documents point at is there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.project import tree

_LINK = re.compile(r"\]\((?!\w+:|#)([^)#]+)(?:#[^)]*)?\)")
_SCENARIO = re.compile(r"(?<![\w./])scenarios/[\w.-]+\.yaml")


def _documents(checkout: Path) -> list[tuple[Path, str]]:
    return [(checkout / path, text) for path, text in tree.texts(checkout) if path.suffix == ".md"]


def test_every_relative_link_leads_somewhere(checkout: Path) -> None:
    links = [(document, link) for document, text in _documents(checkout) for link in _LINK.findall(text)]
    assert links
    assert [pair for pair in links if not (pair[0].parent / pair[1]).exists()] == []


def test_every_scenario_that_a_document_names_is_shipped(checkout: Path) -> None:
    named = {name for _, text in _documents(checkout) for name in _SCENARIO.findall(text)}
    assert named
    assert [name for name in sorted(named) if not (checkout / name).is_file()] == []


def test_the_readme_starts_with_the_two_commands(checkout: Path) -> None:
    readme = (checkout / "README.md").read_text()
    for command in ("./oomlab run scenarios/binder-order3.yaml", "./oomlab test"):
        assert f"\n$ {command}\n" in readme


def test_every_document_is_in_the_index(checkout: Path) -> None:
    index = (checkout / "docs" / "README.md").read_text()
    documents = {path.name for path in (checkout / "docs").glob("*.md")} - {"README.md"}
    assert [name for name in sorted(documents) if f"({name})" not in index] == []
