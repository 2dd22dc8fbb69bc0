# SPDX-License-Identifier: Apache-2.0
"""The first signal interrupts, those right behind it do not, and some steps are not cut in two."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from orchestrator.host import interrupts

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    monkeypatch.setattr(interrupts, "_interrupt", interrupts._Interrupt())
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_and_more_do_not_disturb_the_end(number: signal.Signals) -> None:
    interrupts.install_signal_handlers()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    for other in SIGNALS:
        signal.raise_signal(other)


def test_after_a_while_the_user_is_heard_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_DEAF_S", 0.0)
    interrupts.install_signal_handlers()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def step(done: list[str], failure: Exception | None = None) -> None:
    with interrupts.interrupts_deferred():
        signal.raise_signal(signal.SIGINT)
        done.append("whole")
        if failure is not None:
            raise failure


def test_an_interrupt_waits_for_the_end_of_a_step() -> None:
    interrupts.install_signal_handlers()
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        step(done)
    assert done == ["whole"]


def test_without_a_signal_nothing_happens_at_the_end_of_a_step() -> None:
    interrupts.install_signal_handlers()
    with interrupts.interrupts_deferred():
        pass


def test_a_failure_in_a_step_is_not_hidden() -> None:
    interrupts.install_signal_handlers()
    with pytest.raises(ValueError, match="mine"):
        step([], ValueError("mine"))


def test_what_the_parent_had_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupts.install_signal_handlers()
    signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_at_the_very_end_nothing_is_heard() -> None:
    interrupts.install_signal_handlers()
    interrupts.ignore_signals()
    for number in SIGNALS:
        signal.raise_signal(number)
