# SPDX-License-Identifier: Apache-2.0
"""Patches on a whole tree: applied in the sandbox to the files that they name, and laid over a copy of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import BuildBroken, InputError
from orchestrator.kernels.base import Progress
from orchestrator.kernels.build.patch import apply_patch, touched
from orchestrator.kernels.build.tree import TreeFile
from orchestrator.kernels.patch_file import Patch

_PROGRAM = 0o755
_WHOLE = ""


def patch_over(source: Path, patches: Sequence[Patch], name: str, progress: Progress) -> None:
    """Bring the tree at `source`, whose files have other names elsewhere, to the state after the patches.

    What they change is written anew, never into the old file. BuildBroken where one does not apply.
    """
    for patch in patches:
        before = {path: file for path in _paths(patch) if (file := _read(source, path)) is not None}
        try:
            applied = apply_patch(patch, before, _WHOLE, target=name)
        except InputError as error:
            raise BuildBroken(error.message, hint=error.hint, evidence=error.evidence) from None
        for remark in applied.remarks:
            progress(f"{patch.name}: {remark}")
        for path in before.keys() | applied.tree.keys():
            if applied.tree.get(path) != before.get(path):
                _replace(source, path, applied.tree.get(path))


def _paths(patch: Patch) -> set[str]:
    """What it names, and the file that every tree has: a patch may consist of new files alone."""
    return {"Makefile", *(item.path for item in touched(patch) if item.path)}


def _read(source: Path, path: str) -> TreeFile | None:
    """The file of that name; InputError where it is a link, which a patch may not change."""
    place = source / path
    if any(
        part.is_symlink()
        for part in (place, *place.parents)
        if part.is_relative_to(source) and part != source
    ):
        raise InputError(f"a patch touches {path}, which is a symbolic link, or lies behind one")
    if not place.is_file():
        return None
    return TreeFile(place.read_bytes(), _PROGRAM if place.stat().st_mode & 0o100 else 0o644)


def _replace(source: Path, path: str, file: TreeFile | None) -> None:
    place = source / path
    place.unlink(missing_ok=True)
    if file is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
        place.chmod(file.mode)
