# SPDX-License-Identifier: Apache-2.0
"""The deterministic clock: the same artefacts and seed give the same bytes, whatever the host does.

One pair of runs serves most tests. Only the second one's host is loaded, and reads slowly.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.analysis.controls import TRANSCRIPTS
from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.files.folder import Folder
from orchestrator.guests import serial as channel
from orchestrator.guests.qemu.backend import QemuBackend
from orchestrator.guests.qemu.guest import power_on
from orchestrator.host.process import start
from orchestrator.plan import PlannedBlock, plan_blocks
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import BlockEnded, read_journal, trial_results
from orchestrator.record.manifest import RunManifest
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.run.engine import RunOptions, run_scenario
from orchestrator.run.environment import Environment, open_environment
from orchestrator.run.trial import Observers, RunContext, prepare_block
from orchestrator.run.watch import StopSwitch
from orchestrator.scenario.loading.loader import Repeat, load_text
from orchestrator.scenario.models import Trials
from orchestrator.verdict.verdict import Verdict, compute_verdict
from tests.guest.conftest import Quiet, qemu_boot

pytestmark = pytest.mark.guest

LOOP_ROUNDS = 10_000
"""Of the loop that tests/data/binder-extra-loop-6.1.patch adds to every mmap."""
TEXT = """
name: determinism
device:
  arch: arm64
  memory: 128MiB
  sysctls: {vm.watermark_boost_factor: 0, vm.compaction_proactiveness: 0}
variants:
  kcalloc: {base: debian-6.1}
  again: {base: debian-6.1, twin_of: kcalloc}
  kvcalloc: {base: debian-6.1, scope: drivers/android, patches: [binder-kvcalloc-6.1.patch]}
  slower: {base: debian-6.1, scope: drivers/android, patches: [binder-extra-loop-6.1.patch]}
fragmentation:
  target: {usable_units: {order: 3, max: 150}, free: {min: 16MiB}, hard: required}
  stressors: [pipes]
trigger: {kind: binder-mmap, size: 4MiB, count: 200, hold: true}
trials: {blocks: 2, seed: 3, clock: deterministic}
expectations:
  kcalloc: {outcome: oom, first_oom: {order: 3}}
  again: {outcome: oom}
  kvcalloc: {outcome: passed, requests_failed: 0}
  slower: {outcome: oom}
