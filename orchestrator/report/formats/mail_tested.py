# SPDX-License-Identifier: Apache-2.0
"""What was tested on what, as the lines of a mail: device, kernels with package or commit, load."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.report.formats.mail_parts import prose
from orchestrator.report.formats.placeless import placeless
from orchestrator.report.formats.what_was_run import trigger_words
from orchestrator.report.rows import device_lines, sample_line
from orchestrator.verdict.judged_run import JudgedRun

_MOST_LOAD = 200
"""Characters: a command may be a whole script."""


def tested(report: JudgedRun) -> Iterator[str]:
    """Device first, then a line a variant, then the load and how much of it there was."""
    device = report.manifest.scenario.device
    ran_by = dict.fromkeys(
        f"{by.programs_words}, {by.machine_words}" for by in report.manifest.accelerators.values()
    )
    yield from prose(f"Tested on {device.words} ({'; '.join(ran_by)}):")
    for name, words in kernels_tested(report):
        yield from prose(f"{name}: {words}", "  * ", "    ")
    for line in device_lines(report.verdict):
        yield from prose(placeless(line), "  * ", "    ")
    load = trigger_words(report)
    load = load if len(load) <= _MOST_LOAD else f"{load[:_MOST_LOAD]}..."
    yield from prose(f"Load: {load}, in {sample_line(report.verdict.passes[0]).splitlines()[0]}.")


def kernels_tested(report: JudgedRun) -> Iterator[tuple[str, str]]:
    """Every variant's name and kernel; one that was told before is `the same`."""
    scenario = report.manifest.scenario
    told: dict[str, str] = {}
    for name, variant in scenario.variants.items():
        if variant.twin_of is not None:
            yield name, f"{variant.twin_of} once more, as a control"
            continue
        artefacts = report.manifest.artefacts_of(name)
        base = scenario.bases[name].name
        kernel = placeless(base) if artefacts is None else _kernel(placeless(base), artefacts)
        before = told.setdefault(kernel, name)
        patches = f" with {', '.join(patch.name for patch in variant.patches)}" if variant.patches else ""
        settings = f", told {variant.settings_words}" if variant.settings_words else ""
        yield name, (kernel if before == name else f"the kernel of {before}") + patches + settings


def _kernel(base: str, artefacts: ArtefactManifest) -> str:
    package = next((each for each in artefacts.packages if each.name.startswith("linux-image")), None)
    if package is not None and artefacts.built is None and artefacts.release in package.name:
        return f"{base} ({package.name} {package.version})"
    facts = [artefacts.release]
    if artefacts.built is not None:
        facts.append(f"built from {placeless(artefacts.built.words)}")
    elif artefacts.given is not None:
        facts += [placeless(artefacts.given.image), f"sha256 {artefacts.given.image_sha256[:12]}"]
    elif package is not None:
        facts.append(f"{package.name} {package.version}")
    return f"{base} ({', '.join(facts)})"
