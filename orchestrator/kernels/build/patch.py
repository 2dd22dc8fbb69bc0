# SPDX-License-Identifier: Apache-2.0
"""Applying patches that come from mailing lists, without trusting them.

A patch is read twice: its headers before it is applied (a good message for an honest mistake), and the
tree after it was applied, in the sandbox (which decides). Only regular files inside the scope may
have changed, in content only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator.deadline import Deadline
from orchestrator.errors import InputError
from orchestrator.files.reading import read_bounded
from orchestrator.kernels.build import tree as trees
from orchestrator.kernels.build.sandbox import Sandbox, SandboxCommand, run_sandboxed
from orchestrator.kernels.build.tree import OddFile, Tree, TreeFile
from orchestrator.kernels.patch_file import Patch
from orchestrator.units import MIB

_APPLY_S = 60.0
MAX_PATCH_BYTES = 16 * MIB
_EVIDENCE_LINES = 60
_HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_PART = re.compile(rb"^Subject: \[[^\]\n]*PATCH[^\]\n]* (\d{1,4})/\d{1,4}\]", re.MULTILINE | re.IGNORECASE)

# `-u`: unified only, because patch(1) hands an ed script to ed, which runs commands.
# A failure's rejects go to standard error, behind patch's own words.
_APPLY_SCRIPT = (
    "umask 022 && tar -xf - && cd tree && "
    "patch -p1 -u -t -N -i ../patch -r /tmp/rejects --no-backup-if-mismatch --quoting-style=literal >&2 && "
    "tar -cf - . || { test ! -e /tmp/rejects || cat /tmp/rejects >&2; exit 1; }"
)


class OutsideScope(InputError):
    """A patch touches what is not built with its variant."""


@dataclass(frozen=True)
class Touched:
    """One path that a patch's headers name, and what they want to do to it."""

    path: str
    new_mode: str | None = None
    mode_change: bool = False


@dataclass(frozen=True)
class Applied:
    """The tree after a patch, and what patch(1) remarked (fuzz, offsets)."""

    tree: dict[str, TreeFile]
    remarks: tuple[str, ...]


def read_patch(path: Path) -> Patch:
    """The patch in a file; InputError when there is none or it is not a patch."""
    content = read_bounded(path, MAX_PATCH_BYTES, what="patch")
    patch = Patch(path.name, content)
    if not any(True for _ in touched(patch)):
        raise InputError(
            f"{path} holds no patch",
            hint="expected a unified diff, as `git format-patch` or `diff -u` write it",
        )
    _require_order(path, content)
    return patch


def _require_order(path: Path, content: bytes) -> None:
    """patch(1) takes a file from top to bottom. InputError where its subjects have another order."""
    parts = [int(part) for part in _PART.findall(content) if int(part)]
    if parts and parts != list(range(parts[0], parts[0] + len(parts))):
        raise InputError(
            f"{path} holds the patches {', '.join(map(str, parts))} of a series, in this order",
            hint="`oomlab reproduce FILE` puts them in order, `oomlab mail FILE --write-patch DIR` in files",
        )


def touched(patch: Patch) -> Iterator[Touched]:
    """The paths that the patch's headers name, its first component (`a/`, `b/`) taken off.

    Lines of hunks are skipped by their count: a removed line `-- x` would read as a header.
    """
    old_lines = new_lines = 0
    path = ""
    for line in patch.content.decode("utf-8", errors="surrogateescape").split("\n"):
        if old_lines > 0 or new_lines > 0:
            old_lines -= line[:1] in (" ", "-", "")
            new_lines -= line[:1] in (" ", "+", "")
            continue
        if hunk := _HUNK.match(line):
            old_lines, new_lines = (int(count) if count else 1 for count in hunk.groups())
        elif git := re.match(r"^diff --git (\S+) (\S+)$", line):
            path = _strip(git[2])
            yield from (Touched(_strip(name)) for name in git.groups())
        elif header := re.match(r"^(?:---|\+\+\+|Index:) ([^\t]+)", line):
            if header[1].strip() != "/dev/null":
                yield Touched(_strip(header[1].rstrip()))
        elif rename := re.match(r"^(?:rename|copy) (?:from|to) (.+)$", line):
            yield Touched(rename[1])
        elif mode := re.match(r"^(old|new|new file) mode (\d+)$", line):
            yield Touched(path, new_mode=mode[2], mode_change=mode[1] != "new file")


