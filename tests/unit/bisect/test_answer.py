# SPDX-License-Identifier: Apache-2.0
"""Exit codes: git takes 1 to 127, but for 125, for bad, and stops at anything above."""

from __future__ import annotations

import sys
from typing import NoReturn

import pytest

from orchestrator import __main__ as program
from orchestrator import cli
from orchestrator.bisect.answer import COMMAND, Answer, StepCode, code_of, code_of_end
from orchestrator.errors import ExitCode

FIRST_THAT_STOPS = 128


def test_answers_are_what_git_bisect_run_reads() -> None:
    assert {answer: int(code_of(answer)) for answer in Answer} == {"good": 0, "bad": 1, "skip": 125}


@pytest.mark.parametrize("end", [*range(1, 128), *ExitCode, "a message", None])
def test_no_other_end_is_taken_for_an_answer(end: object) -> None:
    assert FIRST_THAT_STOPS <= code_of_end(end) < 256


def ended(monkeypatch: pytest.MonkeyPatch, words: list[str], main: object) -> object:
    monkeypatch.setattr(sys, "argv", ["oomlab", *words])
    monkeypatch.setattr(cli, "main", main)
    monkeypatch.setattr(program, "_leave_garbage_alone", lambda: None)
    with pytest.raises(SystemExit) as caught:
        program.start()
    return caught.value.code


def test_the_program_ends_a_bisection_for_what_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(code: object) -> object:
        def main() -> NoReturn:
            sys.exit(code)  # type: ignore[arg-type]

        return main

    step = [COMMAND, "x.yaml"]
    assert ended(monkeypatch, step, failing(ExitCode.BAD_INPUT)) == StepCode.WRONG_INPUT
    assert ended(monkeypatch, step, failing(ExitCode.COULD_NOT_RUN)) == StepCode.COULD_NOT_RUN
    assert ended(monkeypatch, step, failing(1)) == StepCode.COULD_NOT_RUN
    assert ended(monkeypatch, step, failing(StepCode.BAD)) == 1
    assert ended(monkeypatch, step, failing(StepCode.SKIP)) == 125
    assert ended(monkeypatch, ["--mirror", "x", *step], failing(2)) == StepCode.WRONG_INPUT
    assert ended(monkeypatch, ["run", "x.yaml"], failing(1)) == 1
    assert not ended(monkeypatch, [COMMAND, "--help"], failing(0))


def test_an_exception_that_nobody_caught_is_no_bad_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> NoReturn:
        raise RuntimeError("a fault")

    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    assert ended(monkeypatch, [COMMAND, "x.yaml"], broken) == StepCode.COULD_NOT_RUN