"""


@dataclass(frozen=True)
class Run:
    """A finished run."""

    directory: RunDirectory
    verdict: Verdict
    blocks: dict[int, BlockResult]
    trials: dict[tuple[int, str], TrialResult]
    audits: dict[tuple[int, str], TrialResult]

    def transcripts(self, kind: str, name: str) -> dict[str, bytes]:
        """What one guest said, by file."""
        return {file: (self.directory.path / kind / name / file).read_bytes() for file in TRANSCRIPTS}

    def fork(self, block: int, variant: str) -> dict[str, bytes]:
        """What the fork of a variant said."""
        return self.transcripts("trials", self.trials[block, variant].directory)


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Run:
    """A run on the host as it is."""
    return finished(tmp_path_factory.mktemp("calm") / "run", checkout)


@pytest.fixture(scope="session")
def disturbed(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Run:
    """The same on a busy host, which reads what guests say by and by."""
    with pytest.MonkeyPatch.context() as patch, busy_processors(2):
        # About 10 kB a second of some 60 kB a guest: always behind, and far from a full pipe.
        patch.setattr(channel, "_CHUNK_BYTES", 512)
        patch.setattr(channel, "_GATHER_MS", {"console": 50, "control": 50})
        return finished(tmp_path_factory.mktemp("disturbed") / "run", checkout)


def finished(directory: Path, checkout: Path) -> Run:
    loaded = load_text(TEXT, checkout / "tests" / "data" / "determinism.yaml")
    judged = run_scenario(loaded, Quiet(), RunOptions(command="test", out=directory))
    entries = read_journal(judged.directory.journal)
    return Run(
        judged.directory,
        judged.verdict,
        {entry.number: entry.result for entry in entries if isinstance(entry, BlockEnded)},
        *(
            {(trial.block, trial.variant): trial for trial in trial_results(entries) if trial.stage == stage}
            for stage in ("trigger", "audit-trigger")
        ),
    )


@contextmanager
def busy_processors(count: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(start([sys.executable, "-c", "while True: pass"], stdout=None, stderr=None))
        yield


def test_every_trial_ends_as_expected(calm: Run, disturbed: Run) -> None:
    assert calm.verdict.exit_code == disturbed.verdict.exit_code == ExitCode.MET
    assert calm.verdict.cpu_model == "cortex-a76"
    assert len(calm.trials) == len(disturbed.trials) == 8


def test_blocks_are_the_same_to_the_last_byte_of_memory(calm: Run, disturbed: Run) -> None:
    for number in (1, 2):
        first, second = calm.blocks[number], disturbed.blocks[number]
        assert first.ram_sha256 is not None
        assert (first.ram_sha256, first.fingerprint) == (second.ram_sha256, second.fingerprint)
        name = f"{number:04d}"
        assert calm.transcripts("blocks", name) == disturbed.transcripts("blocks", name)


@pytest.mark.parametrize("variant", ["kcalloc", "again", "kvcalloc", "slower"])
def test_forks_say_the_same(calm: Run, disturbed: Run, variant: str) -> None:
    for block in (1, 2):
        assert calm.fork(block, variant) == disturbed.fork(block, variant)
        assert all(calm.fork(block, variant).values()), "a transcript is empty"


def test_verdicts_are_the_same_but_for_the_memory_that_the_host_gave(calm: Run, disturbed: Run) -> None:
    assert guest_part(calm.verdict) == guest_part(disturbed.verdict)


def guest_part(verdict: Verdict) -> Any:
    host = {"private_memory_median_kb", "private_memory_largest_kb", "private_memory_missing"}
    return verdict.model_dump(mode="json", exclude={"passes": {"__all__": host}})


def test_two_forks_of_one_snapshot_are_the_same(calm: Run, disturbed: Run) -> None:
    for run in (calm, disturbed):
        for block in (1, 2):
            assert run.fork(block, "kcalloc") == run.fork(block, "again")
        (control,) = run.verdict.passes[0].controls
        assert (control.identical, control.pairs) == (True, 2)


def test_every_guest_lives_on_the_same_day(calm: Run) -> None:
    console = calm.transcripts("blocks", "0001")["console.log"]
    assert b"setting system clock to 2026-01-01T00:00:0" in console


def test_blocks_of_different_seeds_differ(calm: Run) -> None:
    first, second = calm.blocks[1], calm.blocks[2]
    assert first.seed != second.seed
    assert first.fingerprint != second.fingerprint
    assert first.ram_sha256 != second.ram_sha256
    assert calm.verdict.passes[0].distinct_states == 2


def test_one_state_is_one_sample_however_often_it_was_raised(calm: Run, disturbed: Run) -> None:
    """The second run's block 1 has the seed of the first run's: as two blocks they are one state."""
    blocks = [calm.blocks[1], disturbed.blocks[1].model_copy(update={"block": 2})]
    manifest = calm.directory.load(calm.directory.manifest, RunManifest)
    verdict = compute_verdict(manifest.scenario, blocks, [], accelerators=manifest.accelerators)
    assert (verdict.passes[0].blocks, verdict.passes[0].distinct_states) == (2, 1)


def test_an_injected_difference_shows_up_in_its_size(calm: Run) -> None:
    """A turn of the loop is a nop and an addition, a comparison and a branch: two to four instructions."""
    variants = calm.verdict.passes[0].variants
    patched, base = variants["slower"].requests, variants["kcalloc"].requests
    assert patched.latency_unit == base.latency_unit == "instructions"
    assert patched.p50 is not None
    assert base.p50 is not None
    assert 2 * LOOP_ROUNDS < patched.p50 - base.p50 < 5 * LOOP_ROUNDS
    for block in (1, 2):
        assert calm.fork(block, "slower") != calm.fork(block, "kcalloc")


def test_what_the_host_writes_down_names_clock_accelerator_and_cpu(calm: Run) -> None:
    written = json.loads(calm.directory.verdict.read_text())
    (each,) = written["passes"]
    assert (each["clock"], each["accelerator"], each["cpu_model"]) == ("deterministic", "tcg", "cortex-a76")
    manifest = calm.directory.load(calm.directory.manifest, RunManifest)
    assert manifest.accelerators["deterministic"].qemu_version


@pytest.fixture
def realtime(calm: Run) -> Environment:
    """The same scenario in real time; the images are those of the runs."""
    scenario = calm.directory.load(calm.directory.manifest, RunManifest).scenario
    scenario = scenario.model_copy(update={"trials": Trials(blocks=3, seed=5)})
    return open_environment(scenario, Quiet())


def raised(environment: Environment, blocks: Sequence[PlannedBlock], directory: Path) -> list[BlockResult]:
    """The blocks, two at a time, without any fork."""
    common = RunContext(
        environment.budgets, QemuBackend.capabilities, StopSwitch(), environment.scenario.trigger
    )
    observers = Observers(_drop, _drop)

    def result(number: int) -> BlockResult:
        own = directory / str(number)
        own.mkdir()
        planned = blocks[number]
        with prepare_block(
            planned, environment.launcher(planned), Folder(own), 1, common, observers
        ) as block:
            return block.result

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(result, range(len(blocks))))


def test_realtime_blocks_are_distinct(realtime: Environment, tmp_path: Path) -> None:
    fingerprints = [block.fingerprint for block in raised(realtime, plan_blocks(realtime.scenario), tmp_path)]
    assert None not in fingerprints
    assert len(set(fingerprints)) == 3


def test_x86_64_repeats_as_well(checkout: Path, tmp_path: Path) -> None:
    text = TEXT.replace("arch: arm64", "arch: x86_64")
    scenario = load_text(text, checkout / "tests" / "data" / "x", repeat=Repeat()).scenario
    (first, *_) = plan_blocks(scenario)
    once, again = raised(open_environment(scenario, Quiet()), [first, first], tmp_path)
    assert once.ram_sha256 is not None
    assert once.ram_sha256 == again.ram_sha256
    for name in TRANSCRIPTS:
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "1" / name).read_bytes()


def test_a_message_that_the_uart_would_not_take_at_once_is_refused(
    realtime: Environment, tmp_path: Path
) -> None:
    boot = qemu_boot(realtime, plan_blocks(realtime.scenario)[0])
    deadline = Deadline.after(60, "the guest is told")
    with (
        Folder(tmp_path).create("log") as log,
        power_on(boot, log=log, console_sink=_drop, control_sink=_drop, deadline=deadline) as guest,
    ):
        with pytest.raises(ValueError, match="longer than 8 bytes"):
            guest.send(b"12345678\n", deadline)
        assert guest.running


def _drop(_: object) -> None:
    pass


def test_the_audit_counts_every_mmap_once(calm: Run) -> None:
    assert len(calm.audits) == 8
    for (_, variant), trial in calm.audits.items():
        (phase,), (row,) = trial.audit_phases, trial.audit
        assert trial.requests is not None
        made = trial.requests.succeeded + trial.requests.failed + trial.requests.in_flight
        assert phase.made == phase.requests == row.requests == made
        assert row.contiguous + row.fell_back + row.refused == row.requests
        assert row.contiguous + row.fell_back == trial.requests.succeeded
        assert (row.order, "NORETRY" in row.gfp_flags) == (3, variant == "kvcalloc")
        assert (phase.oom_kills, row.refused) == ((0, 0) if variant == "kvcalloc" else (1, 1))
        assert row.reclaims >= row.fell_back + row.refused
        assert row.reclaim_us > 0 < row.compact_us
        assert phase.dropped == 0


def test_tracing_disturbs_its_own_forks_alone_and_says_how_much(calm: Run, disturbed: Run) -> None:
    for trial in calm.trials.values():
        assert (trial.page_arrays, trial.audit, trial.audit_phases) == (None, (), ())
    assert calm.verdict.passes[0].audit == disturbed.verdict.passes[0].audit
    assert calm.verdict.passes[0].audit is not None
    for one in calm.verdict.passes[0].audit.disturbances:
        assert (one.pairs, one.same_outcome, one.unit) == (2, 2, "instructions")
        assert one.untraced is not None
        assert one.traced is not None
        assert 1000 < one.traced - one.untraced < 100_000
