# SPDX-License-Identifier: Apache-2.0
"""From a trial's evidence to its result: pure, so that it can be repeated from the files.

The rule: an outcome is the first of these that holds: interrupted, harness-error, boot-failed,
target-missed (also when an OOM came before the trigger); then, from the trigger's start: kernel-crash
(with no OOM before it), oom, panic, allocation-failure, hang, lost, command-failed, request-failed,
passed.
"""

from __future__ import annotations

from orchestrator.evidence.crash_count import fatal_crash
from orchestrator.evidence.device_facts import device_facts
from orchestrator.evidence.evidence import Ending, Evidence
from orchestrator.evidence.kernel_words import (
    counted_oom_kills,
    is_allocation_failure,
    is_panic,
    kernel_words,
    oom_reports,
)
from orchestrator.evidence.load_end import Load, load_end, ran_command
from orchestrator.evidence.measurements import (
    errno_name,
    memory_samples,
    request_summary,
    settings_written,
    target_state,
    vmstat_over_trigger,
)
from orchestrator.evidence.process_end import process_ends, sentence, succeeded
from orchestrator.evidence.programs import program_notes
from orchestrator.oom.crash_words import crash_details
from orchestrator.oom.records import KernelCrash
from orchestrator.outcome import Outcome
from orchestrator.plan import PlannedBlock, PlannedTrial
from orchestrator.protocol.memory_records import Proof, TargetRecord
from orchestrator.protocol.records import (
    AgentError,
    End,
    Hello,
    ModuleLoaded,
    Note,
    Phase,
    ProcessEnded,
    TriggerEnd,
)  # fmt: skip
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.stage import TRIGGERED, Mode
from orchestrator.text.amounts import count_of


def judge_block(
    planned: PlannedBlock,
    *,
    attempt: int,
    evidence: Evidence,
    fingerprint: str | None,
    ram_sha256: str | None,
    host_memory_kb: int | None = None,
) -> BlockResult:
    """What bringing a block to its target came to."""
    hello = evidence.last(Hello)
    return BlockResult(
        block=planned.number,
        attempt=attempt,
        mode=planned.mode,
        clock=planned.clock,
        variants=planned.variants,
        seed=planned.seed,
        frozen=evidence.snapshot_taken,
        host_seconds=round(evidence.host_seconds, 3),
        fingerprint=fingerprint or None,
        shuffled=hello.shuffled if hello else None,
        ram_sha256=ram_sha256,
        host_memory_kb=host_memory_kb,
        target=target_state(evidence.last(TargetRecord)),
        memory=memory_samples(evidence),
    )


def judge(
    planned: PlannedTrial,
    *,
    attempt: int,
    directory: str,
    load: Load,
    fingerprint: str | None,
    evidence: Evidence,
) -> TrialResult:
    """The result of one trial from its evidence. `load` is what was fired at its kernel."""
    outcome, why = _decide(planned, evidence)
    hello, proof = evidence.last(Hello), evidence.last(Proof)
    return TrialResult(
        trial=planned.number,
        directory=directory,
        block=planned.block,
        attempt=attempt,
        variant=planned.variant,
        cold=planned.cold,
        fork=planned.fork,
        clock=planned.clock,
        mode=planned.mode,
        stage=planned.stage,
        seed=planned.seed,
        fingerprint=fingerprint or None,
        outcome=outcome,
        why=why,
        host_seconds=round(evidence.host_seconds, 3),
        private_memory_kb=evidence.private_memory_kb or None,
        guest_release=hello.release if hello else None,
        target=target_state(evidence.last(TargetRecord)),
        settings=settings_written(evidence),
        proof_repaired=proof.repaired if proof else None,
        **kernel_words(planned, evidence),
        **load_end(planned, load, evidence),
        vmstat_delta=vmstat_over_trigger(evidence),
        memory=memory_samples(evidence),
        notes=_notes(evidence),
        device=device_facts(evidence),
    )


