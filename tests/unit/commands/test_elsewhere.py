# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from typing import NoReturn

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.commands.elsewhere import bring_back, command_line
from orchestrator.errors import ExitCode, HostError
from orchestrator.remote import elsewhere
from orchestrator.remote.connection import Machine, Unreachable
from orchestrator.remote.host import Host
from orchestrator.remote.job import Job
from orchestrator.remote.places import Places
from orchestrator.remote.session import Session
from orchestrator.run.observer import SilentObserver


@pytest.mark.parametrize(
    ("typed", "recorded"),
    [
        (["run", "x", "--host", "me@machine", "--json"], "oomlab run x --host HOST --json"),
        (["run", "--host=me@machine", "x"], "oomlab run --host=HOST x"),
        (["run", "x"], "oomlab run x"),
        (["run", "x", "--host"], "oomlab run x --host"),
    ],
)
def test_a_command_is_recorded_without_the_machine_that_it_names(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], recorded: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["oomlab", *typed])
    assert command_line() == recorded


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "binder-order3", "--detach"], "--host is missing"),
        (["run", "binder-order3", "--host", "a b"], "names no machine"),
        (["run", "binder-order3", "--host", "me:geheim@machine"], "a password has no place"),
        (["run", "binder-order3", "--host", "machine", "--dry-run"], "--host cannot be given with --dry-run"),
        (["run", "--resume", "runs/x", "--host", "machine"], "--host cannot be given with --resume"),
        (["search", "binder-order3", "--vary", "trigger.count=1..9", "--detach"], "--host is missing"),
        (["reproduce", "x", "--detach"], "--host is missing"),
        (["reproduce", "x", "--write-only", "--host", "machine"], "which --write-only leaves out"),
        (["attach", "--host", "-oProxyCommand=x"], "names no machine"),
    ],
)
def test_what_makes_no_sense_on_another_machine_is_refused_before_it_is_reached(
    words: list[str], said: str
) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == ExitCode.BAD_INPUT
    assert said in done.stderr
    assert "geheim" not in done.output


def test_whoever_cannot_get_there_any_more_is_told_how_to_have_the_run_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object) -> NoReturn:
        raise Unreachable("the other machine cannot be reached: no answer")

    monkeypatch.setattr(elsewhere, "fetch_back", never)
    session = Session(Job(Machine(Host("lab")), Places("/home/me"), "r-1"), lambda _said: None)
    with pytest.raises(HostError) as caught:
        bring_back(session, None, SilentObserver())
    assert caught.value.exit_code == ExitCode.COULD_NOT_RUN
    assert "oomlab attach --host HOST r-1" in caught.value.hint
