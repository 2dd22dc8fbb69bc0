# SPDX-License-Identifier: Apache-2.0
"""Whoever is asked whether another machine may be set up has seen what for, and can say no."""

from __future__ import annotations

import sys

import pytest

from orchestrator.commands.host import agree
from orchestrator.errors import ExitCode, HostError

STEPS = ["install with apt-get, as root: qemu-system-arm"]


def _sit_down(monkeypatch: pytest.MonkeyPatch, answer: str | None) -> None:
    def answered() -> str:
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", answered)


@pytest.mark.parametrize("answer", ["", "y", " Yes "])
def test_a_yes_is_enough(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    _sit_down(monkeypatch, answer)
    agree(STEPS, assume_yes=False)


@pytest.mark.parametrize("answer", ["n", "no", "what?", "yesterday", None])
def test_anything_else_does_nothing(monkeypatch: pytest.MonkeyPatch, answer: str | None) -> None:
    _sit_down(monkeypatch, answer)
    with pytest.raises(HostError, match="nothing was done") as refused:
        agree(STEPS, assume_yes=False)
    assert refused.value.exit_code is ExitCode.COULD_NOT_RUN


def test_yes_beforehand_is_not_asked_again_and_is_told_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    agree(STEPS, assume_yes=True)
    assert STEPS[0] in capsys.readouterr().err


def test_without_a_terminal_only_a_yes_beforehand_counts() -> None:
    with pytest.raises(HostError, match="nobody can be asked here") as refused:
        agree(STEPS, assume_yes=False)
    assert "--yes" in refused.value.hint
