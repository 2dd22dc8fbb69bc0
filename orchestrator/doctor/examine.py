# SPDX-License-Identifier: Apache-2.0
"""The whole examination: every look and its judgement, and no look that fails hides another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from orchestrator.arch import ArchName
from orchestrator.doctor import cuttlefish_host, judge, look
from orchestrator.doctor.condition import Condition, Examination, diagnosis
from orchestrator.doctor.judge_cuttlefish import judge_cuttlefish
from orchestrator.doctor.machine import User
from orchestrator.errors import OomlabError
from orchestrator.kernels.base import Progress

_OTHER_CACHE = "free space, or set OOMLAB_CACHE to another place"
_OTHER_OUT = "free space, or give `oomlab run` another place with --out"

_NEEDLESS = frozenset({"Cuttlefish", "processors", "run directories", "terminal", "Python"})
"""What a run can do without, or have elsewhere: not to know of it is no fault."""

Check = tuple[str, Callable[[], Iterable[Condition]]]


def examine(
    archs: Sequence[ArchName],
    progress: Progress,
    *,
    probe: bool,
    builds: bool = True,
    backend: str | None = None,
) -> Examination:
    """Looks at everything that runs with guests of these architectures need.

    Without `builds`: runs whose kernels come from elsewhere (`--artefacts-from`). What devices of a
    `backend` lack is a fault only where that is named.
    """
    user = look.user()
    checks = _checks(archs, user, progress, probe=probe, builds=builds, backend=backend)
    found = [finding for name, check in checks for finding in _safe(name, check)]
    return diagnosis(found, judge.install(look.programs(archs, builds=builds).missing, user))


def _safe(name: str, check: Callable[[], Iterable[Condition]]) -> list[Condition]:
    """A check's findings. What keeps it from looking would keep a run from going on, too."""
    try:
        return list(check())
    except OomlabError as error:
        why, remedy = " ".join(error.message.split()), error.hint
    except (OSError, ValueError, LookupError, ImportError) as error:
        why, remedy = str(error) or type(error).__name__, ""
    return [judge.unknown(name, why, remedy, needed=name not in _NEEDLESS)]


def _checks(
    archs: Sequence[ArchName],
    user: User,
    progress: Progress,
    *,
    probe: bool,
    builds: bool,
    backend: str | None,
) -> Iterator[Check]:
    yield "programs", lambda: judge.judge_programs(look.programs(archs, builds=builds), user)
    for arch in archs:
        yield f"QEMU and compiler for {arch}", partial(_versions, arch, builds=builds)
    if builds:
        yield "sandbox", lambda: judge.judge_sandbox(look.sandbox(), user)
        yield "package archives", lambda: [judge.judge_archives(look.archives())]
    yield "memory", lambda: [judge.judge_memory(look.memory())]
    yield "processors", lambda: [judge.judge_processors(look.processors())]
    yield "cache", partial(_cache, builds=builds)
    yield "run directories", _runs
    yield "terminal", lambda: [judge.judge_terminal(look.terminal())]
    yield "Python", lambda: judge.judge_interpreter(look.interpreter())
    yield "Cuttlefish", lambda: judge_cuttlefish(cuttlefish_host.look(), user, wanted=backend == "cuttlefish")
    for arch in archs:  # last, for it is what takes time
        yield (
            f"accelerator for {arch}",
            partial(_accelerator, arch, user, progress, probe=probe, builds=builds),
        )


def _accelerator(
    arch: ArchName, user: User, progress: Progress, *, probe: bool, builds: bool
) -> Iterator[Condition]:
    found = look.accelerator(arch, progress, probe=probe, builds=builds)
    yield judge.judge_accelerator(found, user, can_probe=builds)


def _versions(arch: ArchName, *, builds: bool) -> Iterator[Condition]:
    """What is not installed at all has a line of its own already."""
    absent = {need.name for need in look.programs([arch], builds=builds).missing}
    versions = {f"QEMU for {arch}": look.emulator(arch)}
    if builds:
        versions[f"compiler for {arch}"] = look.compiler(arch)
    for what, version in versions.items():
        if version.program not in absent:
            yield judge.judge_version(what, version)


def _cache(*, builds: bool) -> Iterator[Condition]:
    place = look.cache_place()
    if place.error:
        yield judge.judge_place("cache", place, need_bytes=0, remedy=_OTHER_CACHE)
        return
    if not builds:  # what runs need is sent there, and says so itself
        yield judge.judge_place("cache", place, need_bytes=judge.RUN_BYTES, remedy=_OTHER_CACHE)
        return
    stored = look.stored()
    yield judge.judge_place(
        "cache",
        place,
        need_bytes=judge.FIRST_BASE_BYTES,
        remedy=_OTHER_CACHE,
        needed_now=not stored.bases,
    )
    yield judge.judge_stored(stored)


def _runs() -> Iterator[Condition]:
    place = look.place(Path.cwd() / "runs")
    yield judge.judge_place("run directories", place, need_bytes=judge.RUN_BYTES, remedy=_OTHER_OUT)
