# SPDX-License-Identifier: Apache-2.0
"""The one kernel that tests build whole, and what differs from it by an option or a patch.

`linux-source-6.12`, `small`, arm64: from nothing it takes minutes, in the user's cache it is found. Whatever
tests want of it beyond that goes on from its objects, so that it takes seconds: give them an option or a
patch, and no tree or configuration of their own.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path

from orchestrator.arch import ARCHS
from orchestrator.bases import ConfigSpec, SourceBuild, TreeSpec, unlisted_bases
from orchestrator.kernels.base import Kernel, KernelRequest
from orchestrator.kernels.build.patch import read_patch
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.source_build import worktree
from orchestrator.kernels.sources import source_of
from orchestrator.paths import cache_dir

ARCH = "arm64"
TREE = "linux-source-6.12"
CONFIG = "small"


def base_words(**options: str) -> str:
    """The base as a scenario has it, in YAML's flow style: `base_words(COMPACTION="n")`."""
    words: dict[str, object] = {"source": TREE, "config": CONFIG}
    return json.dumps({**words, "options": options} if options else words)


def built_kernel(*patches: Path, **options: str) -> Kernel:
    """The kernel, out of the user's cache or built into it."""
    made_from = SourceBuild(TreeSpec(TREE), ConfigSpec(CONFIG, options=tuple(sorted(options.items()))))
    base = unlisted_bases([made_from])[made_from]
    request = KernelRequest(base, ARCHS[ARCH], None, tuple(map(read_patch, patches)))
    return source_of(base).obtain(Cache(cache_dir()), request, print)


def source_file(path: str) -> str:
    """A file of its source, which is there once it was built in this cache."""
    built_kernel()
    with worktree.opened(Cache(cache_dir()), TREE) as kept:
        return (kept.source / path).read_text()


def write_patch(file: Path, path: str, *changes: tuple[str, str]) -> Path:
    """A patch file that replaces texts, each of which must be there, in one file of the source."""
    before = source_file(path)
    after = before
    for old, new in changes:
        assert after.count(old) == 1, f"{path} has '{old}' {after.count(old)} times"
        after = after.replace(old, new)
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}")
    file.write_text("".join(lines))
    return file


def _lines(text: str) -> Sequence[str]:
    return text.splitlines(keepends=True)
