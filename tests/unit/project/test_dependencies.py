# SPDX-License-Identifier: Apache-2.0
"""Every declared dependency is used, every one used is declared."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

# Distributions whose import name is not their own.
_IMPORT_NAMES = {"ruamel.yaml": "ruamel", "qemu.qmp": "qemu"}


def _imports(package: Path) -> Iterator[str]:
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(), path)):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.split(".")[0]


def test_the_program_imports_what_it_declares_and_nothing_else(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    names = [Requirement(text).name for text in project["dependencies"]]
    declared = {_IMPORT_NAMES.get(name, name) for name in names}
    imported = set(_imports(checkout / "orchestrator")) - set(sys.stdlib_module_names) - {"orchestrator"}
    # Only `oomlab test` imports pytest, and says what to do where there is none; pydantic pins its
    # core exactly, and has its custom errors imported from there.
    assert imported - {"pytest", "pydantic_core"} == declared
