# SPDX-License-Identifier: Apache-2.0
"""A whole kernel configured and compiled, with its progress told and its failures explained."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import BuildBroken, OomlabError
from orchestrator.kernels.base import Progress
from orchestrator.kernels.build.build_log import first_errors
from orchestrator.kernels.build.kernel.recipe import (
    FRAGMENTS_FILE,
    SOURCE,
    START_FILE,
    Places,
    Tools,
    compile_command,
    configure_command,
)
from orchestrator.kernels.build.sandbox import Ran, run_sandboxed
from orchestrator.text.amounts import count_of
from orchestrator.units import MIB

_CONFIGURE_S = 600.0
_COMPILE_S = 6 * 3600.0
_TOLD_EVERY_S = 15.0
_LOOKED_EVERY_S = 5.0
_FREE_BYTES = 512 * MIB
_OBJECT = re.compile(rb"^  (?:CC|AS|HOSTCC)(?: \[M\])? ", re.MULTILINE)
_UP_IN_TREE = re.compile(r"(?<![\w/])\.\./(?=[a-z])")
_RESULT = re.compile(r"([A-Za-z0-9._+~-]{1,64})\n(?:([0-9a-f]{40})\n)?((?:\d+m[\d.]+s\s){4})")
_MODULE_OPTION = re.compile(r"^CONFIG_\w+=m$", re.MULTILINE)


@dataclass(frozen=True)
class Subject:
    """What is built, for words. `blame`: whose fault a failure is, in the words of a hint; "" for nobody's.

    `expected`: how many objects it is likely to take, 0 for not known.
    """

    what: str
    blame: str
    log: Path
    expected: int = 0


@dataclass(frozen=True)
class Built:
    """A build that has ended well, in its objects' directory. `cpu_s` is the time of all its processes."""

    release: str
    build_id: bytes
    compiled: int
    cpu_s: float


def configure(
    places: Places, tools: Tools, start: bytes | None, fragments: str, subject: Subject, scratch: Path
) -> str:
    """The whole configuration that comes of tinyconfig, or of `start`, with the fragments on top."""
    given = {FRAGMENTS_FILE: scratch / FRAGMENTS_FILE}
    given[FRAGMENTS_FILE].write_text(fragments)
    if start is not None:
        given[START_FILE] = scratch / START_FILE
        given[START_FILE].write_bytes(start)
    done = run_sandboxed(
        configure_command(places, tools, given),
        input_bytes=b"",
        deadline=Deadline.after(_CONFIGURE_S, f"configuring {subject.what}"),
    )
    if done.returncode != 0:
        raise failure("cannot be configured", done, subject)
    return done.stdout.decode(errors="replace")


def compile_kernel(
    places: Places, tools: Tools, config: str, subject: Subject, scratch: Path, progress: Progress
) -> Ran:
    """Compile; how it ended is for the caller to judge. The log is kept whole where the subject says.

    Raises OomlabError when it had to be ended, and DeadlinePassed: what is in the objects is not whole then.
    """
    file = scratch / "config"
    file.write_text(config)
    progress(said(subject.what, 0, subject.expected))
    watch = Watcher(subject, places, progress)
    command = compile_command(places, tools, file, modules=has_modules(config))
    ran = run_sandboxed(
        command,
        input_bytes=b"",
        deadline=Deadline.after(_COMPILE_S, f"building {subject.what}"),
        watch=watch.look,
    )
    subject.log.write_bytes(ran.stderr)
    if ran.excess:
        raise failure("could not be built", ran, subject)
    return ran


def built(ran: Ran, subject: Subject) -> Built:
    """What a build that ended by itself made; raises the first errors of its log where it failed."""
    said_by_it = _RESULT.fullmatch(ran.stdout.decode(errors="replace"))
    if ran.returncode != 0 or said_by_it is None:
        raise failure("does not build", ran, subject)
    spent = (each.rstrip("s").split("m") for each in said_by_it[3].split())
    cpu_s = sum(60 * int(minutes) + float(seconds) for minutes, seconds in spent)
    return Built(said_by_it[1], bytes.fromhex(said_by_it[2] or ""), count_objects(ran.stderr), cpu_s)


def has_modules(config: str) -> bool:
    """Whether a configuration has anything as a module."""
    return _MODULE_OPTION.search(config) is not None


def count_objects(log: bytes) -> int:
    """How many objects a log says were compiled (or taken from the store of compilations)."""
    return len(_OBJECT.findall(log))


def failure(how: str, ran: Ran, subject: Subject) -> OomlabError:
    """The error for a build that failed: the compiler's first words, by the tree's own paths."""
    log = _UP_IN_TREE.sub("", ran.stderr.decode(errors="replace").replace(f"{SOURCE}/", ""))
    evidence = [*first_errors(log.splitlines()), f"the whole log: {subject.log}"]
    subject.log.write_bytes(ran.stderr)
    message = f"{subject.what} {how}"
    if ran.excess:
        return OomlabError(f"{message}: {ran.excess}", evidence=evidence)
    if subject.blame:
        return BuildBroken(message, hint=subject.blame, evidence=evidence)
    return OomlabError(
        message, hint="the source as it was shipped should build: is the tool chain whole?", evidence=evidence
    )


@dataclass
class Watcher:
    """Tells how far a build is, and sees to it that it does not fill the disk."""

    subject: Subject
    places: Places
    progress: Progress
    _told_at_s: float = field(default_factory=time.monotonic)
    _looked_at_s: float = 0.0

    def look(self, log: bytes) -> str:
        """To be called now and then with the log so far; says why the build is to be ended, if it is."""
        now_s = time.monotonic()
        if now_s - self._told_at_s >= _TOLD_EVERY_S:
            self._told_at_s = now_s
            self.progress(said(self.subject.what, count_objects(log), self.subject.expected))
        if now_s - self._looked_at_s < _LOOKED_EVERY_S:
            return ""
        self._looked_at_s = now_s
        if shutil.disk_usage(self.places.objects).free < _FREE_BYTES:
            return f"less than {_FREE_BYTES // MIB} MiB are left for the cache"
        return ""


def said(what: str, count: int, expected: int) -> str:
    """A line of progress; a total only where one is known and holds."""
    if not count:
        return f"building {what}" + (f": ~{expected} objects" if expected else "")
    if expected > count:
        return f"building {what}: {count} of ~{expected} objects"
    return f"building {what}: {count_of('object', count)}"
