# SPDX-License-Identifier: Apache-2.0
"""What two runs do not have in common, from their manifests. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from orchestrator.clock import Clock
from orchestrator.record.manifest import RunManifest
from orchestrator.runs_compared.record import Difference

# What may differ between two runs of one experiment.
_OF_THE_RUN: dict[str, bool | set[str]] = {"name": True, "description": True, "expectations": True,
               "trials": {"seed", "blocks", "forks"}}  # fmt: skip
_ABSENT = "-"
_SHOWN_OF_A_CHECKSUM = 12


def differences(first: RunManifest, second: RunManifest) -> tuple[Difference, ...]:
    """All differences that results may come from; samples and names are none."""
    ours, theirs = (dict(_facts(manifest)) for manifest in (first, second))
    return tuple(
        Difference(what=what, first=ours.get(what, _ABSENT), second=theirs.get(what, _ABSENT))
        for what in {**ours, **theirs}
        if ours.get(what) != theirs.get(what)
    )


def times_differ_by(found: tuple[Difference, ...], clock: Clock) -> str | None:
    """Why times of the two runs are of different machines; None when they are not.

    Instructions depend on the guest's CPU alone, seconds on everything that runs the guest: under emulation
    also on whether it was forked, for a fork starts with an empty translation cache.
    """
    decisive = {"device.arch", "device.cpus", f"{clock}.cpu_model"}
    if clock == "realtime":
        decisive |= {"realtime.accelerator", "realtime.qemu_version", "host.cpu_model", "trials.timing",
                     "trials.fork"}  # fmt: skip
    names = [difference.what for difference in found if difference.what in decisive]
    return f"not the same in both runs: {', '.join(names)}" if names else None


def _facts(manifest: RunManifest) -> Iterator[tuple[str, str]]:
    scenario = manifest.scenario.model_dump(mode="json", exclude=_OF_THE_RUN, exclude_none=True)
    yield from _flat(scenario, "")
    for clock, report in manifest.accelerators.items():
        yield f"{clock}.accelerator", report.accelerator
        yield f"{clock}.qemu_version", report.version
        yield from ((f"{clock}.{name}", version) for name, version in report.programs.items())
        yield f"{clock}.cpu_model", report.cpu_model
    yield from _flat(manifest.host.model_dump(mode="json"), "host")
    yield "oomlab", manifest.oomlab_version
    for base, artefacts in manifest.artefacts.items():
        yield f"{base}.release", artefacts.release
        checksums = {"kernel": artefacts.kernel_sha256, "agent": artefacts.agent_sha256}
        modules = {f"{each.name} (module)": each.module_sha256 for each in artefacts.variants}
        for name, checksum in chain(checksums.items(), modules.items()):
            if checksum is not None:
                yield f"{base}.{name}", checksum[:_SHOWN_OF_A_CHECKSUM]


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Leaves by their path: `device.memory`, `fragmentation.stressors.0.kind`."""
    children: Mapping[Any, Any] = (
        value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}
    )
    if not children:
        if not isinstance(value, (dict, list)):
            yield path, str(value)
        return
    for key, child in children.items():
        yield from _flat(child, f"{path}.{key}" if path else str(key))
