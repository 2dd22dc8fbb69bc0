# SPDX-License-Identifier: Apache-2.0
"""Commands that are run in a scenario's guest once its memory is in the scenario's state, without a terminal.

The guest is that of a cold trial, whose trigger is the user's commands: it is watched, judged and ended as
one. What the commands write goes on at once; how they ended is the exit status.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from orchestrator.errors import DeadlinePassed, ExitCode, HostError, InputError, OomlabError
from orchestrator.evidence.evidence import Evidence
from orchestrator.files.folder import Folder
from orchestrator.host.interrupts import interrupts_deferred
from orchestrator.host.scratch import scratch_directory
from orchestrator.outcome import Outcome
from orchestrator.paths import cache_dir
from orchestrator.plan import PlannedBlock, PlannedTrial, block_seed
from orchestrator.protocol.records import ControlRecord, Output, ProcessEnded, TriggerEnd
from orchestrator.record.recorder import ConsoleEvent
from orchestrator.record.result import TrialResult
from orchestrator.run.environment import Environment
from orchestrator.run.trial import Observers, RunContext, run_cold_trial
from orchestrator.run.watch import StopSwitch
from orchestrator.scenario.models import Scenario
from orchestrator.scenario.triggers.kinds import script_at
from orchestrator.stage import Mode
from orchestrator.text.amounts import count_of
from orchestrator.units import MIB
from orchestrator.verdict.target_advice import target_advice

MOST_BYTES = MIB
"""Of commands: they stand in the guest's memory."""
_HEED_SIGNALS_S = 0.2
_SIGNALLED = 128
"""What a shell adds to the number of the signal that ended a command."""

Write = Callable[[Literal["stdout", "stderr"], bytes], None]
"""Takes what the commands write; OSError where nobody can take it."""


class TargetMissed(OomlabError):
    """Memory did not come to the scenario's state, so nothing was run."""

    exit_code = ExitCode.VERDICT_MISSING


@dataclass(frozen=True)
class Listener:
    """Who hears of the guest: what its commands write, and all else that it tells."""

    write: Write
    on_record: Callable[[ControlRecord], None]
    on_event: Callable[[ConsoleEvent], None]


def require_script(commands: bytes) -> bytes:
    """InputError for more than a guest is given."""
    if len(commands) > MOST_BYTES:
        raise InputError(
            f"more than {count_of('byte', MOST_BYTES)} of commands",
            hint="what is large belongs into a file of the guest's",
        )
    return commands


@dataclass(frozen=True)
class ScriptSession:
    """Commands and the guest that they are for."""

    environment: Environment
    variant: str
    commands: bytes

    def run(self, listener: Listener) -> int:
        """Boot, run them at the target, and end the guest; their exit status, 128 + n for signal n.

        TargetMissed, DeadlinePassed (they took longer than the trigger may), HostError (no guest, or one that
        ended before them), OSError of the listener's, KeyboardInterrupt.
        """
        environment = replace(self.environment, scenario=self._scenario)
        stop, heard = StopSwitch(), _Heard(listener)
        parent = cache_dir() / "tmp"
        parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            scratch = stack.enter_context(scratch_directory(parent))
            images = environment.images[self.variant].with_script(self.commands, scratch)
            environment = replace(environment, images={self.variant: images})
            pool = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="guest"))
            with interrupts_deferred():
                trial = pool.submit(self._trial, environment, scratch, stop, heard)
            try:
                while not wait([trial], timeout=_HEED_SIGNALS_S).done:
                    if heard.failure is not None:
                        stop.flip()
            except KeyboardInterrupt:
                stop.flip()
                raise
            result, evidence = trial.result()
        if heard.failure is not None:
            raise heard.failure
        return self._status(result, evidence)

    @property
    def _scenario(self) -> Scenario:
        """The user's, whose trigger is these commands and nothing else."""
        path = self.environment.backend.script_path
        trigger = script_at(path)
        return self.environment.scenario.model_copy(
            update={"trigger": trigger, "benchmarks": (), "audit": False}
        )

    def _trial(
        self, environment: Environment, scratch: Path, stop: StopSwitch, heard: _Heard
    ) -> tuple[TrialResult, Evidence]:
        seed = block_seed(environment.scenario, 1)
        trial = PlannedTrial(1, self.variant, seed, Mode.TRIAL, cold=True)
        boot = PlannedBlock(1, seed, Mode.TRIAL, "realtime", (self.variant,), (trial,))
        common = RunContext(
            environment.budgets, environment.backend.capabilities, stop, environment.scenario.trigger
        )
        observers = Observers(heard.record, heard.event)
        folder = Folder(scratch).make("1")
        return run_cold_trial(environment.launcher(boot), trial, 1, folder, common, observers)

    def _status(self, result: TrialResult, evidence: Evidence) -> int:
        ended = evidence.last(ProcessEnded)
        if ended is not None and ended.signal is not None:
            return _SIGNALLED + ended.signal
        if ended is not None and ended.exit_status is not None and not ended.start_errno:
            return ended.exit_status
        if result.outcome is Outcome.TARGET_MISSED:
            advice = target_advice(self.environment.scenario, [result])
            raise TargetMissed(f"{result.why}; nothing was run", hint="; ".join(advice))
        last = evidence.last(TriggerEnd)
        if last is not None and last.reason == "deadline":
            limit_s = self.environment.scenario.deadlines.trigger
            raise DeadlinePassed(
                f"the commands did not end within {limit_s:g} s, and were ended",
                hint=f"--set deadlines.trigger={10 * limit_s:g}s gives them ten times as long",
            )
        raise HostError(f"the guest ended before the commands did: {result.outcome}, {result.why}")


class _Heard:
    """What the guest tells, on its way to the listener; remembers what kept that from writing."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.failure: OSError | None = None

    def record(self, record: ControlRecord) -> None:
        """A record of the agent's: what the commands wrote among them."""
        if not isinstance(record, Output):
            self._listener.on_record(record)
        elif self.failure is None:
            try:
                self._listener.write(record.stream or "stdout", record.data)
            except OSError as error:  # else it would be taken for a record that could not be kept
                self.failure = error

    def event(self, event: ConsoleEvent) -> None:
        """An event on its console."""
        self._listener.on_event(event)
