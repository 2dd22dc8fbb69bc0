# SPDX-License-Identifier: Apache-2.0
"""Who may touch files by path, and who may write to a terminal.

Files of a run directory have one door, `orchestrator.files.folder`; text of others has another,
`orchestrator.report.console.streams`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_TOUCHES = {
    "open", "fdopen", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rmdir", "rmtree",
    "mkdir", "makedirs", "touch", "rename", "renames", "symlink_to", "hardlink_to", "symlink", "link",
    "iterdir", "scandir", "listdir", "glob", "rglob", "is_file", "is_dir", "is_fifo", "exists",
    "copyfile", "copytree", "move", "truncate", "chmod",
}  # fmt: skip
# A new line in here says that a module never opens a file of a run directory, and what it opens instead.
_MAY = {
    "host/capacity.py": "the host's control groups",
    "host/memory_room.py": "the host's control groups and memory",
    "host/cgroup.py": "control groups",
    "run/clean.py": "lists runs/, and asks /proc whether a writer lives",
    "doctor/": "what the host is",
    "files/folder.py": "the door itself",
    "files/follow.py": "logs that a launcher of devices writes now",
    "guest_files/opened.py": "files for the guest that the user named, and libraries of this host",
    "guests/": "descriptors, QEMU's /proc, answers of the probe in the cache",
    "host/facts.py": "what the host is",
    "host/scratch.py": "directories that are being filled, in the cache",
    "kernels/": "the cache, packages, sources, scratch",
    "commands/completions.py": "names of scenarios and profiles, the schema, machines of ~/.ssh/config",
    "commands/check_patch.py": "where the user wants what was tried kept",
    "commands/shell.py": "standard input",
    "patch_check/check.py": "patches in a directory of its own",
    "run/script.py": "a script in a directory of its own",
    "commands/step_summary.py": "the page that a CI service names",
    "commands/last_resort.py": "a file for the traceback",
    "host/ledger.py": "/proc of processes that were started",
    "run/lock_file.py": "the lock that the user named",
    "patch_review/checkpatch.py": "a package of the distribution",
    "files/mails.py": "a directory of mails that the user named",
    "patch_review/review.py": "where the user wants patches written",
    "logs/streams.py": "the logs that the user named",
    "paths.py": "what is shipped",
    "host/privilege.py": "/proc of this program",
    "host/programs.py": "where programs are",
    "files/reading.py": "what the user named: patches, mails, pictures",
    "report/formats/html/page.py": "templates that are shipped",
    "report/console/output.py": "where the user wants a report written",
    "report/console/streams.py": "stdout, stderr",
    "remote/": "the other machine, known_hosts, this program itself, a result until it is unpacked",
    "reproduce/source.py": "the mail that the user named",
    "reproduce/writing.py": "where the user wants a scenario written",
    "record/directory.py": "makes runs/ and the directory of a new run",
    "scenario/": "scenarios and profiles, the schema, a page of the docs",
    "commands/standard_streams.py": "/dev/null",
    "guests/terminal.py": "a pseudo-terminal of its own",
    "commands/testing.py": "the checkout",
    "dumps/": "a device's files that the user named, and where the user wants a profile written",
    "bisect/place.py": "makes the directories of a bisection's steps, and their log",
}  # fmt: skip


def test_files_are_touched_by_path_in_few_places(checkout: Path) -> None:
    package = checkout / "orchestrator"
    found: dict[str, list[str]] = {}
    used: set[str] = set()
    for path in sorted(package.rglob("*.py")):
        module = path.relative_to(package).as_posix()
        for line, what in _touches(ast.parse(path.read_text())):
            allowed = {
                name for name in _MAY if module == name or (name[-1] == "/" and module.startswith(name))
            }
            used |= allowed
            if not allowed:
                found.setdefault(module, []).append(f"line {line}: {what}")
    assert found == {}, "a file of a run directory? open it by orchestrator.files.folder; else say what it is"
    assert used == set(_MAY), "these do not touch any file any more"


def test_text_goes_to_the_terminal_in_one_place(checkout: Path) -> None:
    """rich's own console takes markup for markup, and passes escape codes on."""
    package = checkout / "orchestrator"
    found = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in sorted(package.rglob("*.py"))
        if path.name not in ("streams.py", "commands/standard_streams.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and re.fullmatch(r"(rich\.console\.)?Console|(typer|click)\.s?echo|print", ast.unparse(node.func))
    ]
    assert found == []


def _touches(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in _TOUCHES:
            yield node.lineno, called.id
        elif isinstance(called, ast.Attribute) and called.attr in _TOUCHES and not _is_door(called.value):
            yield node.lineno, ast.unparse(called)


def _is_door(owner: ast.expr) -> bool:
    """`folder.open(...)`, `run.folder.open(...)`, `self._folder.open(...)`, `Folder(path).open(...)`."""
    if isinstance(owner, ast.Call):
        owner = owner.func
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return name.lstrip("_").lower() == "folder"