def _decide(planned: PlannedTrial, evidence: Evidence) -> tuple[Outcome, str]:
    error = evidence.last(AgentError)
    crash = fatal_crash(evidence.console_since_module())
    if evidence.ending is Ending.INTERRUPTED:
        return Outcome.INTERRUPTED, evidence.ending_detail or "interrupted on the host"
    if evidence.ending is Ending.HARNESS_FAILED:
        return Outcome.HARNESS_ERROR, evidence.ending_detail
    if evidence.garbage_lines and evidence.last(End) is None and not _died_on_console(evidence):
        return Outcome.HARNESS_ERROR, f"the control line carried garbage: {evidence.first_garbage}"
    if error is not None and crash is None and not oom_reports(evidence.console_of_trial):
        return Outcome.HARNESS_ERROR, _agent_failure(error)
    if not evidence.spoke:
        return Outcome.BOOT_FAILED, _boot_failure(evidence)
    if planned.mode is Mode.PROOF:
        return _decide_proof(evidence)
    benchmarks_alone = planned.stage not in TRIGGERED
    if not (evidence.benchmarked if benchmarks_alone else evidence.triggered):
        if crash is not None:
            return Outcome.KERNEL_CRASH, f"while its driver was loaded: {crash_details(crash)}"
        return Outcome.TARGET_MISSED, _missed(evidence)
    return _decide_benchmarked(evidence) if benchmarks_alone else _decide_triggered(evidence)


def _died_on_console(evidence: Evidence) -> bool:
    """The console alone tells how it ended, whatever became of the control line."""
    console = evidence.console_of_trial
    return fatal_crash(console) is not None or any(map(is_panic, console)) or bool(oom_reports(console))


def _agent_failure(error: AgentError) -> str:
    """What keeps an agent from its work on a device of others is no failure of its own."""
    if error.where == "rights":
        return f"the device does not allow what the scenario asks for: {error.message}"
    if error.where == "setting":
        return f"the kernel did not take a setting of the variant: {error.message}"
    if error.where == "binder":
        return f"no evidence about the driver under test: {error.message}"
    return f"the guest agent failed at {error.where}: {error.message}"


def _decide_proof(evidence: Evidence) -> tuple[Outcome, str]:
    proof = evidence.last(Proof)
    if proof is None:
        return Outcome.TARGET_MISSED, _missed(evidence)
    if proof.repaired:
        return Outcome.PASSED, "one compaction repairs the target's state"
    return (
        Outcome.TARGET_MISSED,
        "compaction does not repair the target's state, but `hard: forbidden` says so",
    )


def _decide_triggered(evidence: Evidence) -> tuple[Outcome, str]:
    since = evidence.console_since_trigger()
    ooms, requests = oom_reports(since), request_summary(evidence)
    crash = None if _survived(evidence) else fatal_crash(since)
    if crash is not None and not (ooms and ooms[0].line < crash.line):
        return Outcome.KERNEL_CRASH, crash_details(crash)
    if ooms or counted_oom_kills(evidence):
        return Outcome.OOM, "the kernel invoked the OOM killer"
    if panics := [event for event in since if isinstance(event, KernelCrash) and event.panic]:
        return Outcome.PANIC, f"kernel panic: {panics[0].panic}"
    if any(map(is_allocation_failure, since)):
        return Outcome.ALLOCATION_FAILURE, "the kernel reported a page allocation failure"
    if requests is not None and (short := requests.errnos.get("ENOMEM")):
        return Outcome.ALLOCATION_FAILURE, f"{requests.count(short)} failed with ENOMEM"
    return _decide_unexplained(evidence)


def _survived(evidence: Evidence) -> bool:
    """The trigger ran to its end, whatever else the kernel did meanwhile."""
    end = evidence.last(TriggerEnd)
    own = process_ends(evidence.every(ProcessEnded))
    return end is not None and end.reason == "finished" and all(map(succeeded, own))


