# SPDX-License-Identifier: Apache-2.0
"""What runs need of another machine: what is seen from outside, then what oomlab says of itself there."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from orchestrator.arch import ARCHS, ArchName
from orchestrator.doctor.condition import Condition, Examination, diagnosis
from orchestrator.errors import HostError
from orchestrator.host.programs import Need
from orchestrator.remote.connection import Machine
from orchestrator.remote.places import Places
from orchestrator.remote.program import source_checksum
from orchestrator.remote.setup import LEAST_MIB
from orchestrator.remote.survey import OLDEST_PYTHON, Survey, needs_there, survey
from orchestrator.text.plain import one_line

_SETUP = "oomlab host setup HOST"
_DOCTOR_S = 180.0
_NOT_OF_RUNS = ("terminal", "run directories", "programs")
"""What the doctor there says for somebody who sits there, and what is seen from outside already."""


def examine_there(machine: Machine, archs: Sequence[ArchName], backend: str | None = None) -> Examination:
    """All conditions of a run on the other machine, on devices of `backend` if that is named.

    HostError where nothing can be asked of it.
    """
    places = Places(machine.home)
    found = survey(machine, places)
    conditions = list(judge_survey(found, source_checksum(), archs))
    if all(each.state != "fault" for each in conditions):
        conditions += _asked(machine, places, archs, backend)
    return diagnosis(conditions, "")


def _asked(
    machine: Machine, places: Places, archs: Sequence[ArchName], backend: str | None
) -> Iterator[Condition]:
    """What the doctor says there."""
    one = ["--arch", archs[0]] if len(archs) < len(ARCHS) else []
    if backend is not None:
        one += ["--backend", backend]
    command = shlex.join([places.launcher, "doctor", "--without-builds", "--json", *one])
    answer = machine.run(command, deadline_s=_DOCTOR_S)
    try:
        said = Examination.model_validate_json(answer.stdout)
    except ValidationError:
        raise HostError(
            "oomlab does not start on the other machine",
            hint=_SETUP,
            evidence=answer.stderr.splitlines()[-5:],
        ) from None
    for each in said.findings:
        if each.what not in _NOT_OF_RUNS:
            plain = {name: one_line(getattr(each, name)) for name in ("what", "detail", "remedy")}
            yield each.model_copy(update=plain)


def judge_survey(found: Survey, source: str, archs: Sequence[str]) -> Iterator[Condition]:
    """What is seen from outside, for runs by the program with this source. Pure."""
    yield Condition(what="other machine", state="ok", detail=found.title)
    wanted = [need for need in needs_there(found.machine) if need.arch in (*archs, "")]
    absent = [need for need in wanted if not found.programs & {need.name, *need.others}]
    yield from (_missing(need) for need in absent)
    if there := [need.name for need in wanted if need not in absent]:
        yield Condition(what="programs", state="ok", detail=", ".join(there))
    if not found.python:
        detail = f"Python {OLDEST_PYTHON} or newer is not installed"
        yield Condition(what="Python", state="fault", detail=detail, remedy=_SETUP)
    yield _program(found, source)
    yield _room(found)
    yield _logins(found)


def _missing(need: Need) -> Condition:
    return Condition(what=need.name, state="fault", detail=f"is not installed: {need.purpose}", remedy=_SETUP)


def _program(found: Survey, source: str) -> Condition:
    what = "oomlab there"
    if not found.source:
        return Condition(what=what, state="fault", detail="is not set up", remedy=_SETUP)
    if found.source != source:
        detail = "has another source than this one, and runs are made by the source that reads them"
        return Condition(what=what, state="fault", detail=detail, remedy=_SETUP)
    return Condition(what=what, state="ok", detail="has the same source as this one")


def _room(found: Survey) -> Condition:
    free = f"{found.free_mib} MiB free"
    if found.source or found.free_mib >= LEAST_MIB:
        return Condition(what="home", state="ok", detail=free)
    remedy = f"free space there: setting it up takes up to {LEAST_MIB} MiB"
    return Condition(what="home", state="fault", detail=free, remedy=remedy)


def _logins(found: Survey) -> Condition:
    """Whether a run outlives the connection that started it."""
    what = "KillUserProcesses"
    if found.kills_at_logout is None:
        detail = "no logind answers there: nothing is known to end a run at logout"
        return Condition(what=what, state="ok", detail=detail)
    if not found.kills_at_logout:
        return Condition(what=what, state="ok", detail="no: a run outlives its connection")
    if found.lingers:
        detail = "yes, and the user may linger: runs are given to systemd (systemd-run --user)"
        return Condition(what=what, state="ok", detail=detail)
    return Condition(
        what=what,
        state="warning",
        detail="yes: what a login leaves behind is ended at logout, so runs are given to systemd"
        " (systemd-run --user), for which the user has to linger; a run asks for that when it starts",
        remedy=f"there, if that is refused: sudo loginctl enable-linger {shlex.quote(found.user)}",
    )
