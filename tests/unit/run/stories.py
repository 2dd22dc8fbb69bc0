# SPDX-License-Identifier: Apache-2.0
"""What guests of the in-memory backend say: the records and consoles of real ones, cut short."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.stage import Mode
from tests.unit.evidence.guest_output import OOM_CONSOLE, PANIC_CONSOLE
from tests.unit.run.memory_backend import Console, Hang, Part, Step, Story, control, marked

HELLO = control(
    "hello", protocol=3, release="6.1.0-56-arm64", machine="aarch64", page_size_bytes=4096, cpus=1,
    mem_total_kb=229508, shuffled=True,
)  # fmt: skip
_REACHED = control(
    "target", reached=True, reason="reached", free_kb=98000, units=[9, 8, 7, 6], elapsed_ms=2000
)
_MISSED = control("target", reached=False, reason="deadline", free_kb=9, units=[9, 8, 7, 6], elapsed_ms=9000)
_END = control("end", oom_kill_total=0)


def up_to_target() -> list[Step]:
    """A boot that comes to its target."""
    return [HELLO, *marked("pressure"), _REACHED]


def misses_target() -> list[Step]:
    """A boot that does not."""
    return [HELLO, *marked("pressure"), _MISSED, _END]


def proves(*, repaired: bool) -> list[Step]:
    """The throw-away boot of `hard: forbidden`."""
    return [*up_to_target(), control("proof", repaired=repaired, units_before=[9], units_after=[99]), _END]


def triggered(variant: str) -> list[Step]:
    """The driver is there and the trigger begins."""
    loaded = control("module", variant=variant, ok=True, errno=0)
    start = control("trigger-start", kind="binder-mmap", pids=[90], count=600)
    return [*marked("module"), loaded, *marked("trigger"), start]


def passes(part: Part) -> list[Step]:
    """Every request succeeds."""
    return [*triggered(part.variant), _trigger_end("finished", 600), *marked("end"), _END]


def runs_out_of_memory(part: Part) -> list[Step]:
    """The kernel kills the trigger."""
    killed: list[Step] = [Console(_without_mark(OOM_CONSOLE)), control("oom-kill", count=1)]
    return [*triggered(part.variant), *killed, _trigger_end("first-oom", 7, 1), *marked("end"), _END]


def hangs(part: Part) -> list[Step]:
    """The trigger tells nothing more."""
    return [*triggered(part.variant), Hang()]


def panics(part: Part) -> list[Step]:
    """The kernel dies."""
    return [*triggered(part.variant), Console(_without_mark(PANIC_CONSOLE))]


def vanishes(part: Part) -> list[Step]:
    """The device is gone in the midst of it, without a word."""
    return triggered(part.variant)


def story(**trials: Callable[[Part], list[Step]]) -> Story:
    """Each boot comes to its target; there a block parks, and a trial does what is its variant's."""

    def told(part: Part) -> list[Step]:
        if not part.variant:
            return [*up_to_target(), control("parked", fingerprint=f"{part.planned.seed:016x}")]
        if part.planned.mode is Mode.BLOCK:
            return trials[part.variant](part)
        # Memory that looks the same in all boots of a round: it makes no pairs of them.
        state = control("fingerprint", fingerprint=f"{part.planned.seed:016x}")
        return [*up_to_target(), state, *trials[part.variant](part)]

    return told


def _trigger_end(reason: str, ok: int, oom_kill: int = 0) -> Step:
    return control(
        "trigger-end", reason=reason, attempted=ok, ok=ok, failed=0, unfinished=0, oom_kill=oom_kill
    )


def _without_mark(console: str) -> str:
    return console.split("\n", 1)[1]
