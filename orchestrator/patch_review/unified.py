# SPDX-License-Identifier: Apache-2.0
"""What a patch makes of a base's files, as a diff. Pure."""

from __future__ import annotations

import difflib

from orchestrator.patch_review.source_file import SourceFile


def unified(before: SourceFile | None, after: SourceFile | None) -> str:
    """A diff as git writes it; a missing file is /dev/null."""
    some = before or after
    if some is None or (before and after and before.text == after.text):
        return ""
    head = f"diff --git a/{some.path} b/{some.path}\n"
    if before is None:
        head += "new file mode 100644\n"
    elif after is None:
        head += "deleted file mode 100644\n"
    lines = difflib.unified_diff(
        _with_ends(before) if before else [],
        _with_ends(after) if after else [],
        f"a/{some.path}" if before else "/dev/null",
        f"b/{some.path}" if after else "/dev/null",
    )
    return head + "".join(_with_heading(line, before) for line in lines)


def _with_ends(file: SourceFile) -> list[str]:
    """Lines with their ends. Not str.splitlines: to that a form feed ends a line, too."""
    ends = file.text.endswith("\n")
    last = len(file.lines) - 1
    return [line if index == last and not ends else f"{line}\n" for index, line in enumerate(file.lines)]


def _with_heading(line: str, before: SourceFile | None) -> str:
    if not line.endswith("\n"):
        return f"{line}\n\\ No newline at end of file\n"
    if line.startswith("@@ -") and before is not None:
        start = int(line[4:].split()[0].split(",")[0])
        heading = before.heading(start - 1)
        return f"{line.rstrip()} {heading}\n" if heading else line
    return line
