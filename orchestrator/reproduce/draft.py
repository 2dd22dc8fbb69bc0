# SPDX-License-Identifier: Apache-2.0
"""The scenario: device, variants, memory state, load and expectations put together. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.arch import DEFAULT_ARCH
from orchestrator.bases import DEFAULT_BASE
from orchestrator.errors import InputError
from orchestrator.kernels.modules import BINDER
from orchestrator.oom.records import MemoryEvent
from orchestrator.oom.usage import NAMES
from orchestrator.patch_review.building import Way
from orchestrator.reproduce.expected import expect
from orchestrator.reproduce.fact import Fact, inferred, read, unknown
from orchestrator.reproduce.load import Load, binder_load, is_short, plan_load
from orchestrator.reproduce.memory import Plan, ReportedFreeList, plan_memory, unit_bounds
from orchestrator.reproduce.patches import Patched
from orchestrator.reproduce.source import Chosen, Source, headline, is_failure
from orchestrator.scenario.dump import yaml_text
from orchestrator.scenario.picture import Picture
from orchestrator.scenario.picture_demand import scaled
from orchestrator.scenario.schema import MODELINE
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import ascii_line
from orchestrator.units import KIB

_X86 = re.compile(r"^(?:__x64_sys|entry_SYSCALL_64|do_syscall_64|asm_exc_|exc_page_fault|ret_from_fork_asm)")
_ARM = re.compile(r"^(?:__arm64_sys|el0_|el0t_|el1_|el1h_|do_el0_svc|invoke_syscall)")
# dump_backtrace_entry() of arch/arm/kernel/traps.c, with addresses in older kernels.
_ARM_32 = re.compile(r"\(\w{1,80}\) from (?:\[<[0-9a-f]{8}>\] )?\(\w{1,80}\+0x[0-9a-f]+")
_FREE_SLACK_KB = KIB
_BLOCKS = 3
_SLOW_MIB = 1024
_NEEDED = {"active_anon", "inactive_anon", "active_file", "inactive_file", "slab_unreclaimable"}


@dataclass(frozen=True)
class Wishes:
    """What the user asked for beside the text."""

    scale: int | None = None
    blocks: int = _BLOCKS
    picture: bool | None = None
    arch: str | None = None
    base: str | None = None


@dataclass(frozen=True)
class Draft:
    """A scenario as data, what it rests on, and the patch files that lie beside it."""

    data: dict[str, Any]
    facts: tuple[Fact, ...]
    files: dict[str, str]
    made_by: str = "oomlab reproduce"

    def text(self, source: str) -> str:
        """The scenario file; the facts stand at its top."""
        notes = [f"# {fact.origin}: {fact.what}: {fact.value} ({fact.why})" for fact in self.facts]
        head = [MODELINE, f"# Made by `{self.made_by}` from {ascii_line(source)}.", *notes]
        return "\n".join(head) + "\n" + yaml_text(self.data)


def arch_of(event: MemoryEvent | None, asked: str | None, text: str = "") -> tuple[str, Fact]:
    """The architecture of the guest: the report's where a base has it, else arm64. `text` is the report's."""
    if asked is not None:
        return asked, inferred("architecture", asked, "asked for with --arch")
    names = [frame.function for frame in event.stack] if event is not None else []
    for arch, sign in (("arm64", _ARM), ("x86_64", _X86)):
        found = next((name for name in names if sign.match(name)), None)
        if found is not None:
            return arch, read("architecture", arch, f"{found} in the call trace")
    other = _other_arch(event, text) if event is not None else ""
    if other:
        return DEFAULT_ARCH, inferred("architecture", DEFAULT_ARCH, f"{other}; no base has it")
    return DEFAULT_ARCH, unknown(
        "architecture", DEFAULT_ARCH, "nothing in the text shows it; --arch takes another"
    )


def _other_arch(event: MemoryEvent, text: str) -> str:
    """What shows an architecture that no base is for; empty where nothing does."""
    if frame := _ARM_32.search(text):
        return f"'{frame[0]}' in the call trace is how 32-bit ARM prints one"
    names = {name.split()[-1] for name in (*event.zones, *event.buddy)}
    return "a zone HighMem is of a 32-bit kernel" if "HighMem" in names else ""


def make_draft(
    source: Source,
    chosen: Chosen | None,
    patched: Patched | None,
    arch: tuple[str, Fact],
    wishes: Wishes,
    beside: Sequence[Fact] = (),
) -> Draft:
    """The scenario for a report (None: that of binder-order3) and a patch (None: the base alone).

    `beside` are facts to be shown with the others. InputError for a picture of a report without Mem-Info.
    """
    state = _plain_state() if chosen is None else _state(chosen, wishes, elsewhere=patched is None)
    load = state.load
    variants, variant_facts = _variants(patched, wishes, by_module=load.by_module)
    expectations, expected_facts = expect(load, patched.array if patched is not None else None)
    data: dict[str, Any] = {
        "name": source.name,
        "description": _description(source, chosen, load),
        "device": {"arch": arch[0], **state.device},
        "variants": variants,
    }
    if state.fragmentation is not None:
        data["fragmentation"] = state.fragmentation
    data["trigger"] = load.trigger
    if load.bystanders is not None:
        data["bystanders"] = load.bystanders
    if state.slow:
        data["deadlines"] = {"target": "5min", "trigger": "5min"}
    data |= {"trials": {"blocks": wishes.blocks}, "expectations": expectations}
    facts = [*state.facts, arch[1], *load.facts, *expected_facts, *variant_facts, *beside]
    ordered = sorted(facts, key=lambda fact: _ORIGINS.index(fact.origin))
    return Draft(data, tuple(ordered), patched.files if patched is not None else {})


@dataclass(frozen=True)
class _State:
    """Device, memory state and load."""

    device: dict[str, Any]
    fragmentation: dict[str, Any] | None
    load: Load
    facts: tuple[Fact, ...]
    slow: bool = False
    """Whether the guest is so large that the usual time may not do."""


def _plain_state() -> _State:
    what = "no report that a guest could repeat; a 256 MiB guest"
    return _State(
        {"memory": "256MiB", "sysctls": dict(_QUIET)},
        dict(_ORDER3_TARGET),
        binder_load(),
        (unknown("report", "the target of binder-order3", what),),
    )


def _state(chosen: Chosen, wishes: Wishes, *, elsewhere: bool) -> _State:
    event = chosen.event
    facts = _report_facts(chosen)
    picture = _wants_picture(event, wishes.picture)
    plan = plan_memory(event, wishes.scale, picture=picture)
    load = plan_load(event, plan, elsewhere=elsewhere)
    device: dict[str, Any] = {"memory": f"{plan.memory_mib}MiB", "sysctls": plan.sysctls}
    if plan.cma_mib:
        device["cma"] = f"{plan.cma_mib}MiB"
    if picture:
        # Else the kernel zeroes each page that it hands out, the huge ones of the ballast included.
        device["cmdline"] = ["init_on_alloc=0"]
    target = _target(event, plan, load, facts, picture=picture)
    return _State(device, target, load, (*facts, *plan.facts), slow=plan.memory_mib > _SLOW_MIB)


_ORIGINS = ("read", "inferred", "unknown")
_BY_MODULE = (
    "Made here is the request of the report, by a test module: the driver itself is not in the guest."
)
_QUIET = {"vm.watermark_boost_factor": 0, "vm.compaction_proactiveness": 0}
_ORDER3_TARGET = {
    "target": {"usable_units": {"order": 3, "max": 300}, "free": {"min": "64MiB"}, "hard": "required"},
    "stressors": ["pipes"],
}


def _wants_picture(event: MemoryEvent, asked: bool | None) -> bool:
    """Whether the whole Mem-Info is rebuilt; InputError where it was asked for and there is no such thing."""
    if asked is False or (asked is None and is_failure(event)):
        return False  # to a request that fails all blocks below its order are alike
    obstacle = None
    if event.type == "memcg-oom":
        obstacle = "a cgroup's limit was hit, whatever the machine's memory looked like"
    elif is_short(event):
        obstacle = "single pages were short: the process that grows changes the picture at once"
    elif not (event.usage_kb.keys() >= _NEEDED and event.buddy and sum(event.usage_kb.values())):
        obstacle = "the report has no whole Mem-Info"
    if asked and obstacle:
        raise InputError(f"--picture: {obstacle}", hint="leave --picture out")
    return obstacle is None


def _report_facts(chosen: Chosen) -> list[Fact]:
    event = chosen.event
    which = f"report {chosen.number} of {chosen.of}: {chosen.why}"
    if chosen.of > 1:
        which += "; --event N takes another"
    facts = [read("report", headline(chosen), which)]
    if event.kernel is not None:
        facts.append(read("kernel", event.kernel, "of the report; the guest's is the base kernel below"))
    else:
        facts.append(unknown("kernel", "that of the base", "the text does not show which kernel it was"))
    return facts


def _description(source: Source, chosen: Chosen | None, load: Load) -> str:
    if chosen is None:
        return f"The patch of {ascii_line(source.title)} in the memory state of binder-order3."
    text = f"After the report in {ascii_line(source.title)}, {headline(chosen)}"
    return f"{text} {_BY_MODULE}" if load.by_module else text


def _variants(
    patched: Patched | None, wishes: Wishes, *, by_module: bool
) -> tuple[dict[str, Any], list[Fact]]:
    if patched is not None:
        whole = patched.building.way is Way.WHOLE

        def variant(files: Sequence[tuple[str, str]]) -> dict[str, Any]:
            driver = {"base": patched.base, "scope": BINDER.scope}
            built = {"base": patched.building.base} if whole else driver
            return {**built, **({"patches": [name for name, _ in files]} if files else {})}

        variants = {"base": variant(patched.base_files), "patched": variant(patched.patched_files)}
        return variants, list(patched.facts)
    base = wishes.base or DEFAULT_BASE
    why = "the first of the bases" if by_module else "the base whose binder still asks with kcalloc"
    why = "asked for with --base" if wishes.base else why
    facts = [
        inferred("base", base, why),
        unknown("patch", "none: only the base runs", "try one with `oomlab run FILE.yaml --patch MY.patch`"),
    ]
    return {"base": {"base": base}}, facts


def _target(
    event: MemoryEvent, plan: Plan, load: Load, facts: list[Fact], *, picture: bool
) -> dict[str, Any] | None:
    if event.type == "memcg-oom" or (load.short and plan.free is None):
        return None  # memory as the boot leaves it: the trigger takes what there is
    if picture:
        return {"target": {"picture": picture_of(event, plan, facts)}}
    free = plan.free
    if free is None:
        return dict(_ORDER3_TARGET) if load.order == 3 else _plain_target(load)
    if load.short:
        return _shortage_target(free, plan)
    if free.units(load.order) > load.left:
        value = f"{load.left or 'none'} of order {load.order} and up"
        why = f"{free.units(load.order)} as printed would have satisfied the request: they came free since"
        if load.by_module:
            why += ", or it might not have them"
        facts.append(inferred("free list", value, why))
    if event.usage_kb:
        value = "not rebuilt: pages of pipes stand for all that was in use"
        why = "the free list alone was asked for, or can be had"
        if is_failure(event):
            why = "a request that fails is judged by the free list; --picture rebuilds all of Mem-Info"
        facts.append(inferred("composition", value, why))
    if is_failure(event):
        why = f"the request fails for want of order {load.order}, whatever the smaller blocks are"
        facts.append(inferred("blocks below the order", "as they come", why))
        bounds = [{"order": load.order, "max": load.left}]
    else:
        bounds = list(unit_bounds(free, load.order, load.left))
    return {
        "target": {
            "usable_units": bounds,
            "free": _between(max(free.kb, 6 * KIB)),
            "hard": "required",
        },
        "stressors": ["pipes"],
    }


def _plain_target(load: Load) -> dict[str, Any]:
    return {
        "target": {"usable_units": {"order": load.order, "max": load.left}, "free": {"min": "64MiB"}},
        "stressors": ["pipes"],
    }


def _shortage_target(free: ReportedFreeList, plan: Plan) -> dict[str, Any]:
    """Single pages near what was free, and never so few that the state itself would invoke the OOM killer."""
    floor_kb = 2 * plan.sysctls.get("vm.min_free_kbytes", 4 * KIB) + 8 * KIB
    wanted_kb = max(free.kb, floor_kb)
    return {
        "target": {
            "usable_units": {"order": 0, "max": (wanted_kb + 4 * KIB) // 4},
            "free": {"min": f"{wanted_kb * 3 // 4}KiB"},
        },
        "stressors": ["pipes"],
    }


def _between(free_kb: int) -> dict[str, str]:
    slack_kb = max(_FREE_SLACK_KB, free_kb // 10)
    return {"min": f"{free_kb - slack_kb}KiB", "max": f"{free_kb + slack_kb}KiB"}


def picture_of(event: MemoryEvent, plan: Plan, facts: list[Fact]) -> dict[str, Any]:
    """The keys of a scenario's `picture` for the memory of an event; what was done goes to `facts`."""
    usage = {name: event.usage_kb[name] for name in NAMES if name in event.usage_kb and name != "free_cma"}
    value = f"{sum(usage.values())} kB in {count_of('line', len(usage))}"
    facts.append(
        read("composition", value, "the report's Mem-Info; rebuilt line by line, divided by the scale")
    )
    picture = scaled(Picture.model_validate({name: f"{kb}KiB" for name, kb in usage.items()}), plan.scale)
    data: dict[str, Any] = picture.model_dump(mode="json", exclude_none=True)
    if plan.free is not None:
        blocks = list(plan.free.blocks)
        while blocks and not blocks[-1]:
            blocks.pop()
        data["free_blocks"] = blocks or [0]
    if plan.cma_mib:
        data["free_cma"] = f"{plan.cma_mib}MiB"
    if plan.watermarks_kb[0] is not None:
        names = zip(("min", "low", "high"), plan.watermarks_kb, strict=True)
        data["watermarks"] = {name: f"{kb}KiB" for name, kb in names if kb is not None}
        why = "before, nothing is to be reclaimed. high is low + (low - min) in these kernels"
        facts.append(inferred("watermarks", "set when the trigger starts", why))
    return data