def touches(patches: Iterable[Patch], file_name: str) -> bool:
    """Whether any of them names a file that is called so, wherever it is."""
    return any(file.path.endswith(f"/{file_name}") for patch in patches for file in touched(patch))


def check_headers(patch: Patch, scope: str) -> None:
    """InputError naming the patch and the path when a header reaches out of `scope` or changes a mode.

    The scope "" is the whole source.
    """
    for item in touched(patch):
        if not _inside(item.path, scope):
            raise _outside(patch, item.path, scope)
        if item.new_mode is not None and item.new_mode.startswith("12"):
            raise InputError(f"patch {patch.name} makes {item.path} a symbolic link", hint=_ONLY_FILES)
        if item.mode_change:
            raise InputError(f"patch {patch.name} changes the mode of {item.path}", hint=_ONLY_FILES)


def check_result(patch: Patch, before: Tree, after: Mapping[str, TreeFile | OddFile], scope: str) -> None:
    """InputError naming patch and path unless only regular files inside `scope` changed, in content."""
    for path, file in sorted(after.items()):
        if isinstance(file, OddFile):
            raise InputError(f"patch {patch.name} makes {path} a {file.kind}", hint=_ONLY_FILES)
        old = before.get(path)
        if file == old:
            continue
        if not _inside(path, scope):
            raise _outside(patch, path, scope)
        if old is not None and old.mode != file.mode:
            raise InputError(
                f"patch {patch.name} changes the mode of {path} from {old.mode:o} to {file.mode:o}",
                hint=_ONLY_FILES,
            )
        if old is None and file.mode != trees.REGULAR_MODE:
            raise InputError(f"patch {patch.name} makes {path} with mode {file.mode:o}", hint=_ONLY_FILES)
    for path in sorted(before.keys() - after.keys()):
        if not _inside(path, scope):
            raise _outside(patch, path, scope)


def apply_patch(patch: Patch, before: Tree, scope: str, *, target: str) -> Applied:
    """The tree after `patch`, applied in the sandbox; `target` is what messages call the tree.

    Raises InputError when it does not apply (with the rejects), or reaches beyond what it may.
    """
    check_headers(patch, scope)
    package = {f"tree/{path}": file for path, file in before.items()} | {"patch": TreeFile(patch.content)}
    done = run_sandboxed(
        apply_command(),
        input_bytes=trees.pack(package),
        deadline=Deadline.after(_APPLY_S, f"applying {patch.name}"),
    )
    words = done.stderr.decode(errors="replace")
    if done.returncode != 0:
        raise InputError(
            f"patch {patch.name} does not apply to {target}",
            hint=done.excess or _why_not(words),
            evidence=words.splitlines()[:_EVIDENCE_LINES],
        )
    after = trees.unpack(done.stdout)
    check_result(patch, before, after, scope)
    files = {path: file for path, file in after.items() if isinstance(file, TreeFile)}
    remarks = tuple(line for line in words.splitlines() if "fuzz" in line or "offset" in line)
    return Applied(files, remarks)


def apply_command() -> SandboxCommand:
    """The sandboxed patch(1): a tar archive of `tree/` and `patch` on standard input, the new tree back."""
    return Sandbox().command(_APPLY_SCRIPT)


_ONLY_FILES = "a patch may change the content of regular files inside its scope, nothing else"


def _why_not(words: str) -> str:
    if "previously applied" in words:
        return "the base has this change already, or the patch is reversed"
    return "it may be made for another base"


def _outside(patch: Patch, path: str, scope: str) -> OutsideScope:
    if not scope:
        return OutsideScope(f"patch {patch.name} touches {path or 'a file'}, outside of the kernel's source")
    return OutsideScope(
        f"patch {patch.name} touches {path or 'a file'}, outside its scope {scope}",
        hint=f"a variant with `scope: {scope}` builds that directory only",
    )


def _inside(path: str, scope: str) -> bool:
    below = path.startswith(f"{scope}/") if scope else path not in ("", ".") and not path.startswith("/")
    return below and ".." not in PurePosixPath(path).parts and "\0" not in path


def _strip(path: str) -> str:
    """The path without its first component, as `patch -p1` takes it; an absolute one stays absolute."""
    return path if path.startswith("/") else path.partition("/")[2]