def _decide_unexplained(evidence: Evidence) -> tuple[Outcome, str]:
    """With no word of the kernel's that would say why the trigger ended so."""
    end = evidence.last(TriggerEnd)
    if evidence.ending is Ending.OVERDUE and not evidence.benchmarked:
        return Outcome.HANG, evidence.ending_detail + _lockup(evidence)
    if end is None:
        return Outcome.LOST, f"the guest ended without a word: {evidence.ending_detail}"
    if end.reason == "deadline":
        return Outcome.HANG, "the trigger did not end within its deadline" + _lockup(evidence)
    return _decide_ended(evidence, end)


def _lockup(evidence: Evidence) -> str:
    """What the kernel itself says of a hang."""
    crashes = (event for event in evidence.console_since_trigger() if isinstance(event, KernelCrash))
    return next((f"; {crash_details(crash)}" for crash in crashes), "")


def _decide_ended(evidence: Evidence, end: TriggerEnd) -> tuple[Outcome, str]:
    """A trigger that the agent saw end, with nothing of the kernel's to explain it."""
    failed = [each for each in process_ends(evidence.every(ProcessEnded)) if not succeeded(each)]
    if failed and ran_command(evidence):
        return Outcome.COMMAND_FAILED, sentence(failed[0], "the command")
    if failed:
        return Outcome.LOST, sentence(failed[0], f"process {failed[0].process} of the trigger")
    if (requests := request_summary(evidence)) is not None and requests.failed:
        errors = ", ".join(f"{name} x {count}" for name, count in requests.errnos.items())
        what = requests.count(requests.failed)
        return Outcome.REQUEST_FAILED, f"{what} failed: {errors or 'they were never made'}"
    if end.reason == "finished":
        return Outcome.PASSED, "the trigger ran to its end"
    return Outcome.LOST, f"the trigger ended by itself: {end.reason}"


def _decide_benchmarked(evidence: Evidence) -> tuple[Outcome, str]:
    """Benchmarks alone: one that the kernel kills or refuses is a figure, and no outcome."""
    since, ended = evidence.console_since_benchmarks(), evidence.last(End) is not None
    crash = fatal_crash(since)
    if crash is not None and not ended:
        return Outcome.KERNEL_CRASH, crash_details(crash)
    if panics := [event for event in since if isinstance(event, KernelCrash) and event.panic]:
        return Outcome.PANIC, f"kernel panic: {panics[0].panic}"
    if evidence.ending is Ending.OVERDUE:
        return Outcome.HANG, evidence.ending_detail
    if not ended:
        return Outcome.LOST, f"the guest ended without a word: {evidence.ending_detail}"
    return Outcome.PASSED, "the benchmarks ran to their end"


def _boot_failure(evidence: Evidence) -> str:
    panics = (event.panic for event in evidence.console if isinstance(event, KernelCrash) and event.panic)
    if (panic := next(panics, None)) is not None:
        return f"the guest panicked before its agent spoke: {panic}"
    return f"the guest's agent never spoke: {evidence.ending_detail}"


def _missed(evidence: Evidence) -> str:
    target = evidence.last(TargetRecord)
    if oom_reports(evidence.console_of_trial):
        return "an OOM came before the trigger"
    if target is None or target.reached:
        module = evidence.last(ModuleLoaded)
        if module is not None and not module.ok:
            return f"the driver module did not load: {errno_name(module.errno)}"
        phases = evidence.every(Phase)
        where = phases[-1].name if phases else "start"
        return f"the guest ended in phase {where}: {evidence.ending_detail}"
    units = ", ".join(f"order {order}: {count}" for order, count in enumerate(target.units) if order < 5)
    return f"{target.reason or 'the deadline passed'} at {target.free_kb} kB free, usable units {units}"


def _notes(evidence: Evidence) -> tuple[str, ...]:
    notes = [record.text for record in evidence.every(Note) if record.text]
    if evidence.garbage_lines:
        lines = count_of("line", evidence.garbage_lines)
        notes.append(f"{lines} on the control line held no record: {evidence.first_garbage}")
    if evidence.benchmarked and evidence.last(End) is None:
        notes.append(f"the benchmarks did not come to their end: {evidence.ending_detail}")
    return (*notes, *program_notes(evidence))
