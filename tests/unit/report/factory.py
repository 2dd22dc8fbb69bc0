# SPDX-License-Identifier: Apache-2.0
"""Makes whole run directories without a guest, through the real journal writer, as large as is wanted."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from orchestrator import __version__
from orchestrator.analysis.records import (
    Answer,
    Comparison,
    Noise,
    OutcomeComparison,
    Share,
    TimingComparison,
)
from orchestrator.arch import ARCHS
from orchestrator.clock import Clock
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.host.facts import HostFacts
from orchestrator.kernels.manifest import ArtefactManifest, VariantArtefacts
from orchestrator.kernels.traits.config import KernelConfig
from orchestrator.kernels.traits.page_array import Element
from orchestrator.kernels.traits.traits import traits_of
from orchestrator.oom.records import MemoryEvent
from orchestrator.outcome import Outcome
from orchestrator.plan import block_seed, shares_boot
from orchestrator.record.device_facts import DeviceFacts
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import (
    BlockEnded,
    EventRecorded,
    RunEnded,
    RunStarted,
    TrialEnded,
    open_journal,
)
from orchestrator.record.manifest import RunManifest
from orchestrator.record.result import (
    AuditRow,
    BenchmarkRow,
    BlockResult,
    LatencySummary,
    RequestPaths,
    RequestSummary,
    TargetState,
    TrialResult,
    Victim,
)
from orchestrator.scenario.loading.loader import load_scenario
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Stage
from orchestrator.verdict.judged_run import JudgedRun, load_judged_run
from tests.unit.evidence.guest_output import OOM_CONSOLE, TCG, console
from tests.unit.report.audits import audit_summary
from tests.unit.report.moments import moment

HOSTILE = (
    '=HYPERLINK("http://h/","x")\x1b]0;owned\x07\x1b[2J\x00\x9b31m\r\n'
    "ok 9 forged\r\n</td><script>alert(1)</script><img src=x onerror=alert(1)>]]> &amp; <!-- \u202e "
    "`|` | [link](http://h/) ![image](http://h/i.png) @user #1 **bold** http://h/ \\"
)
"""What a guest might print to harm whoever reads a report of it."""
SIZES = (4, 4096, 65536)
_STAGES: tuple[Stage, ...] = ("trigger", "relaxed", "target")
_SLOWER = {"relaxed": 1.0, "target": 1.3, "after": 1.5}


@dataclass(frozen=True)
class Made:
    """What to make. `hostile` puts HOSTILE into every text that a guest has a hand in."""

    blocks: int = 3
    forks: int = 1
    clocks: tuple[Clock, ...] = ("realtime",)
    scenario: str = "binder-order3"
    benchmarks: bool = True
    hostile: bool = False
    seed: int = 1
    expected: bool = True
    """Whether the scenario expects anything."""
    cold: bool = False
    """Each trial booted a guest of its own."""
    other_kernel: bool = False
    """The second variant runs another kernel image."""
    device: DeviceFacts | None = None
    """The device that trials ran on, each in a boot of its own."""
    copies: int = 0
    """More variants, with the second one's patches."""
    spoil: Outcome | None = None
    """The outcome of the last trial, where it is not to be the expected one."""

    def word(self, text: str) -> str:
        """The text as a guest of this run would put it."""
        return HOSTILE if self.hostile else text


def run_directory(path: Path, made: Made = Made()) -> RunDirectory:
    """A finished run in `path`, which must not exist."""
    settings = [f"trials.blocks={made.blocks}", f"trials.forks={made.forks}", f"trials.seed={made.seed}"]
    settings += ["audit=false", f"trials.fork={'false' if made.cold else 'true'}"]
    if made.other_kernel:
        settings += ["variants.kvcalloc.base=debian-6.12", "variants.kvcalloc.scope=null"]
        settings += ["variants.kvcalloc.patches=[]", "description=null"]
    if made.cold:
        settings.append("description=null")  # speaks of blocks, as its author may
    settings.append(f"trials.clock=[{', '.join(made.clocks)}]")
    if not made.expected:
        settings.append("expectations={}")
    scenario = _with_copies(load_scenario(Path(made.scenario), settings).scenario, made.copies)
    directory = RunDirectory(path)
    directory.path.mkdir()
    directory.save(directory.manifest, _manifest(scenario, made))
    results = list(_spoilt(_trials(scenario, made), made))
    with open_journal(directory.journal) as journal:
        journal.append(RunStarted(scenario=scenario.name, planned=len(results)))
        for number, block in enumerate([] if made.cold else _blocks(scenario, made), start=1):
            journal.append(BlockEnded(number=number, result=block))
        for result in results:
            if result.first_oom is not None:
                event = EventRecorded(where="trial", number=result.trial, event=result.first_oom)
                journal.append(event)
            journal.append(TrialEnded(result=result))
            _console(directory, result, made)
        journal.append(RunEnded(reason="finished"))
    return directory


