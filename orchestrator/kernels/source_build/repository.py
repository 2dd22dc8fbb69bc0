# SPDX-License-Identifier: Apache-2.0
"""Git repositories of others, read without running anything of theirs.

What a repository can make git do is in its configuration: file system monitors, hooks, filters, text
conversion, ways to fetch what is missing. None of it is looked at: git gets a directory of our own with
an empty configuration, in which references and objects are links to the repository's (as git's own
git-new-workdir does). Attributes may name filters; nothing says what those are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast

from orchestrator.deadline import Deadline
from orchestrator.errors import CommandFailed, InputError
from orchestrator.files.reading import read_bounded
from orchestrator.host.process import PIPE, Child, run, start
from orchestrator.kernels.source_build.listing import Entry, Listing
from orchestrator.units import MIB

_QUERY_S = 120.0
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+~^{}-]*")
_POINTER_BYTES = 1 * MIB
_SHOWN = 5
_SHA256 = re.compile(rb"(?i)objectformat\s*=\s*\"?sha256")
_HEX = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True)
class Repository:
    """Where a repository's parts are. `worktree`: None where there is none (a bare repository).

    `git` is the directory of its HEAD and index, `common` that of its references and objects: they differ
    for additional work trees (git-worktree(1)).
    """

    worktree: Path | None
    git: Path
    common: Path

    @property
    def watched(self) -> tuple[Path, ...]:
        """The files and directories that say what a revision's name means."""
        return (self.git / "HEAD", self.common / "packed-refs", self.common / "refs")


