# SPDX-License-Identifier: Apache-2.0
"""The base kernel's own scripts/checkpatch.pl on a restored patch, in the sandbox.

The script and its word lists come out of the base's source (`kernels.base.SourceTree.scripts`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.kernels.build import tree as trees
from orchestrator.kernels.build.sandbox import Sandbox, run_sandboxed
from orchestrator.kernels.build.tree import TreeFile
from orchestrator.patch_review.applicability import Applicability

FILES = ("checkpatch.pl", "const_structs.checkpatch", "spelling.txt")

_RUN_S = 120.0
_WARNING = re.compile(r"^([^:]*):(\d+): (ERROR|WARNING|CHECK):([A-Z_0-9]+): (.*)$")
# Without sign-off and description: of the mail's text only the diff is restored.
_SCRIPT = (
    "umask 022; tar -xf -; cd scripts; code=0; "
    "perl ./checkpatch.pl --strict --no-tree --no-signoff --ignore COMMIT_MESSAGE --terse --showfile "
    "--show-types --no-summary --color=never ../restored.patch || code=$?; test $code -le 1"
)
# Types that speak of white space, alignment or the width of a line (see --list-types).
_SPACE_TYPES = re.compile(
    r"SPAC|INDENT|ALIGN|TAB|WHITE|LONG_LINE|OPEN_ENDED_LINE|POINTER_LOCATION|BLOCK_COMMENT_STYLE|LINE_CONTINU"
)


class Scripts(Protocol):
    """Where checkpatch and its word lists are; a cache entry is one."""

    def file(self, name: str) -> Path:
        """The path of one of `FILES`."""


@dataclass(frozen=True)
class CheckpatchWarning:
    """One remark of checkpatch; `judgeable` is False where it speaks of white space that was restored."""

    path: str
    line: int
    level: str
    kind: str
    text: str
    judgeable: bool


def run_checkpatch(scripts: Scripts, verdict: Applicability) -> list[CheckpatchWarning]:
    """What checkpatch says of the restored patch. Raises HostError when it breaks."""
    package = {f"scripts/{name}": TreeFile(scripts.file(name).read_bytes()) for name in FILES}
    package["restored.patch"] = TreeFile(verdict.text.encode(errors="surrogateescape"))
    done = run_sandboxed(
        Sandbox().command(_SCRIPT),
        input_bytes=trees.pack(package),
        deadline=Deadline.after(_RUN_S, "checkpatch"),
    )
    if done.returncode != 0:
        raise HostError(
            "checkpatch broke",
            hint=done.excess,
            evidence=done.stderr.decode(errors="replace").splitlines()[-10:],
        )
    return read_warnings(done.stdout.decode(errors="replace"), {path for path, _ in verdict.rebuilt})


def read_warnings(output: str, restored: set[str]) -> list[CheckpatchWarning]:
    """The remarks in `--terse --showfile --show-types` output. `restored`: files with rebuilt white space."""
    found = []
    for line in output.splitlines():
        if match := _WARNING.match(line):
            path, number, level, kind, text = match.groups()
            judgeable = path not in restored or _SPACE_TYPES.search(kind) is None
            found.append(CheckpatchWarning(path, int(number), level, kind, text, judgeable))
    return found