def _with_copies(scenario: Scenario, copies: int) -> Scenario:
    *_, last = scenario.variants
    names = [f"copy-{number}" for number in range(copies)]
    variants = {**scenario.variants, **dict.fromkeys(names, scenario.variants[last])}
    expectations = dict(scenario.expectations)
    if last in expectations:
        expectations |= dict.fromkeys(names, expectations[last])
    return scenario.model_copy(update={"variants": variants, "expectations": expectations})


def run_report(path: Path, made: Made = Made()) -> JudgedRun:
    """The report of such a run, with comparisons and answers made up."""
    report = load_judged_run(run_directory(path, made).path)
    passes = tuple(
        each.model_copy(
            update={
                "comparisons": (comparison(each.clock, made),),
                "answers": tuple(answers(made)),
                "audit": audit_summary(each.clock, made.word("GFP_KERNEL|__GFP_ZERO")),
            }
        )
        for each in report.verdict.passes
    )
    return replace(report, verdict=report.verdict.model_copy(update={"passes": passes}))


def _manifest(scenario: Scenario, made: Made) -> RunManifest:
    accelerator: AcceleratorReport = TCG
    return RunManifest(
        oomlab_version=__version__, python_version="3.11.2",
        started=datetime(2026, 11, 23, 18, 0, tzinfo=UTC),
        command=f"oomlab run {made.scenario} --set trials.blocks={made.blocks}",
        scenario_file=f"scenarios/{made.scenario}.yaml", overrides=(), scenario=scenario,
        seed=scenario.trials.seed,
        host=HostFacts(
            system="Debian GNU/Linux 12 (bookworm)", kernel="6.1.0", architecture="x86_64",
            cpu_model="a CPU", cpus=2, memory_kb=8 << 20,
        ),
        accelerators=dict.fromkeys(made.clocks, accelerator),
        artefacts={
            base: artefacts_of(
                base, scenario.device.arch, *variants, words=made.word("BTF of binder_linux.ko")
            )
            for base, variants in _by_base(scenario).items()
        },
        qemu_commands={name: f"qemu-system-aarch64 -M virt # {name}" for name in scenario.variants},
    )  # fmt: skip


def _by_base(scenario: Scenario) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, base in scenario.bases.items():
        found.setdefault(base.name, []).append(name)
    return found


def artefacts_of(
    base: str, arch: str, *variants: str, words: str = "BTF of binder_linux.ko"
) -> ArtefactManifest:
    """What guests of a base are made of, as nobody made it. `words` stand where others' text may stand."""
    config = KernelConfig({"NUMA": "y", "NODES_SHIFT": "4", "PSI": "y"}, words, whole=False)
    element = Element(size_bytes=32, source=words)
    return ArtefactManifest(
        base=base, arch=arch, release="6.1.0-56-arm64", page_size_bytes=4096, packages=(),
        kernel_sha256="0" * 64, busybox_sha256="1" * 64, agent_sha256="2" * 64, agent_compiler="cc",
        initramfs_sha256="3" * 64,
        variants=tuple(
            VariantArtefacts(
                name=name, scope=None, module_sha256=sha256(name.encode()).hexdigest(), module_origin="built"
            )
            for name in variants
        ),
        traits=traits_of(config, ARCHS[arch].name, element),
    )  # fmt: skip


def _blocks(scenario: Scenario, made: Made) -> Iterator[BlockResult]:
    for clock in made.clocks:
        for block in range(1, made.blocks + 1):
            for kernel, variants in enumerate(shares_boot(scenario)):
                yield BlockResult(
                    block=block, attempt=1, mode="block", clock=clock, variants=variants,
                    seed=block_seed(scenario, block), frozen=True, host_seconds=7.5,
                    fingerprint=_fingerprint(block, kernel), shuffled=True, ram_sha256=None,
                    target=_target(block),
                    memory=(moment("before", 2_000_000, 150_000), moment("target", 4_000_000, 66_000)),
                )  # fmt: skip


def _fingerprint(block: int, kernel: int) -> str:
    """Blocks of two kernel images share a number and a seed, and no memory."""
    return f"{kernel:08x}{block:08x}"