def find_repository(path: Path) -> Repository | None:
    """The repository whose top this is; None where it is no repository. Runs nothing."""
    inside = path / ".git"
    if inside.is_dir():
        return _repository(path, inside)
    if inside.is_file():
        text = read_bounded(inside, _POINTER_BYTES).decode(errors="replace").strip()
        target = path / text.removeprefix("gitdir:").strip()
        return _repository(path, target.resolve())
    if (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir():
        return _repository(None, path)
    return None


def _repository(worktree: Path | None, git: Path) -> Repository | None:
    common = git
    with suppress(InputError):
        common = (git / read_bounded(git / "commondir", _POINTER_BYTES).decode().strip()).resolve()
    whole = (git / "HEAD").is_file() and (common / "objects").is_dir() and (common / "refs").is_dir()
    return Repository(worktree, git, common) if whole else None


@dataclass(frozen=True)
class Git:
    """git, asked about one repository through a directory of ours."""

    repository: Repository
    ours: Path

    def ask(self, *arguments: str) -> bytes:
        """What a command prints; CommandFailed."""
        return run(
            self._argv(*arguments), env=self._env(), cwd=self._cwd(), deadline=_deadline(self.repository)
        ).stdout

    def commit_of(self, revision: str) -> str:
        """The commit that a revision names; InputError that names what is near to it."""
        wrong = InputError(f"{self._name} has no revision '{revision}'", hint=self._near(revision))
        if not _REVISION.fullmatch(revision):
            raise wrong
        try:
            commit = self.ask(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
            )
        except CommandFailed:
            raise wrong from None
        return commit.decode().strip()

    def head(self) -> str | None:
        """The commit that is checked out; None before the first."""
        with suppress(CommandFailed):
            return self.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()
        return None

    def listing(self, commit: str) -> Listing:
        """All files and links of a commit; submodules are left out. InputError where objects are missing."""
        found: Listing = {}
        try:
            rows = self.ask("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
        except CommandFailed as error:
            raise self._incomplete(commit, error) from None
        for row in filter(None, rows):
            facts, _, path = row.partition(b"\t")
            mode, kind, blob = facts.decode().split(" ")
            if kind == "blob":
                found[path.decode(errors="surrogateescape")] = (mode, blob)
        return found

    def paths(self) -> list[str]:
        """The files of the work tree that belong to it: tracked ones, and untracked ones not ignored."""
        # What is excluded in this clone alone is a file of patterns, no more.
        excluded = self.repository.common / "info/exclude"
        more = [f"--exclude-from={excluded}"] if excluded.is_file() else []
        rows = self.ask("ls-files", "-z", "--cached", "--others", "--exclude-per-directory=.gitignore", *more)
        return sorted({row.decode(errors="surrogateescape") for row in rows.split(b"\0") if row})

    @contextmanager
    def reader(self) -> Iterator[Blobs]:
        """The contents of files, one after the other."""
        with start(
            self._argv("cat-file", "--batch"), env=self._env(), cwd=self._cwd(), stdin=PIPE, stdout=PIPE
        ) as child:
            yield Blobs(child, self._name)

    @contextmanager
    def entries(self, commit: str) -> Iterator[Iterator[Entry]]:
        """The files and links of a commit; only what is asked for is read."""
        listing = self.listing(commit)
        with self.reader() as blobs:
            yield (
                Entry(path, mode, partial(blobs.read, blob), blob) for path, (mode, blob) in listing.items()
            )

    @property
    def _name(self) -> str:
        return str(self.repository.worktree or self.repository.git)

    def _argv(self, *arguments: str) -> list[str]:
        where = [f"--git-dir={self.ours}"]
        if self.repository.worktree is not None:
            where.append(f"--work-tree={self.repository.worktree}")
        return ["git", *where, *arguments]

    def _env(self) -> dict[str, str]:
        return {
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ATTR_NOSYSTEM": "1",
            "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_INDEX_FILE": str(self.repository.git / "index"),
        }  # fmt: skip

    def _cwd(self) -> Path:
        return self.repository.worktree or self.ours

    def _near(self, revision: str) -> str:
        with suppress(CommandFailed):
            names = self.ask("for-each-ref", "--format=%(refname:short)").decode(errors="replace").split("\n")
            near = difflib.get_close_matches(revision, filter(None, names), n=_SHOWN)
            if near:
                return f"did you mean {' or '.join(near)}?"
            some = [name for name in names if name][-_SHOWN:]
            return (
                f"it has {', '.join(some)}" if some else "it has no branch and no tag: a commit's id will do"
            )
        return ""

    def _incomplete(self, commit: str, error: CommandFailed) -> InputError:
        return InputError(
            f"{self._name}: the files of commit {commit[:12]} cannot be read",
            hint="is it a whole clone? What a partial or shallow one lacks is not fetched here",
            evidence=[error.output_tail],
        )


@dataclass(frozen=True)
class Blobs:
    """A `git cat-file --batch` that answers."""

    child: Child
    name: str

    def read(self, blob: str) -> bytes:
        """One content; InputError where the repository does not have it."""
        given, taken = cast(IO[bytes], self.child.stdin), cast(IO[bytes], self.child.stdout)
        try:
            given.write(f"{blob}\n".encode())
            given.flush()
        except BrokenPipeError:
            raise self._missing(blob) from None
        words = taken.readline().split()
        if len(words) != 3 or words[1] != b"blob":
            raise self._missing(blob)
        size_bytes = int(words[2])
        content = taken.read(size_bytes + 1)
        if len(content) != size_bytes + 1:
            raise self._missing(blob)
        return content[:-1]

    def _missing(self, blob: str) -> InputError:
        return InputError(
            f"{self.name} lacks the object {blob[:12]}",
            hint="is it a whole clone? What a partial or shallow one lacks is not fetched here",
        )


@contextmanager
def opened(repository: Repository, scratch: Path) -> Iterator[Git]:
    """git on a repository; `scratch` is an empty directory of ours. InputError for formats unknown here."""
    if (repository.common / "reftable").is_dir():
        raise InputError(
            f"{repository.git} keeps its references as reftable, which is not read here",
            hint="name a clone of it with files (git clone --ref-format=files), or a directory",
        )
    if _SHA256.search(read_bounded(repository.common / "config", _POINTER_BYTES)):
        raise InputError(
            f"{repository.git} counts with SHA-256, which is not read here", hint="name a directory"
        )
    for name in ("objects", "refs", "packed-refs"):
        if (repository.common / name).exists():
            (scratch / name).symlink_to(repository.common / name)
    (scratch / "HEAD").write_bytes(read_bounded(repository.git / "HEAD", _POINTER_BYTES))
    (scratch / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = false\n")
    for shared in repository.git.glob("sharedindex.*"):
        (scratch / shared.name).symlink_to(shared)
    yield Git(repository, scratch)


def _deadline(repository: Repository) -> Deadline:
    return Deadline.after(_QUERY_S, f"git in {repository.git}")


def is_commit_id(revision: str) -> bool:
    """Whether it is a whole id, which can never mean anything else."""
    return _HEX.fullmatch(revision) is not None
