# SPDX-License-Identifier: Apache-2.0
"""Runs and searches on another machine: begun, watched over, left there or ended, and brought here."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestrator.errors import ExitCode, HostError, InputError, OomlabError
from orchestrator.host.capacity import Share
from orchestrator.kernels.cache import Cache
from orchestrator.paths import cache_dir
from orchestrator.record.directory import RunDirectory
from orchestrator.record.manifest import RunManifest
from orchestrator.remote.connection import Machine
from orchestrator.remote.entries import entries_of
from orchestrator.remote.job import PARCEL, RUN, JobState
from orchestrator.remote.parcel import SCENARIO_FILE, JobFacts, Parcel, parcel_of, tar_of
from orchestrator.remote.session import Session, Teller, begin
from orchestrator.remote.watch import RunTeller, SearchTeller
from orchestrator.run.engine import Prepared
from orchestrator.run.observer import Observer
from orchestrator.scenario.models import Scenario
from orchestrator.search.result import SEARCH_FILE, SearchResult
from orchestrator.text.plain import named

_TAIL_LINES = 20
_BROUGHT_BACK = (ExitCode.MET, ExitCode.NOT_MET, ExitCode.VERDICT_MISSING, ExitCode.INTERRUPTED)
_QUESTION = "End the run on the other machine? If not, it goes on there."


@dataclass(frozen=True)
class Order:
    """What is to be made on another machine: `oomlab WORDS` there, with the parcel for its scenario."""

    kind: str
    words: tuple[str, ...]
    scenario: Scenario
    manifest: RunManifest


@dataclass(frozen=True)
class Returned:
    """A run that is here again. `interrupted`: it was ended before its end."""

    facts: JobFacts
    directory: RunDirectory
    interrupted: bool


def order_run(prepared: Prepared, share: Share) -> Order:
    """An ordinary run there, with exactly the kernels that were made here."""
    # Whether variants that are one binary may be compared was asked here.
    words = ("run", *_with_parcel(share), "--force")
    return Order("run", words, prepared.manifest.scenario, prepared.manifest)


def order_search(prepared: Prepared, share: Share, words: Sequence[str]) -> Order:
    """As `order_run`; `words` say what is varied, and how far."""
    return Order(
        "search",
        ("search", *_with_parcel(share), "--force", *words),
        prepared.manifest.scenario,
        prepared.manifest,
    )


def _with_parcel(share: Share) -> list[str]:
    own = [f"{PARCEL}/{SCENARIO_FILE}", "--artefacts-from", PARCEL, "--out", RUN]
    jobs = ["--jobs", str(share.jobs)] if share.jobs is not None else []
    memory = ["--memory-limit", f"{share.memory_bytes}B"] if share.memory_bytes is not None else []
    return [*own, *jobs, *memory]


def new_run_name(scenario: str) -> str:
    """A name that no other run has, on whatever machine."""
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    return f"{scenario}-{stamp}-{secrets.token_hex(3)}"


def send_order(machine: Machine, order: Order, observer: Observer) -> Session:
    """Send it, under a new name; it is not started yet."""
    manifest = order.manifest
    facts = JobFacts(
        kind="search" if order.kind == "search" else "run",
        command=manifest.command,
        scenario_file=manifest.scenario_file,
        overrides=manifest.overrides,
    )
    contents = parcel_of(order.scenario, manifest, facts)
    cache = Cache(cache_dir())  # as long as it lives, nothing of it is pruned
    entries = entries_of(cache, manifest.artefacts.values())
    run = new_run_name(order.scenario.name)
    return begin(machine, run, Parcel(tar_of(contents), order.words), entries, observer.progress)


def fetch_back(session: Session, out: Path | None, observer: Observer) -> Returned | None:
    """Start a run if nobody has, watch over it until it is over, and bring it here.

    None when the user leaves it there: after Ctrl-C, a question, and any answer but yes; or a second Ctrl-C.

    HostError or InputError when it could not be made, with what it said; if it had begun, what there is of it
    is here all the same.
    """
    try:
        return _fetched(session, out, observer)
    except KeyboardInterrupt:
        return None


def _fetched(session: Session, out: Path | None, observer: Observer) -> Returned | None:
    session.start()
    facts, manifest = session.facts()
    teller: Teller = (
        RunTeller(session.job, manifest.scenario, observer)
        if facts.kind == "run"
        else SearchTeller(session.job, observer)
    )
    state = _watch(session, teller, observer)
    if state is None:
        return None
    failure = _failure(session, state)
    if failure is not None and not session.do(session.job.has_result):
        session.forget()
        raise failure
    directory = session.bring(out, lambda made: as_asked(made, facts, manifest))
    if failure is not None:
        raise type(failure)(
            failure.message,
            hint=f"what there is of the run is in {directory.path}",
            evidence=failure.evidence,
        )
    return Returned(facts, directory, state.status == ExitCode.INTERRUPTED)


def _watch(session: Session, teller: Teller, observer: Observer) -> JobState | None:
    try:
        return session.follow(teller)
    except KeyboardInterrupt:
        if not _asked_to_end(observer):
            return None
    observer.progress("ending the run on the other machine; what there is of it comes back")
    session.end()
    return session.follow(teller)


def _asked_to_end(observer: Observer) -> bool:
    try:
        return observer.ask(_QUESTION)
    except (KeyboardInterrupt, OSError):  # the terminal may be what was closed
        return False


def _failure(session: Session, state: JobState) -> OomlabError | None:
    if state.status in _BROUGHT_BACK:
        return None
    said = _last_error([named(line) for line in session.do(lambda: session.job.output_tail(_TAIL_LINES))])
    if state.condition == "died":
        what = "the run on the other machine ended without a word: it was killed, or the machine went down"
        return HostError(what, evidence=said)
    kind = InputError if state.status == ExitCode.BAD_INPUT else HostError
    return kind("the run failed on the other machine", evidence=said)


def _last_error(lines: list[str]) -> list[str]:
    """From the last error on, if there is one."""
    starts = [number for number, line in enumerate(lines) if line.startswith("error:")]
    return lines[starts[-1] :] if starts else lines[-3:]


def as_asked(made: RunDirectory, facts: JobFacts, asked: RunManifest) -> None:
    """Have a run that came back say what was asked for here, with the paths of here."""
    if made.folder.has(made.manifest.name):
        manifest = made.load(made.manifest, RunManifest)
        if manifest.scenario.name != asked.scenario.name:
            raise HostError("what came back is another run")
        update = {
            name: getattr(asked, name)
            for name in ("command", "scenario_file", "overrides", "expectations_from", "scenario")
        }
        made.save(made.manifest, manifest.model_copy(update=update))
    search = made.path / SEARCH_FILE
    if made.folder.has(SEARCH_FILE):
        update = facts.model_dump(include={"command", "scenario_file", "overrides"})
        made.save(search, made.load(search, SearchResult).model_copy(update=update))