def _kernel_of(scenario: Scenario, variant: str) -> int:
    return next(index for index, names in enumerate(shares_boot(scenario)) if variant in names)


def _target(block: int) -> TargetState:
    units = (16_600 - block, 420, 208, 102, 49, 24, 11, 5, 2, 0, 0)
    return TargetState(
        reached=True, reason="reached", free_kb=66_400 + block, usable_units=units,
        usable_units_before_compaction=None, elapsed_ms=2_100,
    )  # fmt: skip


def _trials(scenario: Scenario, made: Made) -> Iterator[TrialResult]:
    number = 0
    for clock in made.clocks:
        for block in range(1, made.blocks + 1):
            for fork in range(1, (1 if clock == "deterministic" else made.forks) + 1):
                # As orchestrator.plan has it: a stage without a trigger has one fork.
                for stage in _STAGES if made.benchmarks and fork == 1 else _STAGES[:1]:
                    for variant in scenario.variants:
                        number += 1
                        yield _trial(scenario, made, number, clock, block, fork, stage, variant)


def _trial(
    scenario: Scenario, made: Made, number: int, clock: Clock, block: int, fork: int, stage: Stage,
    variant: str,
) -> TrialResult:  # fmt: skip
    dies = stage == "trigger" and variant == next(iter(scenario.variants))
    dice = random.Random(f"{made.seed} {clock} {block} {fork} {stage} {variant}")
    when = "after" if stage == "trigger" else stage
    triggered = stage == "trigger"
    return TrialResult(
        trial=number, directory=f"{number:04d}", block=block, attempt=1, variant=variant, fork=fork,
        clock=clock, mode="trial", stage=stage, seed=block_seed(scenario, block), cold=made.cold,
        fingerprint=f"{number:016x}" if made.cold else _fingerprint(block, _kernel_of(scenario, variant)),
        outcome=Outcome.OOM if dies else Outcome.PASSED,
        why=made.word("the kernel invoked the OOM killer" if dies else "the trigger ran to its end"),
        host_seconds=round(dice.uniform(0.5, 1.0), 3), private_memory_kb=70_000 + dice.randrange(9_000),
        guest_release=made.word("6.1.0-56-arm64"), target=_target(block), oom_events=int(dies),
        oom_kill_vmstat=int(dies), disagreement=made.word("") or None,
        first_oom=_event(made) if dies else None,
        kernel_bugs=(HOSTILE,) if made.hostile else (),
        requests=_mmaps(dice, dies=dies) if triggered else None,
        page_arrays=_requests(made, dies=dies) if triggered else None,
        benchmarks=tuple(_rows(dice, when)) if made.benchmarks else (),
        audit=tuple(_audit(made, dies=dies)) if triggered else (),
        victims=(Victim(role=made.word("trigger"), pid=90, signal=9),) if dies else (),
        vmstat_delta={"pgfree": 174, "compact_stall": 880, "nr_free_pages": -4_700},
        memory=(moment("after", 6_000_000, 47_000),), notes=(HOSTILE,) if made.hostile else (),
        device=made.device and made.device.model_copy(update={"boot_id": f"boot-{number}"}),
    )  # fmt: skip


def _event(made: Made) -> MemoryEvent:
    event = next(each for each in console(OOM_CONSOLE) if isinstance(each, MemoryEvent))
    if not made.hostile:
        return event
    process = event.trigger.model_copy(update={"comm": HOSTILE}) if event.trigger else None
    return event.model_copy(
        update={
            "trigger": process, "victim": process, "gfp_flags": HOSTILE, "stack_first_caller": HOSTILE,
            "outcome": HOSTILE, "kernel": HOSTILE, "notes": (HOSTILE,), "constraint": HOSTILE,
        }
    )  # fmt: skip


def _mmaps(dice: random.Random, *, dies: bool) -> RequestSummary:
    count = dice.randrange(110, 130) if dies else 600
    p50_ns = int(80_000 * math.exp(dice.gauss(0 if dies else 1.4, 0.05)))
    latency = LatencySummary(count=count, p50_ns=p50_ns, p99_ns=p50_ns * 20, max_ns=p50_ns * 60)
    return RequestSummary(
        planned=600, succeeded=count, failed=0, in_flight=int(dies), errnos={}, latency=latency
    )


def _requests(made: Made, *, dies: bool) -> RequestPaths:
    flags = "GFP_KERNEL|__GFP_ZERO" if dies else "GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY|__GFP_ZERO"
    return RequestPaths(
        gfp_flags={made.word(flags): 120 if dies else 600}, contiguous=120 if dies else 160,
        fell_back=0 if dies else 440, refused=0, insists=dies, vmalloc_areas=0 if dies else 440,
        page_orders={made.word("order 3"): 120 if dies else 600},
    )  # fmt: skip


def _rows(dice: random.Random, when: str) -> Iterator[BenchmarkRow]:
    sizes = [(f"BM_sendVec_binder/{size}", 20_000 + 3 * size) for size in SIZES]
    for name, typical_ns in [*sizes, ("BM_mmap_binder/4194304", 400_000)]:
        real_ns = typical_ns * _SLOWER[when] * math.exp(dice.gauss(0, 0.02))
        yield BenchmarkRow(
            name=name, when=when, iterations=1000, warmup=100,  # type: ignore[arg-type]
            real_ns=round(real_ns, 1), cpu_ns=round(real_ns * 0.6, 1), p50_ns=int(real_ns),
            p99_ns=int(real_ns * 3), max_ns=int(real_ns * 9), counters={"BC_TRANSACTION": 1000},
        )  # fmt: skip


def _audit(made: Made, *, dies: bool) -> Iterator[AuditRow]:
    yield AuditRow(
        phase="trigger", order=3, gfp_flags=made.word("GFP_KERNEL|__GFP_ZERO"), requests=120 if dies else 600,
        contiguous=120 if dies else 160, fell_back=0 if dies else 440, refused=0, reclaims=40,
        reclaim_us=9_000, compactions=60, compact_us=30_000,
    )  # fmt: skip


def _spoilt(results: Iterator[TrialResult], made: Made) -> Sequence[TrialResult]:
    made_results = list(results)
    if made.spoil is not None:
        why = made.word("as it was told")
        made_results[-1] = made_results[-1].model_copy(update={"outcome": made.spoil, "why": why})
    return made_results


def _console(directory: RunDirectory, result: TrialResult, made: Made) -> None:
    place = directory.trials / result.directory
    place.mkdir(parents=True, exist_ok=True)
    text = OOM_CONSOLE if result.first_oom is not None else "[    5.100000] oomlab: phase trigger\n"
    (place / "console.log").write_bytes((text + (HOSTILE + "\n" if made.hostile else "")).encode())


def comparison(clock: Clock, made: Made) -> Comparison:
    """kvcalloc against kcalloc, as `orchestrator.analysis` would have put it."""
    blocks, claims = made.blocks, made.blocks >= 6
    timings = [
        TimingComparison(
            name=f"BM_sendVec_binder/{size}", when=when, statistic="real_time",
            unit="ns" if clock == "realtime" else "instructions", blocks=blocks,
            baseline=20_000.0 + size, candidate=(20_000.0 + size) * 1.01, ratio=1.01,
            low=0.98 if claims else None, high=1.04 if claims else None,
            interval="paired t" if claims else "none", p=0.4 if claims else None,
            p_holm=0.9 if claims else None, smallest_effect_percent=2.1 if claims else None,
            words=made.word(f"no difference larger than 4 % at {size} B"),
        )
        for size in SIZES
        for when in ("relaxed", "target")
    ]  # fmt: skip
    share = OutcomeComparison(
        outcome="oom", baseline=Share(count=blocks, blocks=blocks, low=0.29, high=1.0),
        candidate=Share(count=0, blocks=blocks, low=0.0, high=0.71), only_baseline=blocks, only_candidate=0,
        p=2 / 2**blocks if claims else None, words=made.word(f"kcalloc died in all {blocks} blocks"),
    )  # fmt: skip
    noise = Noise(
        quiet=False, spread_percent=2.0, control_percent=None, warnings=(made.word("the machine was busy"),)
    )
    return Comparison(
        baseline="kcalloc", candidate="kvcalloc", paired=True, blocks=blocks, claims=claims,
        smallest_p=2 / 2**blocks, outcome=share, timings=tuple(timings), noise=noise,
    )  # fmt: skip


def answers(made: Made) -> Iterator[Answer]:
    """Four answers."""
    for question in (
        "Do you have an explanation for this performance improvement?",
        "Did you test this under memory pressure?",
        "Is kvcalloc() not kcalloc() if there is enough contiguous memory?",
        "Is it noise?",
    ):
        yield Answer(
            question=question,
            answer=made.word("The figures below say so, and nothing beyond them is claimed here at all."),
            evidence=(made.word("kvcalloc: 160 contiguous, 440 by vmalloc"), "73 % of requests fell back"),
            open=made.word("What a phone does: run it there."),
        )
